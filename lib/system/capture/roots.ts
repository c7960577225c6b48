import { AT, S_IFMT } from '../../flags.ts';
import { NumberById } from '../../model/by-id.ts';
import { decodeBytes, encodeBytes } from '../../model/bytes.ts';
import {
  type FileKind,
  isIdmapped,
  type Mount,
  type MountDraft,
  type NodeStatus,
  type OwnedNode,
  type PathString,
} from '../../model/mount.ts';
import { behindIdmap, OrdinaryRoots } from '../../model/nodes.ts';
import { inStretches, type Pausing, STRETCH } from '../../model/pausing.ts';
import type { MountTree } from '../../model/tree.ts';
import { type Fd, fdNumber } from '../calls/fd.ts';
import { deviceText } from '../calls/lookup.ts';
import { type NativeStat, native } from '../calls/native.ts';
import { Stats } from '../calls/stats.ts';
import { type OwnerView, ownedAsSeen } from './owner-ids.ts';

/** No automount is triggered and no server asked: what the kernel has at hand is enough. */
const AT_STATX_DONT_SYNC = 0x4000;
export const LOOK_ONLY = AT.SYMLINK_NOFOLLOW | AT.NO_AUTOMOUNT | AT_STATX_DONT_SYNC;

/**
 * Fills in what can be seen of each mount's root from a root directory. Of what another mount covers only the
 * kind can be known: what holds a mount is a directory, and what is covered is of the kind of its cover.
 */
export function* fillRoots(tree: MountTree, root: Fd, owners: OwnerView): Pausing<RootStats> {
  const stats = new RootStats(tree.list, fdNumber(root));
  const ordinary = new OrdinaryRoots();
  yield* inStretches(tree.size, STRETCH, (start, end) => {
    stats.look(start, end);
    for (let index = start; index < end; index += 1)
      fillVisible(tree.list[index] as Mount, stats, ordinary, owners);
  });
  const climbed = new Set<MountDraft>();
  yield* inStretches(tree.size, STRETCH, (start, end) => {
    for (let index = start; index < end; index += 1) fillCovered(tree, tree.list[index] as Mount, climbed);
  });
  return stats;
}

/** statx(2) of the roots of mounts, by the paths of their mount points. */
export class RootStats {
  readonly #mounts: readonly Mount[];
  readonly #indexes: NumberById;
  readonly #isUnique: boolean;
  readonly #looked: Stats[] = [];

  /** @param root the directory that the mount points are below. */
  constructor(
    mounts: readonly Mount[],
    readonly root: number,
  ) {
    this.#mounts = mounts;
    this.#indexes = new NumberById(mounts);
    // The id that mountinfo shows may be another mount's since the table was read.
    this.#isUnique = mounts.every(({ uniqueId }) => uniqueId !== undefined);
  }

  /** Looks at the stretch that begins with `start`. */
  look(start: number, end: number): void {
    const paths: PathString[] = [];
    for (let index = start; index < end; index += 1) {
      const { id, mountPoint } = this.#mounts[index] as Mount;
      this.#indexes.set(id, index);
      paths.push(mountPoint.slice(1));
    }
    this.#looked.push(Stats.of(this.root, paths, LOOK_ONLY | AT.EMPTY_PATH, this.#isUnique));
  }

  /** `undefined` when the path leads onto another mount, or nowhere. */
  of({ id, uniqueId }: Mount): NativeStat | undefined {
    const index = this.#indexes.get(id) ?? -1;
    const looked = this.#looked[Math.floor(index / STRETCH)];
    return looked?.onMount(index % STRETCH, Number(this.#isUnique ? uniqueId : id));
  }
}

/** Fills in the kind of a mount, and of those that cover it, up to one that is known. */
function fillCovered(tree: MountTree, lowest: Mount, climbed: Set<MountDraft>): void {
  const alike: MountDraft[] = [];
  let top: MountDraft | undefined = lowest;
  while (top?.kind === 'unknown' && !climbed.has(top)) {
    const { mountPoint }: Mount = top;
    const children = tree.childrenOf(top);
    const cover: Mount | undefined = children.find((child) => child.mountPoint === mountPoint);
    climbed.add(top);
    alike.push(top);
    if (children.some((child) => child !== cover)) top.kind = 'directory';
    else top = cover;
  }
  for (const mount of alike) mount.kind = top?.kind ?? 'unknown';
}

function fillVisible(mount: MountDraft, stats: RootStats, ordinary: OrdinaryRoots, owners: OwnerView): void {
  const status = stats.of(mount);
  const seen = status && nodeOf(status, stats.root, mount.mountPoint.slice(1));
  const node = nodeThrough(mount, seen, owners);
  if (!status || !node) return;
  mount.kind = node.kind === 'directory' ? 'directory' : 'file';
  if (mount.deleted) mount.rootInode = String(status.inode);
  if (!ordinary.has(mount, node)) mount.rootNode = node;
}

/** The node as its filesystem has it, with the owners of a view. The ids in a map of a mount are the filesystem's. */
export function nodeThrough(
  mount: Mount,
  node: OwnedNode | undefined,
  owners: OwnerView,
): NodeStatus | undefined {
  if (!node) return undefined;
  return isIdmapped(mount) ? behindIdmap(node, mount.idmap) : ownedAsSeen(node, owners);
}

const KINDS = new Map<number, FileKind>([
  [0o010000, 'fifo'],
  [0o020000, 'character'],
  [0o040000, 'directory'],
  [0o060000, 'block'],
  [0o100000, 'file'],
  [0o120000, 'symlink'],
  [0o140000, 'socket'],
]);

/** The node that was stat'ed at a path; `undefined` for what can be nowhere but in its own filesystem. */
export function nodeOf(status: NativeStat, directory: number, path: PathString): OwnedNode | undefined {
  // An nsfs file or a pidfd has no type in its mode that can be made: to a mount it is a file.
  const kind = KINDS.get(status.mode & S_IFMT) ?? 'file';
  const node = { kind, mode: status.mode & 0o7777, uid: status.uid, gid: status.gid };
  if (kind === 'character' || kind === 'block') return { ...node, device: deviceText(status.special) };
  if (kind !== 'symlink') return node;
  const target = native.sys.readlinkat(directory, encodeBytes(path));
  return typeof target === 'number' ? undefined : { ...node, target: decodeBytes(target) };
}
