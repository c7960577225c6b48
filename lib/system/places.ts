import { AT, CLONE, OPEN_TREE } from '../flags.ts';
import { encodeBytes } from '../model/bytes.ts';
import type { Mount, NodeStatus } from '../model/mount.ts';
import { isOrdinaryNode } from '../model/nodes.ts';
import { relativePath } from '../model/paths.ts';
import type { MountTree } from '../model/tree.ts';
import { takesNodes } from '../plan/filesystems.ts';
import { type Fd, fdNumber, OwnedFd } from './fd.ts';
import { statFd } from './lookup.ts';
import { native, type RunPlace, type RunResult } from './native.ts';
import { LOOK_ONLY, nodeOf, statRoot } from './roots.ts';
import { runSmallRaw, type SmallProgram, smallProgram } from './small-program.ts';

/** How to get into the namespace whose mounts are looked at; none of them for the caller's own. */
export interface Entrance {
  readonly root: Fd;
  readonly namespace?: Fd | undefined;
  /** The user namespace that owns it, when it has to be entered first. */
  readonly user?: Fd | undefined;
}

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
 * The tree with what its mounts cover, where that is in a filesystem that a restore makes anew. It is seen in a
 * detached, private, non-recursive clone of the mount below, which changes nothing and which nobody else sees. Without
 * the privilege for that, and on mounts that are covered themselves, it stays unknown.
 */
export function withPlaces(tree: MountTree, entrance: Entrance): MountTree {
  const places = new Map<number, NodeStatus>();
  const parents = tree.mounts.filter((mount) => takesNodes(mount.type) && tree.childrenOf(mount).length > 0);
  for (let start = 0; start < parents.length; start += AT_ONCE) {
    const clones = cloneAll(parents.slice(start, start + AT_ONCE), entrance);
    if (!clones) break;
    for (const [parent, clone] of clones) {
      using directory = clone;
      lookAtPlaces(tree, parent, directory, places, fdNumber(entrance.root));
    }
  }
  if (places.size === 0) return tree;
  return tree.map((mount) => {
    const placeNode = places.get(mount.id);
    return placeNode ? { ...mount, placeNode } : mount;
  });
}

function lookAtPlaces(
  tree: MountTree,
  parent: Mount,
  clone: OwnedFd,
  places: Map<number, NodeStatus>,
  root: number,
): void {
  // The clone is of what the path led to: the same file of the same filesystem is the same directory to look in.
  const [seen, expected] = [statFd(clone.number), statRoot(parent, root)];
  if (!seen || !expected || seen.inode !== expected.inode || seen.device !== expected.device) return;
  for (const child of tree.childrenOf(parent)) {
    const path = relativePath(parent.mountPoint, child.mountPoint) ?? '';
    if (path === '') continue; // the root of its parent
    const status = native.sys.statx(clone.number, encodeBytes(path), LOOK_ONLY);
    const node = typeof status === 'number' ? undefined : nodeOf(status, clone.number, path);
    if (node && !isOrdinaryNode(node)) places.set(child.id, node);
  }
}

/** Clones of the mounts that can be cloned; `undefined` where none can. */
function cloneAll(mounts: readonly Mount[], entrance: Entrance): (readonly [Mount, OwnedFd])[] | undefined {
  const left = [...mounts];
  while (left.length > 0) {
    const { small, first, imports } = cloning(left, entrance);
    const result = runSmallRaw(small, imports, entrance.user === undefined ? undefined : CHILD);
    if (result.status === 'done') return owned(left, result);
    // One that went, that may not be cloned (unbindable) or not alone (locked children) is left out.
    if (result.op < first) return undefined;
    left.splice(result.op - first, 1);
  }
  return [];
}

function owned(mounts: readonly Mount[], { exports }: RunResult): (readonly [Mount, OwnedFd])[] {
  return mounts.map((mount, index) => [mount, new OwnedFd(exports[index] ?? -1, mount.mountPoint)] as const);
}

function cloning(
  mounts: readonly Mount[],
  { root, namespace, user }: Entrance,
): { readonly small: SmallProgram; readonly first: number; readonly imports: readonly Fd[] } {
  const doors = [user, namespace].filter((door) => door !== undefined);
  const imports = [root, ...doors];
  const small = smallProgram(
    { imports: imports.map(String), exports: mounts.map(({ mountPoint }) => mountPoint) },
    (program) => {
      if (user !== undefined) program.op('setns', { a: 1, f1: CLONE.NEWUSER });
      if (namespace !== undefined) program.op('setns', { a: doors.length, f1: CLONE.NEWNS });
      mounts.forEach((mount, index) => {
        const path = mount.mountPoint.slice(1);
        const flags = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.SYMLINK_NOFOLLOW | AT.NO_AUTOMOUNT;
        program.op('open_tree', {
          a: 0,
          s1: path,
          n: path === '' ? flags | AT.EMPTY_PATH : flags,
          out: imports.length + index,
        });
      });
    },
  );
  return { small, first: doors.length, imports };
}
