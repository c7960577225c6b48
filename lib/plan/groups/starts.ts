import { isIdmapped, type Mount } from '../../model/mount.ts';
import type { Images } from '../layout/images.ts';
import type { Resolution } from '../resolve.ts';
import type { Group, Groups } from './groups.ts';

/** Mounts that need not be given their sharing: they are made with it. */
export interface GroupStarts {
  /** Of each group that needs no holder, the mount that starts it. */
  readonly startOf: ReadonlyMap<Group, Mount>;
  /** Ids of those, and of the mounts that are clones of them. */
  readonly sharedFromStart: ReadonlySet<number>;
}

/**
 * A mount on which nothing is mounted can be shared from the start, because nothing will propagate from it. Where it
 * shows all that any member of its group may show, the whole origin, the others have their sharing from it: those on
 * which nothing is mounted either, and that show as much, as its clones.
 *
 * @param late mounts that join their groups when all else is done.
 */
export function chooseGroupStarts(
  resolution: Resolution,
  groups: Groups,
  images: Images,
  late: ReadonlySet<Mount>,
): GroupStarts {
  const { tree } = resolution;
  const startOf = new Map<Group, Mount>();
  const sharedFromStart = new Set<number>();
  if (tree.groups.size === 0) return { startOf, sharedFromStart };
  for (const mount of tree.inOrder) {
    if (!isWholeLeaf(resolution, mount) || late.has(mount) || images.inside.has(mount.id)) continue;
    const group = groups.of(mount);
    if (!group) continue;
    if (!startOf.has(group)) startOf.set(group, mount);
    sharedFromStart.add(mount.id);
  }
  return { startOf, sharedFromStart };
}

function isWholeLeaf({ tree, layout, groupOrigins, choices }: Resolution, mount: Mount): boolean {
  const { shared, master, unbindable } = mount.propagation;
  const group = shared ?? master;
  if (group === undefined || unbindable || !tree.groups.has(group)) return false;
  if (mount.deleted || mount.idmap || isIdmapped(mount) || choices.idmap.has(mount.id)) return false;
  const spot = layout.roots.get(mount.id);
  return spot?.path === '/' && spot.origin === groupOrigins.get(group) && tree.childrenOf(mount).length === 0;
}
