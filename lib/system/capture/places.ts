import { AT, CLONE, MOUNT_ATTR, MS, OPEN_TREE } from '../../flags.ts';
import {
  type DirectoryStatus,
  isIdmapped,
  type Mount,
  type MountDraft,
  type NodeStatus,
  type PathString,
} from '../../model/mount.ts';
import { isOrdinaryNode, isOwned } from '../../model/nodes.ts';
import { joinPath, relativePath } from '../../model/paths.ts';
import type { MountTree } from '../../model/tree.ts';
import { takesNodes } from '../../plan/filesystems.ts';
import { type Fd, fdNumber, OwnedFd } from '../calls/fd.ts';
import { statFd } from '../calls/lookup.ts';
import type { NativeStat, RunPlace, RunResult } from '../calls/native.ts';
import { runSmallRaw, type SmallProgram, smallProgram } from '../calls/small-program.ts';
import { Stats } from '../calls/stats.ts';
import type { OwnerView } from './owner-ids.ts';
import { LOOK_ONLY, nodeOf, nodeThrough, statRoot } from './roots.ts';
import { rootsBelow, waysTo } from './ways.ts';

/** How to get into the namespace whose mounts are looked at; none of them for the caller's own. */
export interface Entrance {
  readonly root: Fd;
  readonly namespace?: Fd | undefined;
  /** The user namespace that owns it, when it has to be entered first. */
  readonly user?: Fd | undefined;
  /** In whose ids owners are told. */
  readonly owners: OwnerView;
}

const OPS_OF_CLONE = 2;

/** So many clones are open at a time. */
const AT_ONCE = 32;

/** Only a process with one thread can enter a user namespace. */
export const CHILD: RunPlace = {
  kind: 'fork',
  unshare: 0,
  uidMap: new Uint8Array(0),
  setgroups: new Uint8Array(0),
  gidMap: new Uint8Array(0),
};

/**
 * Fills in what the mounts cover, and the directories on the way there and to the roots of mounts, where that is in a
 * filesystem that a restore makes anew. It is seen in a detached, private, non-recursive clone of the mount below,
 * which changes nothing and which nobody else sees. Without the privilege for that, and on mounts that are covered
 * themselves, it stays unknown. The clone of an idmapped mount loses its map, so that it shows the owners that the
 * filesystem has, also of the mount's own root; where the kernel does not take the map away, those that the map hides
 * stay unknown.
 */
