import type { HostFacts } from '../../../lib/model/facts.ts';
import type { MountTree } from '../../../lib/model/tree.ts';
import type { RestoreOptions } from '../../../lib/plan/options/options.ts';
import { requirements } from '../../../lib/plan/resolve.ts';
import { hostFacts } from '../../support/facts.ts';

/** Each requirement in lines: kind and mounts, the reason, and each cure as typed. */
export function told(
  tree: MountTree,
  options: RestoreOptions = {},
  facts: HostFacts = hostFacts(),
): string[][] {
  return requirements(tree, options, facts).map(({ kind, mounts, reason, cures }) => [
    [kind, ...mounts.map((mount) => mount.id)].join(' '),
    reason,
    ...cures.map((cure) => cure.cli),
  ]);
}

/** Only their kinds and mounts. */
export function kindsTold(
  tree: MountTree,
  options: RestoreOptions = {},
  facts: HostFacts = hostFacts(),
): string[] {
  return told(tree, options, facts).map(([what]) => what as string);
}
