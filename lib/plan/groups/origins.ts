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
export type GroupOrigins = ReadonlyMap<number, { readonly origin: LayoutOrigin | undefined }>;

export function chooseGroupOrigins(
  tree: MountTree,
  layout: Layout,
  supplies: Supplies,
  facts: HostFacts,
  findings: Findings,
): GroupOrigins {
  const families = groupFamilies(tree);
  const mixed = findOrigins(tree, families, layout);
  if (mixed.size === 0) return families;
  const scene = { tree, layout, supplies, facts, findings, mounts: new MountOrigins(layout) };
  const members = membersOf(tree, families, mixed);
  for (const [family, mounts] of members) family.origin = widest(scene, mounts);
  return families;
}

/** A peer group and all that follow it, and those that follow these: they are of one superblock. */
interface Family {
  /** What all of them show, or can be started from. */
  origin: LayoutOrigin | undefined;
}

/** Finds what the mounts of each family show; returns the families whose mounts do not all show one origin. */
function findOrigins(
  tree: MountTree,
  families: ReadonlyMap<number, Family>,
  layout: Layout,
): ReadonlySet<Family> {
  const mixed = new Set<Family>();
  for (const mount of families.size === 0 ? [] : tree.inOrder) {
    const family = familyOf(mount, families);
    const origin = family && layout.roots.originOf(mount.id);
    if (!family || !origin) continue;
    family.origin ??= origin;
    if (family.origin !== origin) mixed.add(family);
  }
  return mixed;
}

function familyOf({ propagation }: Mount, families: ReadonlyMap<number, Family>): Family | undefined {
  const group = propagation.shared ?? propagation.master;
  return group === undefined ? undefined : families.get(group);
}

/** In the order of the groups. */
function membersOf(
  tree: MountTree,
  families: ReadonlyMap<number, Family>,
  wanted: ReadonlySet<Family>,
): Map<Family, Mount[]> {
  const members = new Map<Family, Mount[]>();
  for (const family of families.values()) if (wanted.has(family)) members.set(family, []);
  for (const mount of tree.inOrder) {
    const family = familyOf(mount, families);
    if (family) members.get(family)?.push(mount);
  }
  return members;
}

/** The family of each group, by the topmost master inside the tree. */
function groupFamilies(tree: MountTree): Map<number, Family> {
  const families = new Map<number, Family>();
  for (const start of tree.groups.keys()) {
    const family = familyAbove(start, tree, families) ?? { origin: undefined };
    for (
      let group: number | undefined = start;
      group !== undefined && !families.has(group);
      group = masterInside(group, tree)
    )
      families.set(group, family);
  }
  return families;
}

/** The family of the nearest group above, or of this one, that is known to have one. */
function familyAbove(
  start: number,
  tree: MountTree,
  families: ReadonlyMap<number, Family>,
): Family | undefined {
  for (let group: number | undefined = start; group !== undefined; group = masterInside(group, tree)) {
    const known = families.get(group);
    if (known) return known;
  }
  return undefined;
}

function masterInside(group: number, { groups }: MountTree): number | undefined {
  const master = groups.get(group)?.[0]?.propagation.master;
  return master !== undefined && groups.has(master) ? master : undefined;
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

  of(source: PathString, first: Mount): LayoutOrigin {
    const index = this.#first + this.#known.size;
    const origin = this.#known.get(source) ?? { kind: 'mount-of', of: source, index, first };
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
      ...sources.flatMap((source, i) => mountRoot(source, keys[i] as LayoutOrigin, scene) ?? []),
    ];
    // What is as wide as all has the shortest path of all, so there is one to try; a path that was named comes first.
    const widestOne = wide.reduce<Candidate | undefined>(
      (best, other) => (best && best.root.length <= other.root.length ? best : other),
      undefined,
    );
    if (widestOne && shown.every((other) => covers(widestOne, other))) return widestOne.origin;
  }
  const odd = members.find((mount) => layout.roots.originOf(mount.id) !== first) as Mount;
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
function mountRoot(
  source: PathString | undefined,
  { first }: LayoutOrigin,
  { facts, mounts }: Scene,
): Candidate | undefined {
  const fact = source === undefined ? undefined : own(facts.sources, source);
  if (source === undefined || !fact?.mount || fact.mountRootReachable === false) return undefined;
  return { device: fact.mount.device, root: fact.mount.root, origin: mounts.of(source, first) };
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
