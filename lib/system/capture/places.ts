import type { DirectoryStatus, Mount, MountDraft, NodeStatus, PathString } from '../../model/mount.ts';
import { isOrdinaryNode, isOwned } from '../../model/nodes.ts';
import { joinPath, relativePath } from '../../model/paths.ts';
import { inStretches, type Pausing, STRETCH } from '../../model/pausing.ts';
import type { MountTree } from '../../model/tree.ts';
import { takesNodes } from '../../plan/filesystems.ts';
import { statFd } from '../calls/lookup.ts';
import type { NativeStat } from '../calls/native.ts';
import { Stats } from '../calls/stats.ts';
import { Clones, type Doors } from './clones.ts';
import type { OwnerView } from './owner-ids.ts';
import { LOOK_ONLY, nodeOf, nodeThrough, type RootStats } from './roots.ts';
import { rootsBelow, waysTo } from './ways.ts';

/** How to get to what is looked at. */
export interface Entrance extends Doors {
  /** In whose ids owners are told. */
  readonly owners: OwnerView;
}

/** So many clones are open at a time. */
const AT_ONCE = 128;
const NONE: readonly PathString[] = [];

/**
 * Fills in what the mounts cover, and the directories on the way there and to the roots of mounts, where that is in a
 * filesystem that a restore makes anew. It is seen in a detached, private, non-recursive clone of the mount below,
 * which changes nothing and which nobody else sees. Without the privilege for that, and on mounts that are covered
 * themselves, it stays unknown. The clone of an idmapped mount loses its map, so that it shows the owners that the
 * filesystem has, also of the mount's own root; where the kernel does not take the map away, those that the map hides
 * stay unknown.
 */
export function* fillPlaces(tree: MountTree, roots: RootStats, entrance: Entrance): Pausing<void> {
  const parents = yield* parentsIn(tree, roots);
  for (let start = 0; start < parents.length; ) {
    using clones = Clones.of(parents.slice(start, start + AT_ONCE), entrance);
    if (!clones) break;
    start += clones.tried;
    yield;
    for (const { of: parent, fd, mapped } of clones.all) {
      const status = statusOfClone(parent, fd);
      if (!status) continue;
      // What is seen without the map is as the filesystem has it.
      const mount = mapped ? parent.mount : withoutMap(parent.mount);
      const clone = { fd, mount, id: Number(status.mountId), owners: entrance.owners };
      if (!mapped && parent.mount.rootNode) {
        const root = nodeThrough(mount, nodeOf(status, fd, ''), entrance.owners);
        if (root) parent.mount.rootNode = root;
      }
      yield* fillSpots(parent, clone);
      const ways = yield* lookAtWays(parent, clone);
      if (ways.length > 0) parent.mount.directories = ways;
    }
  }
}

/** A mount that others are on, or show parts of, and what its root is. */
interface Parent {
  readonly mount: MountDraft;
  readonly spots: readonly { readonly on: MountDraft; readonly path: PathString }[];
  readonly ways: readonly PathString[];
  readonly status: NativeStat;
}

function* parentsIn(tree: MountTree, stats: RootStats): Pausing<Parent[]> {
  // No clone is made of an unbindable mount.
  const canBeSeen = (mount: Mount) =>
    takesNodes(mount.type) && !mount.propagation.unbindable && stats.of(mount) !== undefined;
  const roots = rootsBelow(tree, canBeSeen);
  yield;
  const parents: Parent[] = [];
  yield* inStretches(tree.size, STRETCH, (start, end) => {
    for (let index = start; index < end; index += 1) {
      const mount = tree.list[index] as Mount;
      const parent = takesNodes(mount.type) && parentOn(tree, mount, roots.get(mount) ?? NONE, stats);
      if (parent) parents.push(parent);
    }
  });
  return parents;
}

function parentOn(
  tree: MountTree,
  mount: Mount,
  below: readonly PathString[],
  stats: RootStats,
): Parent | undefined {
  const spots = placesOn(tree, mount);
  const isHidden = mount.rootNode !== undefined && !isOwned(mount.rootNode);
  if (spots.length + below.length === 0 && !isHidden) return undefined;
  const ways = waysTo([...spots.map(({ path }) => path), ...below]);
  const status = spots.length + ways.length > 0 || isHidden ? stats.of(mount) : undefined;
  return status && { mount, spots, ways, status };
}

/** The mount as a clone without its map would be. */
function withoutMap({ idmap: _map, ...mount }: Mount): Mount {
  return { ...mount, options: mount.options.filter((word) => word !== 'idmapped') };
}

/** The children that are not on the mount's own root. */
function placesOn(tree: MountTree, parent: Mount): Parent['spots'] {
  const spots: Parent['spots'][number][] = [];
  for (const on of tree.childrenOf(parent)) {
    const path = relativePath(parent.mountPoint, on.mountPoint) ?? '';
    if (path !== '') spots.push({ on, path });
  }
  return spots;
}

/**
 * The clone's status, when it is of what the path led to: the same file of the same filesystem is the same directory to
 * look in.
 */
function statusOfClone({ status }: Parent, clone: number): NativeStat | undefined {
  const seen = statFd(clone);
  return seen?.inode === status.inode && seen.device === status.device ? seen : undefined;
}

/** A clone to look in, and the mount that what is seen there is as seen through. */
interface Looked {
  readonly fd: number;
  readonly id: number;
  readonly mount: Mount;
  readonly owners: OwnerView;
}

/** What is at each of the paths in a clone. */
function* nodesIn(
  { fd, id, mount, owners }: Looked,
  paths: readonly PathString[],
): Pausing<(NodeStatus | undefined)[]> {
  const nodes: (NodeStatus | undefined)[] = [];
  yield* inStretches(paths.length, STRETCH, (start, end) => {
    const some = paths.slice(start, end);
    const stats = Stats.of(fd, some, LOOK_ONLY);
    for (const [index, path] of some.entries()) {
      // Nothing is mounted in the clone: what is on another mount was reached through a symlink out of it.
      const found = stats.onMount(index, id);
      nodes.push(found && nodeThrough(mount, nodeOf(found, fd, path), owners));
    }
  });
  return nodes;
}

function* lookAtWays({ mount, ways }: Parent, clone: Looked): Pausing<DirectoryStatus[]> {
  if (ways.length === 0) return [];
  const nodes = yield* nodesIn(clone, ways);
  return ways.flatMap((path, index) => {
    const node = nodes[index];
    if (node?.kind !== 'directory' || isOrdinaryNode(node)) return [];
    const { kind: _directory, ...status } = node;
    return [{ path: joinPath(mount.root, path), ...status }];
  });
}

function* fillSpots({ spots }: Parent, clone: Looked): Pausing<void> {
  const nodes = yield* nodesIn(
    clone,
    spots.map(({ path }) => path),
  );
  for (const [index, { on }] of spots.entries()) {
    const node = nodes[index];
    if (!node) continue;
    // A mount and what it is on are both directories, or neither is.
    if (on.kind === 'unknown') on.kind = node.kind === 'directory' ? 'directory' : 'file';
    if (!isOrdinaryNode(node)) on.placeNode = node;
  }
}
