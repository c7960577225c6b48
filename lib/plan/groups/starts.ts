import { NumberById } from '../../model/by-id.ts';
import { isIdmapped, type Mount } from '../../model/mount.ts';
import type { Images } from '../layout/images.ts';
import type { Resolution } from '../resolve.ts';
import type { Group, Groups } from './groups.ts';

/** Mounts that need not be given their sharing: they are made with it. */
export interface GroupStarts {
  /** The mount that starts a group; none where a holder does. */
  startOf(group: Group): Mount | undefined;
  /** Whether it is such a mount, or a clone of one. */
  isSharedFromStart(mount: Mount): boolean;
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
  const starts: Mount[] = []; // by the index of the group
  const shared = new NumberById(tree.list);
  const chosen: GroupStarts = {
    startOf: ({ index }) => starts[index],
    isSharedFromStart: ({ id }) => shared.has(id),
  };
  if (tree.groups.size === 0) return chosen;
  for (const mount of tree.inOrder) {
    if (!isWholeLeaf(resolution, mount) || late.has(mount) || images.inside.has(mount.id)) continue;
    const group = groups.of(mount);
    if (!group) continue;
    starts[group.index] ??= mount;
    shared.set(mount.id, 1);
  }
  return chosen;
}

function isWholeLeaf({ tree, layout, groupOrigins, choices }: Resolution, mount: Mount): boolean {
  const { shared, master, unbindable } = mount.propagation;
  const group = shared ?? master;
  if (group === undefined || unbindable || !tree.groups.has(group)) return false;
  if (mount.deleted || mount.idmap || isIdmapped(mount) || choices.idmap.has(mount.id)) return false;
  if (layout.roots.pathOf(mount.id) !== '/' || tree.childrenOf(mount).length > 0) return false;
  return layout.roots.originOf(mount.id) === groupOrigins.get(group)?.origin;
}
