/** What the mounts that a recursive bind supplies can be given: a peer group of their own, and no master or map. */
import { isIdmapped, type Mount, nameOf, type PathString } from '../../model/mount.ts';
import type { MountTree } from '../../model/tree.ts';
import type { Draft } from '../draft.ts';
import { mainRoot } from '../namespaces.ts';
import type { Choices } from '../options/choices.ts';
import { ignoreCure, skipCure, supplyCure } from '../options/cures.ts';
import type { Findings } from '../options/findings.ts';
import type { Cure } from '../options/requirements.ts';

/**
 * No holder can be cloned of a mount with locked ones below it: it can start a group of its own, and join none.
 * @returns whether that is enough for it.
 */
export function requireAloneInGroup(
  { tree, choices }: Draft,
  mount: Mount,
  source: PathString,
  findings: Findings,
): boolean {
  const { shared, master } = mount.propagation;
  const follows = master !== undefined && !isDropped(master, tree, choices);
  const others = shared === undefined ? 0 : (tree.groups.get(shared)?.length ?? 1) - 1;
  const leads = shared !== undefined && tree.slaves.has(shared);
  if (!follows && !leads && others === 0) return true;
  findings.require({
    kind: 'group-root',
    mounts: [mount],
    reason:
      `${nameOf(mount)} ${follows ? `follows peer group ${master}` : `shares peer group ${shared} with others`}, and ` +
      `what the recursive bind of ${source} brings can only start a group of its own`,
    cures: [
      ...(follows && !tree.groups.has(master) && !choices.ignoreHostPropagation ? [ignoreCure()] : []),
      ...otherwise(tree, mount),
    ],
  });
  return false;
}

/** One slave that is told whom to follow keeps the master for all. */
function isDropped(master: number, tree: MountTree, choices: Choices): boolean {
  if (!choices.ignoreHostPropagation || tree.groups.has(master)) return false;
  return !tree.slaves.get(master)?.some(({ id }) => choices.slaves.has(id));
}

export function requireNoMap({ tree, choices }: Draft, mount: Mount, host: Mount, findings: Findings): void {
  if (!mount.idmap && !choices.idmap.has(mount.id) && !isIdmapped(host)) return;
  findings.require({
    kind: 'idmap',
    mounts: [mount],
    reason: `${nameOf(mount)}: a recursive bind keeps the maps of what it binds, and takes none`,
    cures: otherwise(tree, mount),
  });
}

function otherwise(tree: MountTree, mount: Mount): Cure[] {
  return [supplyCure(tree, mount), ...(mount === mainRoot(tree) ? [] : [skipCure(tree, mount)])];
}
