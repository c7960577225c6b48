import { expect } from 'vitest';
import type { MountTree } from '../../lib/model/tree.ts';
import { type Requirement, UnmetRequirementsError } from '../../lib/plan/options/requirements.ts';
import { type RestoreTreeOptions, restoreTree } from '../../lib/system/restore/restore.ts';

/** What a restore is refused for. */
export async function refusalsOf(
  tree: MountTree,
  options: RestoreTreeOptions,
): Promise<readonly Requirement[]> {
  try {
    using _restored = await restoreTree(tree, options);
  } catch (error) {
    if (error instanceof UnmetRequirementsError) return error.requirements;
    throw error;
  }
  throw new Error('it was restored');
}

/** The restore is refused for these reasons and no other: kinds, and where the first mount of each is. */
export async function expectUnmet(
  tree: MountTree,
  options: RestoreTreeOptions,
  expected: readonly (readonly [kind: string, mountPoint: string | undefined])[],
): Promise<readonly Requirement[]> {
  const requirements = await refusalsOf(tree, options);
  expect(requirements.map(({ kind, mounts }) => [kind, mounts[0]?.mountPoint])).toEqual(expected);
  return requirements;
}
