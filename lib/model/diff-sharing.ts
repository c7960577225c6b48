import { Difference } from './difference.ts';
import { type Mount, nameOf, type Propagation } from './mount.ts';
import type { Pair } from './pair.ts';
import type { MountTree } from './tree.ts';

type Compare = (pair: Pair) => readonly Difference[];

const NONE: readonly Difference[] = [];

/**
 * A one-to-one match of keys, from pairs that want to be matched: the most frequent first, so that a single mount
 * that left its companions is the one that does not fit.
 */
function matchKeys<K>(wanted: Iterable<readonly [K, K]>, seeds: ReadonlyMap<K, K>): Map<K, K> {
  const counts = new Map<K, Map<K, number>>();
  for (const [expected, actual] of wanted) {
    const row = counts.get(expected) ?? new Map<K, number>();
    counts.set(expected, row);
    row.set(actual, (row.get(actual) ?? 0) + 1);
  }
  const candidates = [...counts].flatMap(([expected, row]) =>
    [...row].map(([actual, count]) => ({ expected, actual, count })),
  );
  const match = new Map(seeds);
  const taken = new Set(seeds.values());
  for (const { expected, actual } of candidates.sort((a, b) => b.count - a.count)) {
    if (match.has(expected) || taken.has(actual)) continue;
    match.set(expected, actual);
    taken.add(actual);
  }
  return match;
}

/** Compares which mounts are of one superblock. */
export function matchFilesystems(expected: MountTree, actual: MountTree, pairs: readonly Pair[]): Compare {
  const match = matchKeys(
    pairs.map((pair) => [pair.expected.device, pair.actual.device] as const),
    new Map(),
  );
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
  const inside = matchKeys(wantedGroups(pairs, 'shared'), seeds);
  const outside = matchKeys(
    [...wantedGroups(pairs, 'master')].filter(([e, a]) => !expected.groups.has(e) && !actual.groups.has(a)),
    seeds,
  );
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
    const masters = wanted.master !== undefined && expected.groups.has(wanted.master) ? inside : outside;
    if (!isMatch(masters, wanted.master, got.master)) {
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

function* wantedGroups(
  pairs: readonly Pair[],
  key: 'shared' | 'master',
): Generator<readonly [number, number]> {
  for (const { expected, actual } of pairs) {
    const [a, b] = [expected.propagation[key], actual.propagation[key]];
    if (a !== undefined && b !== undefined) yield [a, b];
  }
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
