/** Masters outside the tree: whose host mount each follows, and whether it can. */

import { UsageError } from '../../errors.ts';
import type { HostFacts, SourceFact } from '../../model/facts.ts';
import { own } from '../../model/facts.ts';
import { type Mount, nameOf, type PathString } from '../../model/mount.ts';
import { isInside, joinPath } from '../../model/paths.ts';
import type { MountTree } from '../../model/tree.ts';
import type { Submounts } from '../checks/submounts.ts';
import { filesystemRole, splitOptions } from '../filesystems.ts';
import type { Choices } from '../options/choices.ts';
import { externalCure, ignoreCure, shareCure, slaveCure, slaveOfSupplyCure } from '../options/cures.ts';
import type { Findings } from '../options/findings.ts';
import type { Supplies } from '../supply.ts';

export interface Masters {
  /** The host path whose mount's peer group each master group stands for. */
  readonly followed: ReadonlyMap<number, PathString>;
  /** Host paths whose mounts have to be made shared first, and what those mounts are now. */
  readonly toShare: ReadonlyMap<PathString, 'private' | 'slave' | 'unbindable'>;
  /** Masters that are dropped. */
  readonly ignored: ReadonlySet<number>;
}

/** @param submounts what recursive binds bring along: a master outside the tree that one has is dropped or refused. */
export function resolveMasters(
  tree: MountTree,
  submounts: Submounts,
  supplies: Supplies,
  choices: Choices,
  facts: HostFacts,
  findings: Findings,
): Masters {
  const followed = new Map<number, PathString>();
  const toShare = new Map<PathString, 'private' | 'slave' | 'unbindable'>();
  const ignored = new Set<number>();
  refuseNeedlessSlaves(tree, choices);

  for (const group of tree.slaves.keys()) {
    if (tree.groups.has(group)) continue;
    const slaves = tree.slaves.get(group) as readonly Mount[];
    const source = chosenSource(slaves, choices, supplies);
    if (source !== undefined) {
      followed.set(group, source);
      if (mustShare(tree, slaves, source, choices, facts, findings)) {
        toShare.set(source, sharingOf(own(facts.sources, source)?.mount));
      }
      for (const slave of slaves) checkSlave(tree, slave, source, supplies, facts, findings);
    } else if (choices.ignoreHostPropagation) {
      ignored.add(group);
    } else {
      const slave = slaves[0] as Mount;
      findings.require({
        kind: 'master',
        mounts: slaves,
        reason:
          `${slaves.map(nameOf).join(', ')} ${slaves.length === 1 ? 'is a slave' : 'are slaves'} of peer group ` +
          `${group}, which has no member in the tree`,
        cures: [
          ...(supplies.get(slave.id)?.kind === 'host' ? [slaveOfSupplyCure(tree, slave)] : []),
          slaveCure(tree, slave),
          ignoreCure(),
        ],
      });
    }
  }
  for (const { mount } of [...submounts.values()].flat()) {
    const { master } = mount.propagation;
    if (master === undefined || tree.groups.has(master) || followed.has(master)) continue;
    if (choices.ignoreHostPropagation) ignored.add(master);
  }
  return { followed, toShare, ignored };
}

/** `slaves` on a mount that follows nobody, or whose master is in the tree, is a mistake worth telling. */
function refuseNeedlessSlaves(tree: MountTree, choices: Choices): void {
  for (const id of choices.slaves.keys()) {
    const mount = tree.get(id);
    if (!mount) continue;
    const { master } = mount.propagation;
    if (master === undefined) throw new UsageError(`slaves: ${nameOf(mount)} is not a slave`);
    if (tree.groups.has(master)) {
      throw new UsageError(`slaves: the master of ${nameOf(mount)}, peer group ${master}, is in the tree`);
    }
  }
}

/** One answer settles a whole master group. */
function chosenSource(
  slaves: readonly Mount[],
  choices: Choices,
  supplies: Supplies,
): PathString | undefined {
  let chosen: PathString | undefined;
  for (const slave of slaves) {
    const answer = choices.slaves.get(slave.id);
    if (answer === undefined) continue;
    const source = answer === true ? supplyingSource(slave, supplies) : answer;
    if (chosen !== undefined && chosen !== source) {
      throw new UsageError(
        `slaves: ${chosen} and ${source} are named for mounts of one master, peer group ${slave.propagation.master}`,
      );
    }
    chosen = source;
  }
  return chosen;
}

