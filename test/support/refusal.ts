import { expect } from 'vitest';
import type { MountTree } from '../../lib/model/tree.ts';
import { type Requirement, UnmetRequirementsError } from '../../lib/plan/requirements.ts';
import { type RestoreTreeOptions, restoreTree } from '../../lib/system/restore.ts';

/** The restore is refused for these reasons and no other: kinds, and where the first mount of each is. */
export async function expectUnmet(
  tree: MountTree,
  options: RestoreTreeOptions,
  expected: readonly (readonly [kind: string, mountPoint: string | undefined])[],
): Promise<readonly Requirement[]> {
  const refusal = await restoreTree(tree, options).then(
    (restored) => restored.release(),
    (error: unknown) => error,
  );
  expect(refusal).toBeInstanceOf(UnmetRequirementsError);
  const { requirements } = refusal as UnmetRequirementsError;
  expect(requirements.map(({ kind, mounts }) => [kind, mounts[0]?.mountPoint])).toEqual(expected);
  return requirements;
}
