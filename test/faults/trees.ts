/** What is restored while calls fail: trees that differ in what they ask of the kernel, and hosts that serve them. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import type { Snapshot } from '../../lib/model/snapshot.ts';
import type { MountTree } from '../../lib/model/tree.ts';
import type { RestoreOptions } from '../../lib/plan/options/options.ts';
import * as sys from '../../lib/sys.ts';
import { LxcHost, lxcTree } from '../support/lxc-host.ts';
import { ScratchMount } from '../support/scratch-mount.ts';

/** A host in the test's own namespace, and what is restored on it; it goes with all that was made for it. */
export interface Host extends Disposable {
  /** Everything that a restore could leave files in lies below it. */
  readonly path: string;
  readonly input: MountTree | Snapshot;
  readonly options: RestoreOptions;
}

const table = (...lines: readonly string[]) => parseMountinfo([...lines, ''].join('\n'));

/** A group, a slave of it, a stack, an unbindable and a read-only mount, a deleted root, a covered shared root. */
const GROUPS = table(
  '1 0 0:1 / / rw,relatime shared:4 - tmpfs root rw',
  '2 1 0:2 / /a rw,relatime shared:1 - tmpfs disk rw',
  '3 1 0:2 / /b rw,relatime shared:1 - tmpfs disk rw',
  '4 1 0:2 / /c rw,relatime shared:2 master:1 - tmpfs disk rw',
  '5 1 0:3 / /s ro,nosuid,relatime - tmpfs below ro',
  '6 5 0:4 / /s rw,noexec,relatime - tmpfs above rw',
  '7 6 0:2 /gone//deleted /s/d rw,relatime - tmpfs disk rw',
);

/** What a new user namespace may mount. */
const UNPRIVILEGED = table(
  '1 0 0:1 / / rw,relatime - tmpfs root rw,mode=755',
  '2 1 0:2 / /a rw,relatime shared:1 - tmpfs disk rw,size=64k',
  '3 1 0:2 /sub /c ro,relatime master:1 - tmpfs disk rw,size=64k',
  '4 1 0:3 / /ram rw,relatime - ramfs ram rw',
  '5 1 0:4 / /pts rw,nosuid,noexec,relatime - devpts devpts rw,mode=600,ptmxmode=000',
);

/** Sources and paths that take more than one call, unbindable mounts, windows. */
const LONG = table(
  '1 0 0:1 / / rw,relatime - tmpfs root rw',
  `2 1 0:2 / /long rw,relatime - tmpfs ${'s'.repeat(300)} rw,mode=700`,
  `3 1 0:3 / /${`${'d'.repeat(250)}/`.repeat(17)}deep rw,relatime - tmpfs deep rw`,
  '4 1 0:4 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw',
  '5 4 0:4 /sys /proc/sys ro,nosuid,nodev,noexec,relatime - proc proc rw',
  '6 1 0:5 / /mq rw,nosuid,nodev,noexec,relatime unbindable - mqueue mqueue rw',
);

/** Two namespaces that share a superblock and a peer group. */
const FAMILY: Snapshot = {
  namespaces: [
    table(
      '1 0 0:1 / / rw,relatime - tmpfs one rw',
      '2 1 0:2 / /own rw,relatime shared:1 - tmpfs disk rw',
      '3 1 0:2 /in /part rw,relatime master:1 - tmpfs disk rw',
    ),
    table(
      '11 0 0:3 / / rw,relatime - tmpfs two rw',
      '12 11 0:2 / /other rw,relatime shared:1 - tmpfs disk rw',
    ),
  ],
};

const IDMAPPED = table(
  '1 0 0:1 / / rw,relatime - tmpfs root rw',
  '2 1 0:2 / /mapped rw,relatime,idmapped - tmpfs disk rw',
  '3 1 0:3 / /file rw,relatime - ext4 /dev/sda1 rw',
  '4 1 0:3 / /dir rw,relatime - ext4 /dev/sda1 rw',
);
const MAP = { inside: 0, outside: 1000, length: 10 };

/** The test's own tmpfs, with nothing in it that a restore is to use but the place to attach. */
function plainHost(input: MountTree | Snapshot, options: RestoreOptions = {}): Host {
  const scratch = new ScratchMount();
  scratch.directory('at');
  return { path: scratch.path, input, options, [Symbol.dispose]: () => scratch[Symbol.dispose]() };
}

/** Two private sources become shared, and a mount point is made. */
function lxcHost(): Host {
  const host = new LxcHost({ leavePrivate: ['debugfs', 'disk'] });
  rmSync(join(host.rootfs, 'sys'), { recursive: true });
  const at = host.directory('at');
  return {
    path: join(at, '..'),
    input: lxcTree(),
    options: { ...host.options, shareSources: true, makeMountPoints: true },
    [Symbol.dispose]: () => host[Symbol.dispose](),
  };
}

/** A file and a directory of the host, and an idmapped mount. */
function idmapHost(): Host {
  const scratch = new ScratchMount();
  scratch.directory('at');
  mkdirSync(scratch.at('source/sub'), { recursive: true });
  return {
    path: scratch.path,
    input: IDMAPPED,
    options: {
      external: { '/file': scratch.file('plain'), '/dir': scratch.at('source') },
      idmap: { '/mapped': { uid: [MAP], gid: [MAP] } },
    },
    [Symbol.dispose]: () => scratch[Symbol.dispose](),
  };
}

/** Makers of hosts, by what is restored on them. */
export const HOSTS = {
  groups: () => plainHost(GROUPS),
  long: () => plainHost(LONG),
  'several namespaces': () => plainHost(FAMILY),
  'user namespace': () => plainHost(UNPRIVILEGED, { userNamespace: 'self' }),
  idmapped: idmapHost,
  'host effects': lxcHost,
} satisfies { readonly [name: string]: () => Host };
export type HostName = keyof typeof HOSTS;

/** The options to attach on it; below a shared mount, so that the destination has to be made private first. */
export function attaching({ path }: Host, shared: boolean): RestoreOptions {
  if (shared) sys.makeShared(path);
  return { into: { at: join(path, 'at') }, makeDestinationPrivate: shared };
}
