/** Whether the host paths that the caller named hold what the tree needs of them. */

import type { HostFacts } from '../../model/facts.ts';
import { own } from '../../model/facts.ts';
import { type Mount, nameOf, type PathString } from '../../model/mount.ts';
import { joinPath, parentPath } from '../../model/paths.ts';
import type { MountTree } from '../../model/tree.ts';
import type { Layout, Spot } from '../layout/layout.ts';
import { hostSource, type LayoutOrigin } from '../layout/layout-origin.ts';
import type { Choices } from '../options/choices.ts';
import { makeMountPointsCure, skipCure, standInCure, supplyCure } from '../options/cures.ts';
import { type Findings, hostPathFact } from '../options/findings.ts';
import { namesHosts, type Supplies } from '../supply.ts';

/** A mount point to create in a host filesystem. */
interface MissingMountPoint {
  readonly mount: Mount;
  readonly spot: Spot;
}

/** By origin, parents first. */
export type MissingMountPoints = ReadonlyMap<LayoutOrigin, readonly MissingMountPoint[]>;

/** Requires what is missing; returns the mount points that are to be made, parents first. */
export function checkSources(
  tree: MountTree,
  supplies: Supplies,
  layout: Layout,
  choices: Choices,
  facts: HostFacts,
  findings: Findings,
): MissingMountPoints {
  if (!namesHosts(choices)) return new Map();
  const missing = new Map<LayoutOrigin, Map<PathString, MissingMountPoint>>();
  for (const mount of tree.inOrder) {
    const root = layout.roots.get(mount.id);
    const place = layout.places.get(mount.id);
    const ofHost = supplies.get(mount.id)?.kind === 'host';
    const wasDeleted = mount.deleted && root?.path !== '/';
    if (ofHost && root && !wasDeleted) checkRoot(tree, mount, root, facts, findings);
    if (place && hostSource(place.origin) !== undefined) {
      for (const spot of checkPlace(tree, mount, place, choices, facts, findings)) {
        const paths = missing.get(spot.origin) ?? new Map<PathString, MissingMountPoint>();
        missing.set(spot.origin, paths);
        if (!paths.has(spot.path)) paths.set(spot.path, { mount, spot });
      }
    }
  }
  return new Map(Array.from(missing, ([origin, paths]) => [origin, [...paths.values()]]));
}

function checkRoot(tree: MountTree, mount: Mount, root: Spot, facts: HostFacts, findings: Findings): void {
  const source = hostSource(root.origin) as PathString;
  const found = hostPathFact(facts, source, root.path);
  const path = joinPath(source, root.path);
  if (found === 'directory' || found === 'file') return;
  const fact = own(facts.sources, source);
  if (found === 'unknown' && fact?.error === undefined) {
    findings.assume(`${path} exists`);
    return;
  }
  const trouble = fact?.error ?? (found === 'absent' ? 'ENOENT' : 'it is a symlink');
  findings.require({
    kind: 'source',
    mounts: [mount],
    reason: `${nameOf(mount)} is to be supplied by ${path}, which cannot be used: ${trouble}`,
    cures: [supplyCure(tree, mount), standInCure(tree, mount), skipCure(tree, mount)],
  });
}

/** The spots to create so that a mount point exists: it, and the directories on the way. */
function checkPlace(
  tree: MountTree,
  mount: Mount,
  place: Spot,
  choices: Choices,
  facts: HostFacts,
  findings: Findings,
): Spot[] {
  const source = hostSource(place.origin) as PathString;
  const found = hostPathFact(facts, source, place.path);
  const path = joinPath(source, place.path);
  if (place.path === '/' || found === 'directory' || found === 'file') return [];
  if (found === 'unknown') {
    if (own(facts.sources, source)?.error === undefined) findings.assume(`${path} exists`);
    return [];
  }
  const makable = found === 'absent' && !leadsThroughFile(place, facts, source);
  if (makable && choices.makeMountPoints) return spotsOnTheWay(place, facts, source);
  const trouble =
    found !== 'absent'
      ? 'but that is, or leads through, a symlink, which is not followed'
      : makable
        ? 'which does not exist'
        : 'but that leads through a file';
  findings.require({
    kind: 'mount-point',
    mounts: [mount],
    reason: `${nameOf(mount)} needs ${path} as its mount point, ${trouble}`,
    cures: [...(makable ? [makeMountPointsCure()] : []), skipCure(tree, mount)],
  });
  return [];
}

function leadsThroughFile(place: Spot, facts: HostFacts, source: PathString): boolean {
  for (let path = parentPath(place.path); path !== '/'; path = parentPath(path)) {
    if (hostPathFact(facts, source, path) === 'file') return true;
  }
  return hostPathFact(facts, source, '/') === 'file';
}

/** From the topmost that may be missing down; what turns out to exist is left alone when it is made. */
function spotsOnTheWay(place: Spot, facts: HostFacts, source: PathString): Spot[] {
  const spots: Spot[] = [];
  for (let path = place.path; path !== '/'; path = parentPath(path)) {
    const found = hostPathFact(facts, source, path);
    if (found === 'directory') break;
    spots.unshift({ origin: place.origin, path });
  }
  return spots;
}
