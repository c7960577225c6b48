/** Turns what was captured into what will be built, or into every unmet requirement. */

import { ById } from '../model/by-id.ts';
import type { HostFacts } from '../model/facts.ts';
import { own } from '../model/facts.ts';
import { type Kind, type Mount, nameOf } from '../model/mount.ts';
import { atOnce, type Pausing } from '../model/pausing.ts';
import type { MountTree } from '../model/tree.ts';
import { requireUnlocked } from './checks/copied-sources.ts';
import { requireDeletable } from './checks/deletions.ts';
import { checkFilesystems } from './checks/filesystems.ts';
import { requireDev, requireIdmaps, requireOneKind } from './checks/mounts.ts';
import { type Nodes, settleNodes } from './checks/nodes.ts';
import { requirePlace } from './checks/places.ts';
import { requireReachable } from './checks/reach.ts';
import { checkSources, type MissingMountPoints } from './checks/sources.ts';
import { type Submounts, settleSubmounts } from './checks/submounts.ts';
import { type Draft, draftRestore } from './draft.ts';
import { filesystemRole, splitOptions, takesNodes } from './filesystems.ts';
import { type Masters, resolveMasters } from './groups/masters.ts';
import { chooseGroupOrigins, type GroupOrigins } from './groups/origins.ts';
import { DeletedRoots } from './layout/deleted-roots.ts';
import { PLAIN_DIRECTORY } from './layout/forest.ts';
import { type Kinds, type KnownKinds, solveKinds } from './layout/kinds.ts';
import { type Layout, layOut } from './layout/layout.ts';
import { hostSource, type LayoutOrigin } from './layout/layout-origin.ts';
import { mainRoot, type Restorable } from './namespaces.ts';
import type { Choices } from './options/choices.ts';
import { externalCure, freshCure, rootCure, skipCure, standInCure } from './options/cures.ts';
import { Findings, hostPathFact } from './options/findings.ts';
import type { RestoreOptions } from './options/options.ts';
import type { Requirement } from './options/requirements.ts';
import type { Supplies, Supply } from './supply.ts';
import { UNKNOWN_HOST } from './unknown-host.ts';

/** Everything decided about a restore; `planRestore` only puts it in order. */
export interface Resolution {
  readonly choices: Choices;
  /** All mounts, as captured. */
  readonly captured: MountTree;
  /** The mounts to build, as captured. */
  readonly tree: MountTree;
  readonly supplies: Supplies;
  readonly layout: Layout;
  /** What recursive binds bring along beside those. */
  readonly submounts: Submounts;
  readonly kinds: Kinds;
  readonly nodes: Nodes;
  readonly deletedRoots: DeletedRoots;
  readonly masters: Masters;
  readonly groupOrigins: GroupOrigins;
  readonly missingMountPoints: MissingMountPoints;
  /** The root that the tree is to replace is in a peer group. */
  readonly leavesGroup: boolean;
  /** Mounts below it share or follow, and leave that with it. */
  readonly unshares: boolean;
  /** Unmet, so that nothing can be planned. */
  readonly requirements: readonly Requirement[];
  /** Unmet, so that a plan cannot be run here. */
  readonly toRun: readonly Requirement[];
  readonly assumed: readonly string[];
}

/**
 * All that a tree needs and neither brings nor is given: pure, from tree, options and facts. Without facts only what
 * the caller has to say is told, and the host is taken to have the rest.
 *
 * @returns each with the mounts, the reason, and the options that would meet it; empty when a restore can start.
 * @throws MalformedTreeError, UsageError
 */
export function requirements(
  input: Restorable,
  options: RestoreOptions,
  facts: HostFacts = UNKNOWN_HOST,
): Requirement[] {
  const resolution = atOnce(resolve(draftRestore(input, options), facts));
  return [...resolution.requirements, ...resolution.toRun];
}

/** What is settled of a draft by the facts of a host. */
export function* resolve(drafted: Draft, facts: HostFacts): Pausing<Resolution> {
  const findings = new Findings();
  const { draft, submounts } = settleSubmounts(drafted, facts, findings);
  const { choices, tree: whole } = draft;
  const { supplies, layout } = settleSupplies(draft, facts, findings);
  yield;
  const deletedRoots = new DeletedRoots(whole, layout, supplies);
  const kinds = solveKinds(whole, layout, deletedRoots, kindsOfHost(supplies, facts));
  yield;

  const missingMountPoints = checkSources(whole, supplies, layout, choices, facts, findings);
  requireDeletable({ tree: whole, supplies, layout, kinds, deletedRoots }, findings);
  for (const { mount, place } of kinds.conflicts) requireOneKind(whole, mount, place, findings);
  const masters = resolveMasters(whole, submounts, supplies, choices, facts, findings);
  const groupOrigins = chooseGroupOrigins(whole, layout, supplies, facts, findings);
  yield;
  requireReachable(whole, findings);
  requireIdmaps(whole, supplies, choices, facts, findings);
  requireDev(whole, supplies, choices, facts, findings);
  const nodes = settleNodes({
    tree: whole,
    supplies,
    layout,
    kinds,
    deletedRoots,
    choices,
    facts,
    findings,
  });
  yield;
  requireUnlocked({ tree: whole, supplies, masters, groupOrigins }, choices, facts, findings);
  const toRun = requirePlace(whole, choices, facts, masters, findings);

  return {
    choices,
    captured: draft.captured,
    tree: whole,
    supplies,
    layout,
    submounts,
    kinds,
    nodes,
    deletedRoots,
    masters,
    groupOrigins,
    missingMountPoints,
    unshares: facts.destination?.hasSharing === true,
    leavesGroup: facts.destination?.mount?.propagation.shared !== undefined,
    requirements: findings.requirements,
    toRun,
    assumed: findings.assumed,
  };
}

