/** The tree as it will stand: what verification compares with. */

import { cgroupRootInside } from '../model/cgroups.ts';
import type { HostFacts } from '../model/facts.ts';
import { own } from '../model/facts.ts';
import { isIdentity } from '../model/id-maps.ts';
import type { IdMap, Mount, PathString, Propagation } from '../model/mount.ts';
import { ownersInside } from '../model/owners.ts';
import { joinPath } from '../model/paths.ts';
import { comparableSuperOptions } from '../model/super-options.ts';
import { MountTree } from '../model/tree.ts';
import { filesystemRole, splitOptions, swallowsSource } from './filesystems.ts';
import { skippedMounts } from './layout/forest.ts';
import { mappedIds } from './mapped-ids.ts';
import type { PlanNotes, Target } from './plan.ts';
import type { Resolution } from './resolve.ts';

/** What a stand-in's source reads, so that a person who looks at the namespace knows it. */
export function standInSource(mount: Mount): string {
  return `stand-in-${mount.type}`;
}

export function makeTarget(resolution: Resolution, facts: HostFacts): Target {
  const standIns = new Set<number>();
  const looseSuperOptions = new Set<number>();
  const looseSources = new Set<number>();
  const mounts = resolution.tree.list.map((mount) => {
    const supply = resolution.supplies.get(mount.id);
    if (supply?.kind === 'stand-in') standIns.add(mount.id);
    if (supply?.kind === 'fresh' && filesystemRole(mount.type) === 'window') looseSuperOptions.add(mount.id);
    if (supply?.kind === 'fresh' && swallowsSource(mount.type)) looseSources.add(mount.id);
    return targetMount(mount, resolution, facts);
  });
  for (const submounts of resolution.submounts.values()) {
    for (const { mount } of submounts) mounts.push(targetSubmount(mount, resolution, facts));
  }
  const tree = new MountTree(mounts);
  return { tree, standIns, looseSuperOptions, looseSources, hostMasters: resolution.masters.followed };
}

function targetMount(mount: Mount, resolution: Resolution, facts: HostFacts): Mount {
  const { uniqueId: _id, verbatim: _line, ...kept } = mount;
  const idmap = resolution.choices.idmap.get(mount.id);
  const made = mapsInside(resolution, facts);
  const base = {
    ...kept,
    propagation: targetPropagation(mount.propagation, resolution.masters.ignored),
    ...(idmap ? { idmap, options: withWord(mount.options, 'idmapped') } : {}),
  };
  const spot = resolution.layout.roots.get(mount.id);
  const built = spot && resolution.deletedRoots.spotOf(mount, spot);
  const supply = resolution.supplies.get(mount.id);
  const kind = built && resolution.kinds.known(built) ? resolution.kinds.kindAt(built) : mount.kind;
  switch (supply?.kind) {
    case 'host': {
      const fact = own(facts.sources, supply.source);
      if (!fact?.mount) return { ...base, kind };
      const { subtype: _subtype, ...rest } = base;
      const { device, type, subtype, source } = fact.mount;
      const superOptions = ownersInside(fact.mount.superOptions, made);
      const shown = joinPath(fact.root ?? '/', supply.below);
      const root = cgroupRootInside({ ...fact.mount, root: shown }, facts.cgroups ?? []);
      return { ...rest, kind, device, type, source, superOptions, root, ...(subtype ? { subtype } : {}) };
    }
    case 'stand-in': {
      const { subtype: _subtype, ...rest } = base;
      return {
        ...rest,
        kind: built ? resolution.kinds.kindAt(built) : 'directory',
        device: `stand-in:${mount.device}`,
        type: 'tmpfs',
        source: standInSource(mount),
        root: spot?.path ?? mount.root,
      };
    }
    default: {
      const device = own(facts.filesystems, splitOptions(mount).key)?.device;
      return { ...base, kind, device: device ?? `new:${mount.device}` };
    }
  }
}

/** What a recursive bind brings is as the host has it. */
function targetSubmount(mount: Mount, resolution: Resolution, facts: HostFacts): Mount {
  const { propagation } = mount;
  return {
    ...mount,
    root: cgroupRootInside(mount, facts.cgroups ?? []),
    superOptions: ownersInside(mount.superOptions, mapsInside(resolution, facts)),
    propagation: targetPropagation(propagation, resolution.masters.ignored),
  };
}

