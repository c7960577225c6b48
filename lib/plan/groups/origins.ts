/** What each peer group is started from: something as wide as all its members, its slaves and theirs. */

import type { HostFacts } from '../../model/facts.ts';
import { own } from '../../model/facts.ts';
import { type Mount, nameOf, type PathString } from '../../model/mount.ts';
import { isInside, joinPath } from '../../model/paths.ts';
import type { MountTree } from '../../model/tree.ts';
import type { Layout, Spot } from '../layout/layout.ts';
import { hostSource, type LayoutOrigin } from '../layout/layout-origin.ts';
import { externalCure, skipCure } from '../options/cures.ts';
import type { Findings } from '../options/findings.ts';
import type { Supplies } from '../supply.ts';

/** By peer group id, for each group with members in the tree. */
export type GroupOrigins = ReadonlyMap<number, LayoutOrigin>;

export function chooseGroupOrigins(
  tree: MountTree,
  layout: Layout,
  supplies: Supplies,
  facts: HostFacts,
  findings: Findings,
): GroupOrigins {
  const families = groupFamilies(tree);
  if (families.size === 0) return new Map();
  const { shown, mixed } = originsShown(tree, families, layout);
  const members = membersOf(tree, families, mixed);
  const origins = new Map<number, LayoutOrigin>();
  const scene = { tree, layout, supplies, facts, findings, mounts: new MountOrigins(layout) };
  for (const [group, family] of families) {
    if (mixed.delete(family)) shown.set(family, widest(scene, members.get(family) ?? []));
    const origin = shown.get(family);
    if (origin) origins.set(group, origin);
  }
  return origins;
}

/** What the mounts of each family show, and the families whose mounts do not all show one origin. */
function originsShown(tree: MountTree, families: ReadonlyMap<number, number>, layout: Layout) {
  const shown = new Map<number, LayoutOrigin>();
  const mixed = new Set<number>();
  for (const mount of tree.inOrder) {
    const family = familyOf(mount, families);
    const spot = family === undefined ? undefined : layout.roots.get(mount.id);
    if (family === undefined || !spot) continue;
    const known = shown.get(family);
    if (known === undefined) shown.set(family, spot.origin);
    else if (known !== spot.origin) mixed.add(family);
  }
  return { shown, mixed };
}

function familyOf({ propagation }: Mount, families: ReadonlyMap<number, number>): number | undefined {
  const group = propagation.shared ?? propagation.master;
  return group === undefined ? undefined : families.get(group);
}

function membersOf(
  tree: MountTree,
  families: ReadonlyMap<number, number>,
  wanted: ReadonlySet<number>,
): Map<number, Mount[]> {
  const members = new Map<number, Mount[]>();
  for (const mount of wanted.size === 0 ? [] : tree.inOrder) {
    const family = familyOf(mount, families);
    if (family === undefined || !wanted.has(family)) continue;
    const known = members.get(family);
    if (known) known.push(mount);
    else members.set(family, [mount]);
  }
  return members;
}

/** The topmost master, inside the tree, of each group: it and all that follow it are of one superblock. */
function groupFamilies(tree: MountTree): Map<number, number> {
  const families = new Map<number, number>();
  for (const start of tree.groups.keys()) {
    const path: number[] = [];
    let top = start;
    for (;;) {
      const known = families.get(top);
      if (known !== undefined) {
        top = known;
        break;
      }
      path.push(top);
      const master = tree.groups.get(top)?.[0]?.propagation.master;
      if (master === undefined || !tree.groups.has(master)) break;
      top = master;
    }
    for (const group of path) families.set(group, top);
  }
  return families;
}

interface Scene {
  readonly tree: MountTree;
  readonly layout: Layout;
  readonly supplies: Supplies;
  readonly facts: HostFacts;
  readonly findings: Findings;
  readonly mounts: MountOrigins;
}

/** The roots of the mounts that host paths lie on, with the numbers behind those of a layout's origins. */
class MountOrigins {
  readonly #known = new Map<PathString, LayoutOrigin>();
  readonly #first: number;

  constructor({ origins }: Layout) {
    this.#first = origins.length;
  }

  of(source: PathString): LayoutOrigin {
    const index = this.#first + this.#known.size;
    const origin = this.#known.get(source) ?? { kind: 'mount-of', of: source, index, members: [] };
    this.#known.set(source, origin);
    return origin;
  }
}

function widest(scene: Scene, members: readonly Mount[]): LayoutOrigin {
  const { tree, layout, supplies, facts, findings } = scene;
  const spots = members.flatMap((mount) => layout.roots.get(mount.id) ?? []);
  const keys = [...new Set(spots.map((spot) => spot.origin))];
  const first = keys[0] as LayoutOrigin;

  const sources = keys.map((key) => hostSource(key));
  if (sources.every((source) => source === undefined)) {
    // Made here under several source names, a window is one superblock; anything else is not.
    if (new Set(members.map((mount) => mount.device)).size === 1 && oneKind(members, supplies)) return first;
  } else {
    const shown = spots.map((spot) => onHost(spot, facts));
    const wide = [
      ...sources.flatMap((source, i) => pathRoot(source, keys[i] as LayoutOrigin, facts) ?? []),
      ...sources.flatMap((source) => mountRoot(source, scene) ?? []),
    ];
    // What is as wide as all has the shortest path of all, so there is one to try; a path that was named comes first.
    const widestOne = wide.reduce<Candidate | undefined>(
      (best, other) => (best && best.root.length <= other.root.length ? best : other),
      undefined,
    );
    if (widestOne && shown.every((other) => covers(widestOne, other))) return widestOne.origin;
  }
  const odd = members.find((mount) => layout.roots.get(mount.id)?.origin !== first) as Mount;
  findings.require({
    kind: 'group-root',
    mounts: [odd, members[0] as Mount],
    reason:
      `${nameOf(odd)} and ${nameOf(members[0] as Mount)} share a peer group or follow one another, ` +
      'but what supplies them is not parts of one filesystem that a host mount shows whole',
    cures: [externalCure(tree, odd), externalCure(tree, members[0] as Mount), skipCure(tree, odd)],
  });
  return first;
}

interface HostRoot {
  readonly device: string;
  readonly root: PathString;
}

interface Candidate extends HostRoot {
  readonly origin: LayoutOrigin;
}

function pathRoot(
  source: PathString | undefined,
  origin: LayoutOrigin,
  facts: HostFacts,
): Candidate | undefined {
  const root = source === undefined ? undefined : onHost({ origin, path: '/' }, facts);
  return root && { ...root, origin };
}

/** The whole mount that a path lies on, where it can be reached. */
function mountRoot(source: PathString | undefined, { facts, mounts }: Scene): Candidate | undefined {
  const fact = source === undefined ? undefined : own(facts.sources, source);
  if (source === undefined || !fact?.mount || fact.mountRootReachable === false) return undefined;
  return { device: fact.mount.device, root: fact.mount.root, origin: mounts.of(source) };
}

function onHost(spot: Spot, facts: HostFacts): HostRoot | undefined {
  const source = hostSource(spot.origin);
  const fact = source === undefined ? undefined : own(facts.sources, source);
  if (!fact?.mount) return undefined;
  return { device: fact.mount.device, root: joinPath(fact.root ?? fact.mount.root, spot.path) };
}

function covers(wide: HostRoot, narrow: HostRoot | undefined): boolean {
  return narrow !== undefined && wide.device === narrow.device && isInside(wide.root, narrow.root);
}

function oneKind(members: readonly Mount[], supplies: Supplies): boolean {
  return new Set(members.map((mount) => supplies.get(mount.id)?.kind)).size === 1;
}
