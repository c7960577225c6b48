import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MountError, ProcfsError } from '../../lib/errors.ts';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import { UnmetRequirementsError } from '../../lib/plan/options/requirements.ts';
import * as sys from '../../lib/sys.ts';
import { captureTree } from '../../lib/system/capture/capture.ts';
import { captureSnapshot } from '../../lib/system/capture/snapshot.ts';
import { inspectHost } from '../../lib/system/inspect/inspect.ts';
import { probe } from '../../lib/system/inspect/probe.ts';
import { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { restoreTreeSync } from '../../lib/system/restore/restore.ts';
import { HostileRootfs, hostileTargets } from '../support/hostile-rootfs.ts';
import { inside } from '../support/inside.ts';
import { expectNoLeakedFds } from '../support/open-fds.ts';
import { isMachineRoot } from '../support/privilege.ts';

const TREE = parseMountinfo(`1 0 0:1 / / rw,relatime - tmpfs root rw
2 1 0:2 / /a rw,relatime shared:1 - tmpfs disk rw
`);
const LIE = '1 0 8:1 / / rw,relatime - ext4 /dev/lie rw\n';

/** The files that mountyard reads, and one that it writes. */
function writeLies(proc: string): void {
  for (const process of ['self', 'thread-self', '1', String(globalThis.process.pid)]) {
    mkdirSync(join(proc, process, 'ns'), { recursive: true });
    mkdirSync(join(proc, process, 'fd'));
    for (const name of [
      'mountinfo',
      'status',
      'uid_map',
      'gid_map',
      'setgroups',
      'stat',
      'ns/mnt',
      'ns/user',
    ]) {
      writeFileSync(join(proc, process, name), LIE);
    }
  }
}

const reading: { readonly [title: string]: () => unknown } = {
  'captureTree()': () => captureTree(),
  'captureTree({ pid })': () => captureTree({ pid: process.pid }),
  'captureSnapshot({ descendants })': () => captureSnapshot({ pid: process.pid, descendants: true }),
  'probe()': () => probe(),
  'inspectHost()': () => inspectHost(TREE),
  'restoreTreeSync()': () => restoreTreeSync(TREE),
  'restoreTreeSync() in a user namespace': () => restoreTreeSync(TREE, { userNamespace: 'self' }),
  'MountNamespace.current()': () => MountNamespace.current(),
  'MountNamespace.create()': () => MountNamespace.create(),
};

describe.skipIf(!isMachineRoot)('a /proc that is none (CVE-2025-31133, CVE-2025-52881)', () => {
  expectNoLeakedFds();

  test.each(Object.entries(reading))('is neither read nor written: %s', (_, work) => {
    using namespace = MountNamespace.create();
    inside(namespace, () => {
      sys.mount('lies', '/proc', { type: 'tmpfs' });
      writeLies('/proc');
      expect(work).toThrow(ProcfsError);
      expect(readFileSync('/proc/self/uid_map', 'utf8')).toBe(LIE);
      expect(readFileSync('/proc/self/setgroups', 'utf8')).toBe(LIE);
    });
  });

  test('a directory of a true one at /proc is none either', () => {
    using namespace = MountNamespace.create();
    inside(namespace, () => {
      sys.bind('/proc/sys', '/proc');
      expect(() => captureTree()).toThrow(ProcfsError);
    });
  });

  test.each(['mountinfo', 'status', 'uid_map'])(
    'a file that is mounted over %s of a true one is noticed',
    (name) => {
      using namespace = MountNamespace.create();
      inside(namespace, () => {
        sys.mount('lies', '/mnt', { type: 'tmpfs' });
        writeFileSync('/mnt/lie', LIE);
        sys.bind('/mnt/lie', `/proc/${process.pid}/task/${process.pid}/${name}`);
        let refusal: unknown;
        try {
          inspectHost(TREE);
        } catch (error) {
          refusal = error;
        }
        expect(refusal).toBeInstanceOf(MountError);
        expect(refusal).toMatchObject({ code: 'EXDEV', syscall: 'openat2' });
      });
    },
  );

  test('one in the root filesystem tells nothing of the tree that is built there', () => {
    using rootfs = new HostileRootfs();
    rootfs.directory('a');
    writeLies(rootfs.in('proc'));
    const tree = parseMountinfo(`1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw
2 1 0:2 / /a rw,relatime - tmpfs disk rw
`);
    for (const into of [{ namespace: 'new' }, { at: rootfs.scratch.directory('at') }] as const) {
      using restored = restoreTreeSync(tree, { root: rootfs.path, into });
      expect(restored.differences).toEqual([]);
      expect(restored.tree.mounts.map(({ source }) => source)).not.toContain('/dev/lie');
      expect(restored.tree.size).toBe(2);
      expect(restored.namespace?.capture().size ?? 2).toBe(2);
    }
  });
});

describe.skipIf(!isMachineRoot)('a false /dev (CVE-2025-31133, CVE-2025-52565)', () => {
  const tree = (mountPoint: string, type: string) =>
    parseMountinfo(`1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw
2 1 0:2 / ${mountPoint} rw,relatime - ${type} x rw
`);

  test.each([
    ['/dev/null', 'devtmpfs'],
    ['/dev/console', 'devtmpfs'],
    ['/dev/pts', 'devpts'],
    ['/dev/ptmx', 'devtmpfs'],
  ])('with a link at %s has nothing mounted through it', (mountPoint, type) => {
    for (const target of ['absolute', 'relative', 'dangling', 'magic']) {
      using rootfs = new HostileRootfs();
      rootfs.link(mountPoint, hostileTargets(rootfs, 1)[target] as string);
      const external = type === 'devtmpfs' ? { external: { [mountPoint]: '/dev/null' } } : {};
      for (const makeMountPoints of [false, true]) {
        const restore = () =>
          restoreTreeSync(tree(mountPoint, type), { root: rootfs.path, makeMountPoints, ...external });
        expect(restore).toThrow(UnmetRequirementsError);
        expect(restore).toThrow(/symlink/);
      }
      rootfs.expectNothingOutside();
    }
  });
});
