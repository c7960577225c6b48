import { UsageError } from '../errors.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { MountTree } from '../model/tree.ts';
import { captureTree } from './capture.ts';

/**
 * Captures the mount namespace of a process as a snapshot; its own by default.
 *
 * @throws {MountError} as {@link captureTree} does.
 * @throws {UsageError} for `descendants`, which this version does not capture yet.
 */
export function captureSnapshot(
  options: { readonly pid?: number; readonly descendants?: boolean } = {},
): Snapshot {
  const { pid, descendants } = options;
  if (descendants)
    throw new UsageError('the namespaces of descendants are not captured yet: capture one process');
  return { namespaces: [captureTree(pid === undefined ? {} : { pid })] };
}

/** The one tree of a snapshot, or the tree itself. @throws {UsageError} for a snapshot of several namespaces. */
export function oneTree(input: MountTree | Snapshot): MountTree {
  if (input instanceof MountTree) return input;
  const [tree, ...others] = input.namespaces;
  if (tree && others.length === 0) return tree;
  if (!tree) throw new UsageError('the snapshot holds no mount namespace');
  throw new UsageError(
    `the snapshot holds ${others.length + 1} mount namespaces; restoring several together comes later, so give one of them`,
  );
}
