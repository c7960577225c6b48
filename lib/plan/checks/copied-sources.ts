/**
 * Host paths for a tree that is built in a user namespace, where mounts and flags are locked (mount_namespaces(7),
 * "Restrictions on mount namespaces"): all of them in a new one, in whose copy of the caller's mounts the paths are
 * looked up again, and some of them in one that the caller lives in.
 */
import { type HostFacts, own, type SourceFact, type SourceLocks } from '../../model/facts.ts';
import { type Mount, nameOf, type PathString } from '../../model/mount.ts';
import { isInside, joinPath, relativePath } from '../../model/paths.ts';
import type { MountTree } from '../../model/tree.ts';
import type { Masters } from '../groups/masters.ts';
import type { GroupOrigins } from '../groups/origins.ts';
import { HostMounts } from '../host-mounts.ts';
import type { HostPath } from '../host-path.ts';
import { mountOriginSource } from '../layout/layout-origin.ts';
import { mainRoot } from '../namespaces.ts';
import type { Choices } from '../options/choices.ts';
import { ignoreCure, recursiveCure, skipCure, slaveCure, standInCure, supplyCure } from '../options/cures.ts';
import type { Findings } from '../options/findings.ts';
import type { Cure } from '../options/requirements.ts';
import type { Supplies } from '../supply.ts';

/** What is decided about the mounts of a tree and where they come from. */
interface Sources {
  readonly tree: MountTree;
  readonly supplies: Supplies;
  readonly masters: Masters;
  readonly groupOrigins: GroupOrigins;
}

/** Whether the program has a copy of the caller's mounts, and not these themselves. */
export function usesCopy(choices: Choices): boolean {
  return choices.userNamespace !== undefined;
}

/** Where a source, or the root of the mount that it lies on, is found in a copy of the caller's namespace. */
export function placeInCopy(
  facts: HostFacts,
  source: PathString,
  of: HostPath['of'],
): NonNullable<HostPath['inCopy']> {
  const fact = own(facts.sources, source);
  const identity = of === 'mount' ? fact?.mountRootIdentity : fact?.identity;
  const path = of === 'mount' ? fact?.mount?.mountPoint : pathOf(fact);
  return { path: path ?? source, ...(identity && { identity }) };
}

/** The path without symlinks, in the caller's view. */
export function pathOf(fact: SourceFact | undefined): PathString | undefined {
  if (!fact?.mount || fact.root === undefined) return undefined;
  const below = relativePath(fact.mount.root, fact.root);
  return below === undefined ? undefined : joinPath(fact.mount.mountPoint, below);
}

/**
 * Requires that what is taken of the host can be taken, and made as the tree has it, without more privilege: in a
 * copy of the caller's mounts, where all is locked, or in a user namespace that has such a copy already, of which
 * trials told what is.
 */
export function requireUnlocked(
  sources: Sources,
  choices: Choices,
  facts: HostFacts,
  findings: Findings,
): void {
  const { tree, supplies, masters } = sources;
  const copied = usesCopy(choices);
  if (!copied && !facts.capabilities.privileges.inUserNamespace) return;
  const host = new HostMounts(facts);
  const bound = new Set<PathString>();
  for (const mount of tree.list) {
    const supply = supplies.get(mount.id);
    if (supply?.kind !== 'host') continue;
    const fact = own(facts.sources, supply.source);
    const locks = fact && locksOf(fact, copied);
    if (!fact?.mount || !locks) continue; // what is not there is told by itself, and what is not known is assumed
    if (locks.below && !bound.has(supply.source) && !supply.recursive) {
      bound.add(supply.source);
      requireAlone(tree, mount, fact, mountsBelow(host, fact.mount, pathOf(fact)), findings);
    }
    requireLockedFlags(tree, mount, fact, locks.options, findings);
    if (locks.options.includes('atime')) requireNoMap(tree, mount, fact, choices, findings);
  }
  if (copied)
    for (const [source, before] of masters.toShare) requireShared(source, before, sources, findings);
  for (const [source, use] of wholeMounts(sources)) {
    const fact = own(facts.sources, source);
    if (fact?.mount && locksOf(fact, copied)?.mountBelow)
      requireWholeAlone(tree, use, source, host.below(fact.mount), findings);
  }
}