export function fillPlaces(tree: MountTree, entrance: Entrance): void {
  const parents = parentsIn(tree, fdNumber(entrance.root));
  for (let start = 0; start < parents.length; start += AT_ONCE) {
    const clones = cloneAll(parents.slice(start, start + AT_ONCE), entrance);
    if (!clones) break;
    for (const { parent, fd: made, mapped } of clones) {
      using fd = made;
      const status = statusOfClone(parent, fd);
      if (!status) continue;
      // What is seen without the map is as the filesystem has it.
      const mount = mapped ? parent.mount : withoutMap(parent.mount);
      const look = (paths: readonly PathString[]) => nodesIn(mount, { fd, status }, paths, entrance.owners);
      if (!mapped && parent.mount.rootNode) {
        const root = nodeThrough(mount, nodeOf(status, fd.number, ''), entrance.owners);
        if (root) parent.mount.rootNode = root;
      }
      fillSpots(parent, look);
      const ways = lookAtWays(parent, look);
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

function parentsIn(tree: MountTree, root: number): Parent[] {
  // No clone is made of an unbindable mount.
  const canBeSeen = (mount: Mount) =>
    takesNodes(mount.type) && !mount.propagation.unbindable && statRoot(mount, root) !== undefined;
  const roots = rootsBelow(tree, canBeSeen);
  return tree.list.flatMap((mount): Parent[] => {
    if (!takesNodes(mount.type)) return [];
    const spots = placesOn(tree, mount);
    const below = roots.get(mount) ?? [];
    const isHidden = mount.rootNode !== undefined && !isOwned(mount.rootNode);
    // Most mounts have nothing on them: looking at their roots again would take as long as the first time.
    if (spots.length + below.length === 0 && !isHidden) return [];
    const ways = waysTo([...spots.map(({ path }) => path), ...below]);
    const status = spots.length + ways.length > 0 || isHidden ? statRoot(mount, root) : undefined;
    return status ? [{ mount, spots, ways, status }] : [];
  });
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
function statusOfClone({ status }: Parent, clone: OwnedFd): NativeStat | undefined {
  const seen = statFd(clone.number);
  return seen?.inode === status.inode && seen.device === status.device ? seen : undefined;
}

/** A clone to look in. */
interface Clone {
  readonly fd: OwnedFd;
  readonly status: NativeStat;
}

type Nodes = readonly (NodeStatus | undefined)[];
type Look = (paths: readonly PathString[]) => Nodes;

function nodesIn(mount: Mount, clone: Clone, paths: readonly PathString[], owners: OwnerView): Nodes {
  const stats = Stats.of(clone.fd.number, paths, LOOK_ONLY);
  const cloneId = Number(clone.status.mountId);
  return paths.map((path, index) => {
    // Nothing is mounted in the clone: what is on another mount was reached through a symlink out of it.
    const found = stats.onMount(index, cloneId);
    return found && nodeThrough(mount, nodeOf(found, clone.fd.number, path), owners);
  });
}

function lookAtWays({ mount, ways }: Parent, look: Look): DirectoryStatus[] {
  const nodes = look(ways);
  return ways.flatMap((path, index) => {
    const node = nodes[index];
    if (node?.kind !== 'directory' || isOrdinaryNode(node)) return [];
    const { kind: _directory, ...status } = node;
    return [{ path: joinPath(mount.root, path), ...status }];
  });
}

function fillSpots({ spots }: Parent, look: Look): void {
  const nodes = look(spots.map(({ path }) => path));
  for (const [index, { on }] of spots.entries()) {
    const node = nodes[index];
    if (!node) continue;
    // A mount and what it is on are both directories, or neither is.
    if (on.kind === 'unknown') on.kind = node.kind === 'directory' ? 'directory' : 'file';
    if (!isOrdinaryNode(node)) on.placeNode = node;
  }
}

/** A clone that is to be made, or was: still `mapped` when it shows the owners that its mount shows. */
interface Cloning {
  readonly parent: Parent;
  readonly mapped: boolean;
}

/** Clones of the mounts that can be cloned; `undefined` where none can. */
function cloneAll(
  parents: readonly Parent[],
  entrance: Entrance,
): (Cloning & { readonly fd: OwnedFd })[] | undefined {
  const left: Cloning[] = parents.map((parent) => ({ parent, mapped: !isIdmapped(parent.mount) }));
  while (left.length > 0) {
    const { small, first, imports } = cloning(left, entrance);
    const result = runSmallRaw(small, imports, entrance.user === undefined ? undefined : CHILD);
    if (result.status === 'done') return owned(left, result);
    if (result.op < first) return undefined;
    // One that went, that may not be cloned (unbindable) or not alone (locked children) is left out.
    const index = Math.floor((result.op - first) / OPS_OF_CLONE);
    const refused = left[index];
    if (!refused) return undefined;
    if (refused.mapped) left.splice(index, 1);
    else left[index] = { ...refused, mapped: true };
  }
  return [];
}

function owned(clonings: readonly Cloning[], { exports }: RunResult): (Cloning & { readonly fd: OwnedFd })[] {
  return clonings.map((cloning, index) => ({
    ...cloning,
    fd: new OwnedFd(exports[index] ?? -1, cloning.parent.mount.mountPoint),
  }));
}

function cloning(
  clonings: readonly Cloning[],
  { root, namespace, user }: Entrance,
): { readonly small: SmallProgram; readonly first: number; readonly imports: readonly Fd[] } {
  const doors = [user, namespace].filter((door) => door !== undefined);
  const imports = [root, ...doors];
  const small = smallProgram(
    { imports: imports.map(String), exports: clonings.map(({ parent }) => parent.mount.mountPoint) },
    (program) => {
      if (user !== undefined) program.op('setns', { a: 1, f1: CLONE.NEWUSER });
      if (namespace !== undefined) program.op('setns', { a: doors.length, f1: CLONE.NEWNS });
      clonings.forEach(({ parent, mapped }, index) => {
        const path = parent.mount.mountPoint.slice(1);
        const flags = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.SYMLINK_NOFOLLOW | AT.NO_AUTOMOUNT;
        const n = path === '' ? flags | AT.EMPTY_PATH : flags;
        const out = imports.length + index;
        if (mapped) program.op('open_tree', { a: 0, s1: path, n, out });
        else program.op('open_tree_attr', { a: 0, s1: path, n, f2: MOUNT_ATTR.IDMAP, out });
        // A clone of a shared mount is its peer until it is made private.
        program.op('mount_setattr', { a: out, s1: '', n: AT.EMPTY_PATH, f3: MS.PRIVATE });
      });
    },
  );
  return { small, first: doors.length, imports };
}
