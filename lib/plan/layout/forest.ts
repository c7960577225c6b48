import { UsageError } from '../../errors.ts';
import type { Mount } from '../../model/mount.ts';
import { MountTree } from '../../model/tree.ts';
import type { Choices } from '../options/choices.ts';

/** The type of the root that a forest lacks: no kernel prints it, so it is never taken for one. */
export const PLAIN_DIRECTORY = 'plain-directory';

/**
 * The tree that will be built: without what is skipped, and with a root mount for a forest (the table of a task that
 * is chrooted into a plain directory shows none).
 */
export function completeTree(tree: MountTree, choices: Choices): MountTree {
  const whole = tree.isForest ? withRoot(tree) : tree;
  if (choices.skip.size === 0) return whole;
  const left = new Set<number>();
  for (const mount of whole.walk()) {
    if (choices.skip.has(mount.id) || left.has(mount.parentId)) left.add(mount.id);
  }
  return whole.without(left);
}

/** The mounts that `skip` leaves out, in walking order. */
export function skippedMounts(tree: MountTree, built: MountTree): Mount[] {
  return tree.size === built.size ? [] : [...tree.walk()].filter((mount) => !built.get(mount.id));
}

function withRoot(tree: MountTree): MountTree {
  const id = tree.roots[0]?.parentId ?? 0;
  if (tree.get(id)) throw new UsageError('the tree has a root already');
  const root: Mount = {
    id,
    parentId: id,
    device: PLAIN_DIRECTORY,
    root: '/',
    deleted: false,
    mountPoint: '/',
    options: ['rw', 'relatime'],
    propagation: { unbindable: false },
    unknownTags: [],
    type: PLAIN_DIRECTORY,
    source: 'none',
    superOptions: 'rw',
    kind: 'directory',
  };
  return new MountTree([root, ...tree.mounts]);
}
