import { isIdmapped, type Mount, type PathString } from '../../model/mount.ts';
import { relativePath } from '../../model/paths.ts';
import type { MountTree } from '../../model/tree.ts';

/** The directories that lie between a root and paths below it, which are relative; each once. */
export function waysTo(paths: Iterable<PathString>): PathString[] {
  const ways = new Set<PathString>();
  for (const path of paths) {
    for (let at = above(path); at !== '' && !ways.has(at); at = above(at)) ways.add(at);
  }
  return [...ways];
}

function above(path: PathString): PathString {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/**
 * By mount, the roots of other mounts of its filesystem that lie below its own, relative to it. Of each filesystem one
 * mount is asked: of those that `canBeSeen` the first that shows most, rather one that shows the right owners.
 */
export function rootsBelow(
  tree: MountTree,
  canBeSeen: (mount: Mount) => boolean,
): Map<Mount, readonly PathString[]> {
  const found = new Map<Mount, readonly PathString[]>();
  for (const members of tree.superblocks.values()) {
    const roots = new Set(members.map(({ root }) => root));
    if (roots.size < 2) continue;
    const byWidth = members.toSorted(
      (left, right) =>
        left.root.length - right.root.length || Number(isIdmapped(left)) - Number(isIdmapped(right)),
    );
    const widest = byWidth.find((mount) => !mount.deleted && canBeSeen(mount));
    if (!widest) continue;
    const below = [...roots].flatMap((root) => relativePath(widest.root, root) || []);
    if (below.length > 0) found.set(widest, below);
  }
  return found;
}
