import { Difference } from './difference.ts';
import { type Mount, nameOf, type Propagation } from './mount.ts';
import type { Pair } from './pair.ts';
import type { MountTree } from './tree.ts';

type Compare = (pair: Pair) => readonly Difference[];

const NONE: readonly Difference[] = [];

/** What is to be matched of a mount of the expected tree, and of the actual one. */
interface KeysOf<K> {
  readonly expected: (mount: Mount) => K | undefined;
  readonly actual: (mount: Mount) => K | undefined;
}

/**
 * A one-to-one match of keys, from pairs whose keys want to be matched: the most frequent first, so that a single
 * mount that left its companions is the one that does not fit.
 */
function matchKeys<K>(pairs: readonly Pair[], keysOf: KeysOf<K>, seeds?: ReadonlyMap<K, K>): Map<K, K> {
  return matchOfAll(pairs, keysOf, seeds) ?? matchOfMost(pairs, keysOf, seeds);
}

/** When every key wants one other, as they mostly do. */
function matchOfAll<K>(
  pairs: readonly Pair[],
  keysOf: KeysOf<K>,
  seeds?: ReadonlyMap<K, K>,
): Map<K, K> | undefined {
  const match = new Map(seeds);
  const taken = new Set(match.values());
  for (const { expected, actual } of pairs) {
    const [wanted, got] = [keysOf.expected(expected), keysOf.actual(actual)];
    if (wanted === undefined || got === undefined) continue;
    const known = match.get(wanted);
    if (known === got) continue;
    if (known !== undefined || taken.has(got)) return undefined;
    match.set(wanted, got);
    taken.add(got);
  }
  return match;
}

function matchOfMost<K>(pairs: readonly Pair[], keysOf: KeysOf<K>, seeds?: ReadonlyMap<K, K>): Map<K, K> {
  const counts = new Map<K, Map<K, number>>();
  for (const { expected, actual } of pairs) {
    const [wanted, got] = [keysOf.expected(expected), keysOf.actual(actual)];
    if (wanted === undefined || got === undefined) continue;
    const row = counts.get(wanted) ?? new Map<K, number>();
    counts.set(wanted, row);
    row.set(got, (row.get(got) ?? 0) + 1);
  }
  const candidates = [...counts].flatMap(([wanted, row]) =>
    [...row].map(([got, count]) => ({ wanted, got, count })),
  );
  const match = new Map(seeds);
  const taken = new Set(match.values());
  for (const { wanted, got } of candidates.sort((a, b) => b.count - a.count)) {
    if (match.has(wanted) || taken.has(got)) continue;
    match.set(wanted, got);
    taken.add(got);
  }
  return match;
}

/** Compares which mounts are of one superblock. */
export function matchFilesystems(expected: MountTree, actual: MountTree, pairs: readonly Pair[]): Compare {
  const deviceOf = ({ device }: Mount) => device;
  const match = matchKeys(pairs, { expected: deviceOf, actual: deviceOf });
  const words = (tree: MountTree, mount: Mount) => {
    const other = companion(tree.superblocks.get(mount.device), mount);
    return `${other ? `the filesystem of ${nameOf(other)}` : 'a filesystem of its own'} (${mount.device})`;
  };
  return (pair) => {
    if (match.get(pair.expected.device) === pair.actual.device) return NONE;
    const texts = [words(expected, pair.expected), words(actual, pair.actual)] as const;
    return [new Difference('superblock', pair.expected, ...texts)];
  };
}

/** Compares which mounts are of one peer group, and who is whose slave. */
export function matchGroups(
  expected: MountTree,
  actual: MountTree,
  pairs: readonly Pair[],
  seeds: ReadonlyMap<number, number>,
): Compare {
  const groupOf = ({ propagation }: Mount) => propagation.shared;
  const inside = matchKeys(pairs, { expected: groupOf, actual: groupOf }, seeds);
  const masters = { expected: masterOutside(expected), actual: masterOutside(actual) };
  const outside = matchKeys(pairs, masters, seeds);
  const said = new Set<number>();

  return (pair) => {
    const wanted = pair.expected.propagation;
    const got = pair.actual.propagation;
    if (isPrivate(wanted) && isPrivate(got)) return NONE;
    const found: Difference[] = [];
    const samePeers = isMatch(inside, wanted.shared, got.shared);
    if (!samePeers) {
      const texts = [peers(expected, pair.expected), peers(actual, pair.actual)] as const;
      found.push(new Difference('peer-group', pair.expected, ...texts));
    }
    const leaders = wanted.master !== undefined && expected.groups.has(wanted.master) ? inside : outside;
    if (!isMatch(leaders, wanted.master, got.master)) {
      // The members of a group have one master: that it is another is said once for all that stayed in the group.
      const stayedIn = samePeers ? wanted.shared : undefined;
      if (stayedIn !== undefined && said.has(stayedIn)) return found;
      if (stayedIn !== undefined) said.add(stayedIn);
      const texts = [master(expected, pair.expected), master(actual, pair.actual)] as const;
      found.push(new Difference('master', pair.expected, ...texts));
    }
    return found;
  };
}

const isPrivate = ({ shared, master }: Propagation) => shared === undefined && master === undefined;

function isMatch(match: ReadonlyMap<number, number>, expected?: number, actual?: number): boolean {
  if (expected === undefined || actual === undefined) return expected === actual;
  return match.get(expected) === actual;
}

/** The master of a mount that is in no peer group of the tree. */
function masterOutside({ groups }: MountTree): (mount: Mount) => number | undefined {
  return ({ propagation: { master } }) => (master === undefined || groups.has(master) ? undefined : master);
}

function companion(mounts: readonly Mount[] | undefined, mount: Mount): Mount | undefined {
  return mounts?.find((other) => other !== mount);
}

function peers(tree: MountTree, mount: Mount): string {
  const group = mount.propagation.shared;
  if (group === undefined) return 'not shared';
  const other = companion(tree.groups.get(group), mount);
  return other
    ? `shared:${group}, a peer of ${nameOf(other)}`
    : `shared:${group}, without a peer in the tree`;
}

function master(tree: MountTree, mount: Mount): string {
  const group = mount.propagation.master;
  if (group === undefined) return 'no slave';
  const leader = tree.groups.get(group)?.[0];
  return leader
    ? `master:${group}, the group of ${nameOf(leader)}`
    : `master:${group}, a group outside the tree`;
}