const ALL_LOCKED: SourceLocks = {
  options: ['ro', 'nosuid', 'nodev', 'noexec', 'atime'],
  below: true,
  mountBelow: true,
};

function locksOf(fact: SourceFact, copied: boolean): SourceLocks | undefined {
  return copied ? ALL_LOCKED : fact.locks;
}

/** Whether the mount that a path lies on has locked ones below it: then a holder is cloned of the path. */
export function isLockedBelow(source: PathString, choices: Choices, facts: HostFacts): boolean {
  const fact = own(facts.sources, source);
  return usesCopy(choices) || fact?.locks?.mountBelow === true;
}

/** What the whole of a host mount is cloned for: a mount that follows it, or one whose peer group starts with it. */
interface WholeUse {
  readonly mount: Mount;
  readonly follows: boolean;
}

/** Sources of whose mount the whole is cloned, to start a group with. */
function wholeMounts({ tree, supplies, masters, groupOrigins }: Sources): Map<PathString, WholeUse> {
  const whole = new Map<PathString, WholeUse>();
  const add = (source: PathString | undefined, mount: Mount | undefined, follows: boolean) => {
    if (source !== undefined && mount && !whole.has(source)) whole.set(source, { mount, follows });
  };
  for (const [group, source] of masters.followed)
    if (!suppliesAll(tree, supplies, group, source)) add(source, tree.slaves.get(group)?.[0], true);
  for (const [group, { origin }] of groupOrigins)
    add(origin && mountOriginSource(origin), tree.groups.get(group)?.[0], false);
  return whole;
}

/** Whether all slaves of a master outside the tree come from the path whose mount they follow. */
export function suppliesAll(tree: MountTree, supplies: Supplies, group: number, source: PathString): boolean {
  return (tree.slaves.get(group) ?? []).every((slave) => {
    const supply = supplies.get(slave.id);
    return supply?.kind === 'host' && supply.source === source;
  });
}

function mountsBelow(host: HostMounts, mount: Mount, path: PathString | undefined): readonly Mount[] {
  const below = host.below(mount);
  return path === undefined ? below : below.filter(({ mountPoint }) => isInside(path, mountPoint));
}

const MOST_NAMED = 3;

function requireAlone(
  tree: MountTree,
  mount: Mount,
  fact: SourceFact,
  below: readonly Mount[],
  findings: Findings,
): void {
  if (below.length === 0) return;
  findings.require({
    kind: 'source',
    mounts: [mount],
    reason: `${fact.path}, for ${nameOf(mount)}, ${whyLocked(below)}`,
    cures: [
      recursiveCure(tree, mount),
      supplyCure(tree, mount),
      standInCure(tree, mount),
      skipCure(tree, mount),
      umountCure(below),
    ],
  });
}

function requireWholeAlone(
  tree: MountTree,
  { mount, follows }: WholeUse,
  source: PathString,
  below: readonly Mount[],
  findings: Findings,
): void {
  if (below.length === 0) return;
  const use = follows ? `which ${nameOf(mount)} follows` : `for the peer group of ${nameOf(mount)}`;
  findings.require({
    kind: 'source',
    mounts: [mount],
    reason: `the mount that ${source} is on, ${use}, ${whyLocked(below)}`,
    cures: [
      ...(follows ? [ignoreCure(), slaveCure(tree, mount)] : []),
      supplyCure(tree, mount),
      ...(mount === mainRoot(tree) ? [] : [skipCure(tree, mount)]),
      umountCure(below),
    ],
  });
}