/** Through which map owners are told where the tree is. */
function mapsInside({ choices: { userNamespace } }: Resolution, facts: HostFacts): readonly IdMap[] {
  const map = userNamespace && mappedIds(userNamespace, facts);
  return map && !isIdentity(map) ? [map] : [];
}

function targetPropagation(propagation: Propagation, ignored: ReadonlySet<number>): Propagation {
  const { shared, master, unbindable } = propagation;
  return {
    ...(shared === undefined ? {} : { shared }),
    ...(master === undefined || ignored.has(master) ? {} : { master }),
    unbindable,
  };
}

function keptName(mount: Mount, { layout, deletedRoots }: Resolution): PathString | undefined {
  const spot = layout.roots.get(mount.id);
  return spot && deletedRoots.keptPlace(spot.origin, deletedRoots.pathOf(mount, spot));
}

function withWord(words: readonly string[], word: string): readonly string[] {
  return words.includes(word) ? words : [...words, word];
}

/** What the target does differently from the tree as captured. */
export function makeNotes(resolution: Resolution, facts: HostFacts): PlanNotes {
  const { captured, tree, supplies, masters } = resolution;
  const submounts = [...resolution.submounts.values()].flat();
  const brought = new Set(submounts.map(({ mount }) => mount.id));
  const standIns: PlanNotes['standIns'][number][] = [];
  const options: OptionNotes = { droppedOptions: [], windowOptions: [] };
  const leftEmpty: Mount[] = [];
  const deleted: Mount[] = [];
  for (const mount of tree.inOrder) {
    const supply = supplies.get(mount.id);
    if (supply?.kind === 'stand-in') standIns.push({ mount, because: supply.because });
    if (supply?.kind === 'fresh') noteOptions(mount, tree, facts, options);
    if (supply?.kind === 'fresh' && supply.empty) leftEmpty.push(mount);
    if (mount.deleted) deleted.push(mount);
  }
  return {
    standIns,
    skipped: skippedMounts(captured, tree).filter(({ id }) => !brought.has(id)),
    leftEmpty,
    broughtAlong: submounts.flatMap(({ mount, wanted }) => (wanted ? [] : [mount])),
    ignoredMasters: (masters.ignored.size === 0 ? [] : captured.inOrder).flatMap((mount) => {
      if (!tree.get(mount.id) && !brought.has(mount.id)) return [];
      const { master } = mount.propagation;
      return master !== undefined && masters.ignored.has(master) ? [{ mount, master }] : [];
    }),
    ...options,
    changedNodes: resolution.nodes.changed,
    keptNames: deleted.flatMap((mount) => {
      const path = keptName(mount, resolution);
      return path === undefined ? [] : [{ mount, path }];
    }),
    assumed: resolution.assumed,
  };
}

interface OptionNotes {
  readonly droppedOptions: PlanNotes['droppedOptions'][number][];
  readonly windowOptions: PlanNotes['windowOptions'][number][];
}

/** Of a filesystem made here: options that are left out, and those that a window has instead. */
function noteOptions(
  mount: Mount,
  tree: MountTree,
  facts: HostFacts,
  { droppedOptions, windowOptions }: OptionNotes,
): void {
  const { key, dropped } = splitOptions(mount);
  if (tree.superblockOf(mount)[0] === mount) {
    const named = swallowsSource(mount.type) && mount.source !== 'none';
    const options = named ? [...dropped, `source=${mount.source}`] : dropped;
    if (options.length > 0) droppedOptions.push({ mount, options });
  }
  if (filesystemRole(mount.type) !== 'window') return;
  const inForce = own(facts.filesystems, key)?.superOptions;
  if (inForce !== undefined && !isSame(mount, inForce))
    windowOptions.push({ mount, captured: mount.superOptions, inForce });
}

function isSame({ type, superOptions }: Mount, inForce: string): boolean {
  return comparableSuperOptions(type, inForce).join() === comparableSuperOptions(type, superOptions).join();
}
