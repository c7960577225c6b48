import { mkdirSync } from 'node:fs';
import { expect } from 'vitest';
import { parseMountinfo } from '../../lib/formats/mountinfo.ts';
import { encodeBytes } from '../../lib/model/bytes.ts';
import { diffTrees } from '../../lib/model/diff.ts';
import type { IdMap } from '../../lib/model/mount.ts';
import type { MountTree } from '../../lib/model/tree.ts';
import type { RestoreOptions } from '../../lib/plan/options/options.ts';
import * as sys from '../../lib/sys.ts';
import { Procfs } from '../../lib/system/calls/procfs.ts';
import { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { idmapNamespace } from '../../lib/system/namespaces/userns.ts';
import { restoreTree, restoreTreeSync } from '../../lib/system/restore/restore.ts';
import type { RestoredTree } from '../../lib/system/restore/restored.ts';
import { inside } from './inside.ts';

/** The engines that every shape is restored with. */
export const BOTH_ENGINES = ['detached', 'yard'] as const;
export type TestedEngine = (typeof BOTH_ENGINES)[number];

const ROOT_LINE = '1 0 0:1 / / rw,relatime - tmpfs root rw,mode=755\n';
const PROC_LINE = '2 1 0:2 / /proc rw,relatime - proc proc rw\n';

interface LiveOptions {
  /** Has a proc to begin with. */
  readonly proc?: boolean;
  /** Begins as a copy of another, as unshare(2) makes it. */
  readonly copyOf?: LiveNamespace;
}

/** A mount namespace of its own, in which `build` mounts what it likes: at first it is an empty tmpfs. */
export class LiveNamespace implements Disposable {
  readonly namespace: MountNamespace;

  constructor(build: () => void = () => {}, { proc = false, copyOf }: LiveOptions = {}) {
    this.namespace = copyOf
      ? copyOfNamespace(copyOf.namespace)
      : emptyNamespace(proc ? ROOT_LINE + PROC_LINE : ROOT_LINE);
    try {
      this.do(build);
    } catch (error) {
      this.namespace.close();
      throw error;
    }
  }

  /** Runs something on this thread, inside. */
  do<T>(work: () => T): T {
    return inside(this.namespace, work);
  }

  capture(): MountTree {
    return this.namespace.capture();
  }

  [Symbol.dispose](): void {
    this.namespace.close();
  }
}

/**
 * In the yard the root is younger than what it is mounted on, and so the kernel lists what a cover of it hides. It is
 * held by nothing but its file: what becomes of its root is seen as from outside.
 */
function emptyNamespace(table: string): MountNamespace {
  using restored = restoreTreeSync(parseMountinfo(table), { engine: 'yard' });
  return MountNamespace.open(`/proc/self/fd/${restored.namespace?.fd.number}`);
}

/** Its file is found by a proc from outside, because the namespace may have none. */
function copyOfNamespace(namespace: MountNamespace): MountNamespace {
  using procfs = Procfs.open();
  return inside(namespace, () => {
    sys.unshare(['NEWNS']);
    return new MountNamespace(procfs.openLink('thread-self/ns', 'mnt'));
  });
}

/** Restores what was captured: nothing differs from the plan's target, and nothing from the capture. */
export async function restoreSame(
  captured: MountTree,
  engine: TestedEngine,
  options: RestoreOptions = {},
): Promise<RestoredTree> {
  const restored = await restoreTree(captured, { ...options, engine });
  try {
    expect(restored.differences).toEqual([]);
    expect(diffTrees(captured, restored.tree)).toEqual([]);
    expect(restored.tree.size).toBe(captured.size);
    return restored;
  } catch (error) {
    restored.release();
    throw error;
  }
}

interface ExpectedShape {
  readonly size?: number;
  /** What {@link deletedRootsOf} is to say of what was captured. */
  readonly roots?: Readonly<Record<string, string>>;
}

/** Builds, captures and restores; nothing is left open. */
export async function expectShapeComesBack(
  build: () => void,
  engine: TestedEngine,
  options: RestoreOptions & ExpectedShape = {},
): Promise<void> {
  const { size, roots, ...rest } = options;
  using live = new LiveNamespace(build);
  const captured = live.capture();
  if (size === undefined) expect(captured.size).toBeGreaterThan(1);
  else expect(captured.size).toBe(size);
  if (roots !== undefined) expect(deletedRootsOf(captured)).toEqual(roots);
  using _restored = await restoreSame(captured, engine, rest);
}

let events = 0;

/** Mounts a tmpfs in a namespace; where it appeared in each of some namespaces, sorted. It is left there. */
export function arrivalsOf(path: string, on: MountNamespace, seenIn: readonly MountNamespace[]): string[][] {
  events += 1;
  const source = `event ${events}`;
  inside(on, () => mountTmpfs(path, '', source)); // a restore brings no directories but those in use
  return seenIn.map((namespace) =>
    namespace
      .capture()
      .mounts.filter((mount) => mount.source === source)
      .map(({ mountPoint }) => mountPoint)
      .sort(),
  );
}

/** A mount on a path of the original goes to the places where one on the same path of the copy goes. */
export function expectSameArrivals(path: string, original: MountNamespace, restored: RestoredTree): string[] {
  const [expected = []] = arrivalsOf(path, original, [original]);
  const copy = restored.namespace as MountNamespace;
  expect(arrivalsOf(path, copy, [copy])).toEqual([expected]);
  return expected;
}

/** The names of directories and files are bytes. */
export function directory(path: string): void {
  mkdirSync(encodeBytes(path) as Buffer, { recursive: true });
}

/** A tmpfs on a directory that is made for it, with the path as its source. */
export function mountTmpfs(path: string, options = '', source = path): void {
  directory(path);
  sys.mount(source, path, { type: 'tmpfs', options });
}

export function bindTo(from: string, to: string): void {
  directory(to);
  sys.bind(from, to);
}

/** Binds, and makes the bind a slave of what it shows. */
export function slaveOf(from: string, to: string): void {
  bindTo(from, to);
  sys.makeSlave(to);
}

/** Puts a mount into the peer group, and under the master, of another (MOVE_MOUNT_SET_GROUP). */
export function joinGroup(from: string, to: string): void {
  using member = sys.openTree(from);
  using joining = sys.openTree(to);
  sys.moveMount(member, joining, ['SET_GROUP']);
}

/** Tucks a new tmpfs under the mount at a path. */
export function mountBeneath(path: string, source: string): void {
  using context = sys.fsopen('tmpfs');
  sys.fsconfigString(context, 'source', source);
  sys.fsconfigCreate(context);
  using mount = sys.fsmount(context);
  sys.moveMount(mount, path, ['BENEATH']);
}

/** Makes the superblock that a mount shows read-only, not the mount. */
export function makeSuperblockReadOnly(path: string): void {
  using context = sys.fspick(path);
  sys.fsconfigFlag(context, 'ro');
  sys.fsconfigReconfigure(context);
}

export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** The roots in the filesystem mounted at /d, with a mark on the deleted ones, by mount point. */
export function deletedRootsOf(tree: MountTree): Record<string, string> {
  const device = tree.at('/d')?.device;
  return Object.fromEntries(
    tree.mounts
      .filter((mount) => mount.device === device && mount.mountPoint !== '/d')
      .map(({ mountPoint, root, deleted }) => [mountPoint, `${root}${deleted ? ' gone' : ''}`]),
  );
}

/** A bind of a mount, at a new place, with a map. */
export function bindMapped(from: string, to: string, idmap: IdMap): void {
  directory(to);
  using userNamespace = idmapNamespace(idmap, 1);
  using clone = sys.openTree(from, ['CLONE']);
  sys.mountSetattr(clone, { set: ['IDMAP'], userNamespace });
  sys.moveMount(clone, to);
}