function whyLocked(below: readonly Mount[]): string {
  const named = below.slice(0, MOST_NAMED).map(({ mountPoint }) => mountPoint);
  const more = below.length > MOST_NAMED ? ` and ${below.length - MOST_NAMED} more` : '';
  const are = below.length === 1 ? 'is' : 'are';
  return (
    'cannot be cloned in a user namespace without what is mounted below it: ' +
    `${named.join(', ')}${more} ${are} locked there`
  );
}

function umountCure([first]: readonly Mount[]): Cure {
  const cli = `umount ${first?.mountPoint}`;
  return { option: 'run', cli, effect: 'nothing is mounted below it any more' };
}

const ATIME_WORDS = ['noatime', 'nodiratime', 'relatime'];

/** What the host's mount has and the tree's has not (of atime: what one of the two has) could not be changed. */
function requireLockedFlags(
  tree: MountTree,
  mount: Mount,
  fact: SourceFact,
  locked: readonly string[],
  findings: Findings,
): void {
  const host = fact.mount as Mount;
  const cleared = locked.filter((word) => host.options.includes(word) && !mount.options.includes(word));
  const changed = locked.includes('atime')
    ? ATIME_WORDS.filter((word) => host.options.includes(word) !== mount.options.includes(word))
    : [];
  if (cleared.length + changed.length === 0) return;
  const atime = `its atime mode (${atimeOf(host)}, where the tree has ${atimeOf(mount)})`;
  const flags = [...cleared, ...(changed.length > 0 ? [atime] : [])].join(', ');
  findings.require({
    kind: 'privilege',
    mounts: [mount],
    reason:
      `${fact.path}, for ${nameOf(mount)}, lies on ${host.mountPoint}, which keeps ${flags} in a user namespace: ` +
      'what a more privileged one set is locked',
    cures: [
      supplyCure(tree, mount),
      remountCure(host, mount),
      standInCure(tree, mount),
      skipCure(tree, mount),
    ],
  });
}

function atimeOf({ options }: Mount): string {
  return ATIME_WORDS.filter((word) => options.includes(word)).join(',') || 'strictatime';
}

function remountCure(host: Mount, { options }: Mount): Cure {
  const wanted = [
    options.includes('ro') ? 'ro' : 'rw',
    ...['nosuid', 'nodev', 'noexec', ...ATIME_WORDS].filter((word) => options.includes(word)),
  ].join(',');
  return {
    option: 'run',
    cli: `mount -o remount,bind,${wanted} ${host.mountPoint}`,
    effect: 'as root, before the user namespace is made: the mount there has no flag that the tree has not',
  };
}

/** can_idmap_mount in fs/namespace.c wants CAP_SYS_ADMIN over the user namespace of the filesystem. */
function requireNoMap(
  tree: MountTree,
  mount: Mount,
  fact: SourceFact,
  choices: Choices,
  findings: Findings,
): void {
  const wanted = mount.idmap ?? choices.idmap.get(mount.id);
  const has = fact.mount?.options.includes('idmapped');
  if (!wanted && !has) return;
  findings.require({
    kind: 'idmap',
    mounts: [mount],
    reason: has
      ? `${fact.path}, for ${nameOf(mount)}, is idmapped, and a user namespace can neither take its map nor leave it out`
      : `${nameOf(mount)} is idmapped, and a user namespace gives no map to a filesystem of the host (${fact.path})`,
    cures: [supplyCure(tree, mount), standInCure(tree, mount), skipCure(tree, mount)],
  });
}

function requireShared(
  source: PathString,
  before: string,
  { tree, masters }: Sources,
  findings: Findings,
): void {
  const slaves = [...masters.followed].flatMap(([group, path]) =>
    path === source ? (tree.slaves.get(group) ?? []) : [],
  );
  findings.require({
    kind: 'private-source',
    mounts: slaves,
    reason: `the mount that ${source} is on is ${before}, and a user namespace can make no mount of the host shared`,
    cures: [{ option: 'run', cli: `mount --make-shared ${source}`, effect: 'as root, before' }, ignoreCure()],
  });
}