function supplyingSource(slave: Mount, supplies: Supplies): PathString {
  const supply = supplies.get(slave.id);
  if (supply?.kind === 'host') return supply.source;
  throw new UsageError(
    `slaves: nothing of the host supplies ${nameOf(slave)}: name the path whose mount it follows`,
  );
}

/** Whether the source's mount has to be made shared first. */
function mustShare(
  tree: MountTree,
  slaves: readonly Mount[],
  source: PathString,
  choices: Choices,
  facts: HostFacts,
  findings: Findings,
): boolean {
  const fact = own(facts.sources, source);
  const slave = slaves[0] as Mount;
  if (!fact) {
    findings.assume(`${source} lies on a shared mount`);
    return false;
  }
  if (!fact.mount) {
    findings.require({
      kind: 'source',
      mounts: slaves,
      reason: `${nameOf(slave)} is to follow the mount of ${source}, which cannot be opened: ${fact.error ?? fact.kind}`,
      cures: [slaveCure(tree, slave), ignoreCure()],
    });
    return false;
  }
  if (fact.mountRootReachable === false) {
    findings.require({
      kind: 'source',
      mounts: slaves,
      reason: `the mount that ${source} lies on is hidden at its own mount point, ${fact.mount.mountPoint}, and cannot be followed`,
      cures: [slaveCure(tree, slave), ignoreCure()],
    });
  }
  if (fact.mount.propagation.shared !== undefined) return false;
  if (choices.shareSources) return true;
  findings.require({
    kind: 'private-source',
    mounts: slaves,
    reason:
      `${nameOf(slave)} is to follow ${source}, but the mount there (${fact.mount.mountPoint}) is in no peer group ` +
      'and so has nothing to pass on',
    cures: [shareCure(), slaveCure(tree, slave), ignoreCure()],
  });
  return false;
}

function sharingOf(mount: Mount | undefined): 'private' | 'slave' | 'unbindable' {
  if (mount?.propagation.unbindable) return 'unbindable';
  return mount?.propagation.master === undefined ? 'private' : 'slave';
}

/** A slave and its master are mounts of one superblock, and the slave shows no more than the master does. */
function checkSlave(
  tree: MountTree,
  slave: Mount,
  source: PathString,
  supplies: Supplies,
  facts: HostFacts,
  findings: Findings,
): void {
  const followed = own(facts.sources, source)?.mount;
  if (!followed) return;
  const shown = shownOnHost(slave, supplies, facts);
  if (!shown && supplies.get(slave.id)?.kind === 'fresh' && filesystemRole(slave.type) === 'window') {
    findings.assume(`the ${slave.type} here is the one that ${source} shows`);
    return;
  }
  if (shown && shown.device === followed.device && isInside(followed.root, shown.root)) return;
  const supply = supplies.get(slave.id);
  if (supply?.kind === 'none') return; // that it lacks a supply is said already
  if (supply?.kind === 'host' && !own(facts.sources, supply.source)?.mount) return;
  findings.require({
    kind: 'wrong-superblock',
    mounts: [slave],
    reason:
      `${nameOf(slave)} is to follow ${source}, but what supplies it ` +
      (shown?.device === followed.device
        ? `shows more of the filesystem than the mount there does (${followed.mountPoint})`
        : `is another filesystem than that of the mount there (${followed.mountPoint}, ${followed.type})`),
    cures: [slaveCure(tree, slave), externalCure(tree, slave), ignoreCure()],
  });
}

/** The host superblock, and the path in it, that a mount will show. */
function shownOnHost(
  mount: Mount,
  supplies: Supplies,
  facts: HostFacts,
): { readonly device: string; readonly root: PathString } | undefined {
  const supply = supplies.get(mount.id);
  if (supply?.kind === 'host') {
    const fact: SourceFact | undefined = own(facts.sources, supply.source);
    if (!fact?.mount) return undefined;
    return { device: fact.mount.device, root: joinPath(fact.root ?? fact.mount.root, supply.below) };
  }
  if (supply?.kind !== 'fresh') return undefined;
  const device = own(facts.filesystems, splitOptions(mount).key)?.device;
  return device === undefined ? undefined : { device, root: mount.root };
}
