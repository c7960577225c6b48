/** What is done on a small host of shared mounts while calls fail, besides restoring trees there. */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import * as sys from '../../lib/sys.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import { inspectHost } from '../../lib/system/inspect/inspect.ts';
import { probe } from '../../lib/system/inspect/probe.ts';
import { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { lxcTree } from '../support/lxc-host.ts';
import type { ScratchMount } from '../support/scratch-mount.ts';
import { release } from './every-call.ts';
import { disarm } from './hook.ts';
import { children } from './state.ts';

const SMALL = parseMountinfo(
  '1 0 0:1 / / rw,relatime - tmpfs root rw\n2 1 0:2 / /a rw,relatime shared:1 - tmpfs disk rw\n',
);

/** A directory to attach to, and a mount with another mounted below it; both go with the scratch mount. */
function makeStack(scratch: ScratchMount): void {
  scratch.directory('at');
  const below = join(scratch.tmpfs('host', 'mode=755'), 'below');
  mkdirSync(below);
  sys.mount('below', below, { type: 'tmpfs' });
}

export const OPERATIONS: { readonly [name: string]: (scratch: ScratchMount) => void | Promise<void> } = {
  'a capture of the own table': () => {
    expect(captureTree().size).toBeGreaterThan(1);
  },
  'a capture of a process': () => {
    expect(captureTree({ pid: process.pid }).size).toBeGreaterThan(1);
  },
  'a capture of a namespace': () => {
    using namespace = MountNamespace.create();
    expect(namespace.capture().size).toBeGreaterThan(1);
  },
  'a probe': () => {
    expect(probe().kernel).not.toBe('');
  },
  'an inspection': (scratch) => {
    const options = { root: scratch.path, into: { at: scratch.path } };
    expect(inspectHost(lxcTree(), options).destination?.path).toBe(scratch.path);
  },
  'the namespace of a process': () => {
    using namespace = MountNamespace.of(process.pid);
    expect(namespace.fd.closed).toBe(false);
  },
  'a namespace by its file': () => {
    using namespace = MountNamespace.open('/proc/self/ns/mnt');
    expect(namespace.fd.closed).toBe(false);
  },
  'a namespace of a user namespace, held twice': () => {
    using namespace = MountNamespace.create({ userNamespace: 'self' });
    using again = namespace.share();
    expect(again.capture().size).toBeGreaterThan(1);
  },
  'namespaces that a process keeps': async () => {
    try {
      MountNamespace.create({ newNamespaces: ['pid', 'ipc'], userNamespace: 'self' }).close();
    } finally {
      await vi.waitFor(() => expect(children()).toEqual([])); // Node reaps it when it comes to it
    }
  },
  'a tree as the root of a namespace': () => {
    using namespace = MountNamespace.create({ from: 'empty' });
    const restored = namespace.restoreSync(SMALL);
    release(restored);
    expect(restored.differences).toEqual([]);
  },
  'a tree in a namespace of a user namespace': (scratch) => {
    using namespace = MountNamespace.create({ userNamespace: 'self' });
    const restored = namespace.restoreSync(SMALL, { at: scratch.path });
    release(restored);
    expect(restored.differences).toEqual([]);
  },
  'what is mounted below a path of the host': (scratch) => {
    const host = scratch.at('host');
    if (!existsSync(host)) makeStack(scratch);
    const tree = parseMountinfo('1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw\n');
    const options = { root: host, recursive: ['/'], into: { at: scratch.at('at') } };
    const restored = restoreTreeSync(tree, { ...options, makeDestinationPrivate: true });
    release(restored);
    expect(restored.differences).toEqual([]);
    expect(restored.report.broughtAlong.map(({ mountPoint }) => mountPoint)).toEqual(['/below']);
  },
  'attributes of a mount and of a clone': (scratch) => {
    sys.mountSetattr(scratch.path, { set: ['NOSYMFOLLOW'] });
    using clone = sys.openTreeAttr(scratch.path, { set: ['RDONLY'] }, ['CLONE']);
    sys.mountSetattr(clone, { propagation: 'PRIVATE' });
    using writable = sys.openTreeAttr(clone, { clear: ['RDONLY'] }, ['CLONE']);
    expect(writable.closed).toBe(false);
  },
  'a pin': async (scratch) => {
    using namespace = MountNamespace.create();
    const path = scratch.at('pin');
    await namespace.pin(path);
    disarm(); // what follows is the test's own
    sys.umount(path);
    rmSync(path);
  },
};
