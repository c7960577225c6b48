import { type Mount, type PathString, UNREACHABLE } from '../model/mount.ts';
import { isInside, parentPath } from '../model/paths.ts';
import type { MountTree } from '../model/tree.ts';

/** One line of a drawn tree. */
export interface Branch {
  readonly mount: Mount;
  /** For each level above, whether its line goes on below this one; the last is the mount's own. */
  readonly goesOn: readonly boolean[];
  /** The mount point of the level above, which relative names leave out. */
  readonly below: PathString | undefined;
  /** The mount whose whole root this one covers. */
  readonly covers: Mount | undefined;
}

/**
 * The tree from the top, siblings in the order given. A mount on top of its parent's own root is drawn at its
 * parent's level, after what is below it: a stack of thousands does not run off to the right.
 */
export function* drawingOrder(tree: MountTree): Generator<Branch> {
  const waiting: Branch[] = branches(tree, tree.roots, [], undefined).reverse();
  // The tops have no line above them.
  for (const [i, branch] of waiting.entries()) waiting[i] = { ...branch, goesOn: [] };
  for (let branch = waiting.pop(); branch; branch = waiting.pop()) {
    yield branch;
    const inside = tree.childrenOf(branch.mount).filter((child) => !isOnRootOf(branch.mount, child));
    const next = branches(tree, inside, branch.goesOn, branch.mount.mountPoint);
    for (let i = next.length - 1; i >= 0; i -= 1) waiting.push(next[i] as Branch);
  }
}

/** The mounts of one level, each followed by the stack on it. */
function branches(
  tree: MountTree,
  mounts: readonly Mount[],
  above: readonly boolean[],
  below: PathString | undefined,
): Branch[] {
  const level: { mount: Mount; covers: Mount | undefined }[] = [];
  for (const mount of mounts) {
    const stack: { mount: Mount; covers: Mount | undefined }[] = [{ mount, covers: undefined }];
    for (let top = stack.pop(); top; top = stack.pop()) {
      level.push(top);
      const covered = top.mount;
      for (const child of tree.childrenOf(covered)) {
        if (isOnRootOf(covered, child)) stack.push({ mount: child, covers: covered });
      }
    }
  }
  return level.map(({ mount, covers }, i) => ({
    mount,
    covers,
    below,
    goesOn: [...above, i + 1 < level.length],
  }));
}

function isOnRootOf(parent: Mount, child: Mount): boolean {
  return child.mountPoint === parent.mountPoint && child.mountPoint !== UNREACHABLE;
}

/** By mount, the mount that hides it from every path lookup: a cover of its parent, or of a place above its own. */
export function hiddenMounts(tree: MountTree): Map<Mount, Mount> {
  const hidden = new Map<Mount, Mount>();
  for (const parent of tree.walk()) {
    const children = tree.childrenOf(parent);
    if (children.length === 0) continue;
    const above = hidden.get(parent);
    const places = new Map(children.map((child) => [child.mountPoint, child]));
    for (const child of children) {
      const by = above ?? coverOf(child, parent.mountPoint, places);
      if (by) hidden.set(child, by);
    }
  }
  return hidden;
}

/** The sibling that is mounted at a proper prefix of the child's mount point. */
function coverOf(child: Mount, top: PathString, places: ReadonlyMap<PathString, Mount>): Mount | undefined {
  let path = child.mountPoint;
  while (path !== top && path !== '/' && isInside(top, path)) {
    path = parentPath(path);
    const cover = places.get(path);
    if (cover) return cover;
  }
  return undefined;
}
