import type { HostFacts } from '../model/facts.ts';
import type { MountTree } from '../model/tree.ts';
import type { RestoreOptions } from '../plan/options/options.ts';
import { proposeOptions } from '../plan/options/propose.ts';
import { UnmetRequirementsError } from '../plan/options/requirements.ts';
import { requirements } from '../plan/resolve.ts';
import { renderProposals } from '../render/proposals.ts';
import type { Terminal } from './terminal.ts';

/**
 * `--auto`: prints the options that the host's own mount table suggests, for the caller to give, and changes nothing.
 * Comes back only when nothing is missing.
 * @throws UnmetRequirementsError with what is not met, proposals or not.
 */
export function refuseWithProposals(
  tree: MountTree,
  options: RestoreOptions,
  facts: HostFacts,
  terminal: Terminal,
): void {
  const unmet = requirements(tree, options, facts);
  if (unmet.length === 0) return;
  const proposals = proposeOptions(tree, options, facts);
  if (proposals.length > 0) terminal.result(renderProposals(proposals, terminal.resultLook));
  throw new UnmetRequirementsError(unmet);
}