/** Supplies by the options, then stand-ins for what cannot be made here, or requirements. */
function settleSupplies(
  draft: Draft,
  facts: HostFacts,
  findings: Findings,
): { readonly supplies: Supplies; readonly layout: Layout } {
  const { tree, choices, layout } = draft;
  const { defects, assumed } = checkFilesystems(tree, draft.supplies, layout, facts, choices);
  const standIns = new Map<Mount, Supply>();
  const isUnsupplied = ({ id }: Mount) => draft.supplies.get(id)?.kind === 'none';
  for (const members of tree.superblocks.values()) {
    const found = defects.get((members[0] as Mount).device);
    if (!found && !members.some(isUnsupplied)) continue;
    const unsupplied = members.filter(isUnsupplied);
    const named = members.some((mount) => choices.fresh.has(mount.id));
    if (choices.standInAll && !named) {
      const because = found?.[0]?.reason ?? whyExternal(unsupplied[0] as Mount);
      for (const mount of members) {
        if (draft.supplies.get(mount.id)?.kind !== 'host') standIns.set(mount, { kind: 'stand-in', because });
      }
      continue;
    }
    for (const requirement of found ?? []) findings.require(requirement);
    requireExternals(tree, unsupplied, findings);
  }
  for (const what of assumed) findings.assume(what);
  if (standIns.size === 0) return draft;
  const supplies = new ById<Supply>(tree.list);
  for (const mount of tree.list)
    supplies.set(mount.id, standIns.get(mount) ?? (draft.supplies.get(mount.id) as Supply));
  return { supplies, layout: layOut(tree, supplies) };
}

/** One requirement for each mount that only the host can supply, and that no other such mount would bring along. */
function requireExternals(tree: MountTree, unsupplied: readonly Mount[], findings: Findings): void {
  const roots = new Map<string, Mount>();
  for (const mount of unsupplied) if (!roots.has(mount.root)) roots.set(mount.root, mount);
  for (const mount of unsupplied) {
    if (roots.get(mount.root) !== mount || hasWider(mount.root, roots)) continue;
    const instance = filesystemRole(mount.type) === 'instance';
    findings.require({
      kind: mount === mainRoot(tree) ? 'root' : 'external',
      mounts: [mount],
      reason: whyExternal(mount),
      cures:
        mount === mainRoot(tree)
          ? [rootCure(), standInCure(tree, mount)]
          : [
              externalCure(tree, mount),
              ...(instance ? [freshCure(tree, mount)] : []),
              standInCure(tree, mount),
              skipCure(tree, mount),
            ],
    });
  }
}

function hasWider(root: string, roots: ReadonlyMap<string, Mount>): boolean {
  for (let end = root.lastIndexOf('/'); end >= 0; end = end === 0 ? -1 : root.lastIndexOf('/', end - 1)) {
    if (root !== '/' && roots.has(root.slice(0, end) || '/')) return true;
  }
  return false;
}

function whyExternal(mount: Mount): string {
  if (mount.type === PLAIN_DIRECTORY) {
    return 'the tree is that of a task chrooted into a plain directory: its root has to be supplied';
  }
  return filesystemRole(mount.type) === 'external'
    ? `${nameOf(mount)} is ${/^[aeiou]/.test(mount.type) ? 'an' : 'a'} ${mount.type}, which only the host can supply`
    : `${nameOf(mount)} shows ${mount.root} of a ${mount.type} whose / the tree does not have`;
}

/** What the host has at the paths that supply mounts, and in filesystems in which nothing can be made. */
function kindsOfHost(supplies: Supplies, facts: HostFacts): KnownKinds {
  const trialOf = ({ first }: LayoutOrigin) => {
    if (takesNodes(first.type) || supplies.get(first.id)?.kind !== 'fresh') return undefined;
    return own(facts.filesystems, splitOptions(first).key);
  };
  return {
    has: (origin) => hostSource(origin) !== undefined || trialOf(origin) !== undefined,
    at: (origin, path) => {
      const source = hostSource(origin);
      if (source !== undefined) return asKind(hostPathFact(facts, source, path));
      const trial = trialOf(origin);
      return asKind(trial && own(trial.paths, path));
    },
  };
}

function asKind(fact: string | undefined): Kind {
  return fact === 'directory' || fact === 'file' ? fact : 'unknown';
}
