import { type ComparePolicy, comparing, diffTrees } from '../../model/diff.ts';
import type { Difference } from '../../model/difference.ts';
import type { Pausing } from '../../model/pausing.ts';
import { MountTree } from '../../model/tree.ts';
import type { Target } from '../../plan/plan.ts';
import { statOpen } from '../calls/lookup.ts';
import { captureOwn } from '../capture/capture.ts';
import type { HeldHost } from '../inspect/held.ts';

/**
 * In what `actual` is not what was expected; nothing, when it is the same. A plan's target brings what is not to be
 * compared: stand-ins, the options of windows. Masters outside the tree are compared only as to who shares one: which
 * host mount was to be followed is known to a restore alone, whose `differences` have it.
 */
export function verifyTree(expected: MountTree | Target, actual: MountTree): Difference[] {
  return expected instanceof MountTree
    ? diffTrees(expected, actual)
    : diffTrees(expected.tree, actual, policyOf(expected));
}

/**
 * {@link verifyTree}, with what this host knows: each master outside the tree is compared with the host mount that
 * was to be followed.
 */
export function* verifyOnHost(target: Target, actual: MountTree, held: HeldHost): Pausing<Difference[]> {
  const groups = yield* hostGroups(target, held);
  return yield* comparing(target.tree, actual, { ...policyOf(target), groups });
}

function policyOf({ standIns, looseSuperOptions, looseSources }: Target): ComparePolicy {
  return { standIns, looseSuperOptions, looseSources };
}

/** The peer group that the mount of each followed host path is in now, by the master group that it stands for. */
function* hostGroups({ hostMasters }: Target, held: HeldHost): Pausing<Map<number, number>> {
  const groups = new Map<number, number>();
  if (hostMasters.size === 0) return groups;
  const host = yield* captureOwn(held.procfs);
  for (const [master, path] of hostMasters) {
    const fd = held.get(path, 'mount') ?? held.get(path, 'path');
    const shared = fd && host.get(Number(statOpen(fd).mountId))?.propagation.shared;
    if (shared !== undefined) groups.set(master, shared);
  }
  return groups;
}
