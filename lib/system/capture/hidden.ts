import { type Mount, UNREACHABLE } from '../../model/mount.ts';
import { MountTree } from '../../model/tree.ts';

/**
 * What a namespace has beside the mounts that mountinfo shows, of those that were listed: what a cover of its root
 * hides, and what no path leads to, because the directory that it is mounted on was moved out of what the mount below
 * shows (fs/d_path.c, prepend_path: mountinfo skips it, with all that is mounted on it).
 */
export interface Hidden {
  /** The root directory of the reader is where the namespace has its own. */
  readonly atTop: boolean;
  /** The mounts that are listed and not shown. */
  readonly others: readonly Mount[];
}

/** The tree with them, the oldest first. Of one that is not seen from the top only what is mounted on what it shows. */
export function withHidden(shown: MountTree, { atTop, others }: Hidden): MountTree {
  const byId = new Map(others.map((mount) => [mount.id, mount]));
  const covered = atTop ? coveredRoots(shown, byId) : new Map<number, Mount>();
  const belongs = new Map<number, boolean>();
  const found = others.flatMap((mount): Mount[] => {
    const root = covered.get(mount.id);
    if (root) return [root];
    if (!atTop && mount.mountPoint !== UNREACHABLE) return [];
    return isOn(mount) ? [mount] : [];
  });

  /** Whether it stands on a mount of the tree, at last. */
  function isOn(mount: Mount): boolean {
    const climbed: number[] = [];
    let id = mount.parentId;
    for (; byId.has(id) && !covered.has(id) && !belongs.has(id); id = byId.get(id)?.parentId ?? 0) {
      climbed.push(id);
    }
    const answer = belongs.get(id) ?? (covered.has(id) || shown.get(id) !== undefined);
    for (const each of climbed) belongs.set(each, answer);
    return answer;
  }
  return found.length === 0 ? shown : new MountTree([...shown.mounts, ...found].sort(byAge));
}

/** What is under the root that is shown, down to the lowest: each is at `/`, also where the kernel does not say so. */
function coveredRoots(shown: MountTree, others: ReadonlyMap<number, Mount>): Map<number, Mount> {
  const covered = new Map<number, Mount>();
  let below = others.get(shown.root?.parentId ?? 0);
  for (; below && !covered.has(below.id); below = others.get(below.parentId))
    covered.set(below.id, { ...below, mountPoint: '/' });
  return covered;
}

function byAge(left: Mount, right: Mount): number {
  const [a, b] = [BigInt(left.uniqueId ?? 0), BigInt(right.uniqueId ?? 0)];
  return a < b ? -1 : a > b ? 1 : 0;
}
