import { UsageError } from '../errors.ts';
import type { ById } from '../model/by-id.ts';
import { type Mount, nameOf } from '../model/mount.ts';
import type { MountTree } from '../model/tree.ts';
import { completeTree } from './layout/forest.ts';
import { type Layout, layOut } from './layout/layout.ts';
import { joinNamespaces, type Restorable } from './namespaces.ts';
import { type Choices, chooseFrom } from './options/choices.ts';
import type { RestoreOptions } from './options/options.ts';
import { assignSupplies, type Supply } from './supply.ts';

/** What tree and options alone decide, before anything is known of a host. */
export interface Draft {
  readonly options: RestoreOptions;
  readonly choices: Choices;
  /** All mounts, as captured. */
  readonly captured: MountTree;
  /** The mounts to build, as captured. */
  readonly tree: MountTree;
  readonly supplies: ById<Supply>;
  readonly layout: Layout;
}

/** @throws MalformedTreeError; UsageError for options that name what the tree does not have. */
export function draftRestore(input: Restorable, options: RestoreOptions): Draft {
  const namespaces = joinNamespaces(input);
  const choices = chooseFrom(namespaces, options);
  const tree = completeTree(namespaces.whole, choices);
  const supplies = assignSupplies(tree, choices);
  refuseNeedlessRecursion(namespaces.whole, choices, supplies);
  return { options, choices, captured: namespaces.whole, tree, supplies, layout: layOut(tree, supplies) };
}

/** `recursive` on a mount that no host path is named for is a mistake worth telling. */
function refuseNeedlessRecursion(tree: MountTree, choices: Choices, supplies: ById<Supply>): void {
  for (const id of choices.recursive) {
    const supply = supplies.get(id);
    if (supply?.kind === 'host' && supply.recursive) continue;
    throw new UsageError(
      `recursive: no path of the host is named to supply ${nameOf(tree.get(id) as Mount)}: external or root names it`,
    );
  }
}
