import { MalformedTreeError, UsageError } from '../errors.ts';
import type { Mount } from '../model/mount.ts';
import type { Problem, ProblemCode } from '../model/problems.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { MountTree } from '../model/tree.ts';

/** What can be restored: one mount tree, or those of several namespaces together. */
export type Restorable = MountTree | Snapshot;

/** Mount trees that are restored together. */
export interface Namespaces {
  /** The first: options name its mounts by mount point, and those of the others by `#ID`. */
  readonly main: MountTree;
  /** All mounts, with a root for each namespace, in the order of the namespaces. */
  readonly whole: MountTree;
  readonly count: number;
}

/** Problems that trees can have with one another. */
const BETWEEN_TREES: ReadonlySet<ProblemCode> = new Set([
  'duplicate-id',
  'superblock-types',
  'group-superblocks',
  'group-masters',
  'master-cycle',
]);

/**
 * Takes apart what is to be restored. Ids are those of one machine, where no two mounts of any namespace share one.
 *
 * @throws MalformedTreeError with the problems of each tree and of all together; UsageError for the table of a task
 * chrooted into a plain directory beside others.
 */
export function joinNamespaces(input: Restorable): Namespaces {
  const trees = input instanceof MountTree ? [input] : input.namespaces;
  if (!Array.isArray(trees)) {
    throw new UsageError(
      'what is to be restored is a MountTree (see parseMountinfo, captureTree) or a Snapshot',
    );
  }
  const main = trees[0] ?? new MountTree([]);
  const whole = trees.length === 1 ? main : new MountTree(trees.flatMap((tree) => tree.mounts));
  const problems = new Map<string, Problem>();
  for (const tree of trees) for (const problem of tree.problems) problems.set(problem.reason, problem);
  for (const problem of whole.problems) {
    if (trees.length === 1 || BETWEEN_TREES.has(problem.code)) problems.set(problem.reason, problem);
  }
  if (problems.size > 0) throw new MalformedTreeError([...problems.values()]);
  if (trees.length > 1 && trees.some((tree) => tree.isForest)) {
    throw new UsageError(
      'the table of a task chrooted into a plain directory can only be restored by itself',
    );
  }
  return { main, whole, count: trees.length };
}

/** The root of the first namespace, which `root` supplies and commands run in. */
export function mainRoot(tree: MountTree): Mount | undefined {
  return tree.roots[0];
}
