import { matchDeletedRoots } from './diff-deleted.ts';
import { areSame, diffFields } from './diff-fields.ts';
import { RootRenaming } from './diff-roots.ts';
import { matchFilesystems, matchGroups } from './diff-sharing.ts';
import { Difference } from './difference.ts';
import type { Mount } from './mount.ts';
import type { Pair } from './pair.ts';
import { relativePath } from './paths.ts';
import { atOnce, inStretches, type Pausing, STRETCH } from './pausing.ts';
import { type MountTree, placingOrder } from './tree.ts';

/** What a comparison passes over, by the ids of expected mounts. */
export interface ComparePolicy {
  /** Type, subtype, source and superblock options are not compared, roots up to a renaming. */
  readonly standIns?: ReadonlySet<number>;
  /** Superblock options are not compared. */
  readonly looseSuperOptions?: ReadonlySet<number>;
  /** Expected ids whose source is not compared. */
  readonly looseSources?: ReadonlySet<number>;
  /** Peer groups outside the expected tree, and the groups of this host that stand for them. */
  readonly groups?: ReadonlyMap<number, number>;
}

interface Missing {
  readonly missing: Mount;
}

interface Extra {
  readonly extra: Mount;
}

type Place = Pair | Missing | Extra;

/**
 * In what `actual` is not the tree that is expected; nothing, when it is the same. Mounts are paired by their place:
 * the roots, and then the children of a pair that are mounted at the same path inside it. Ids, device and group
 * numbers, the order of lines, `propagate_from` and an unknown kind make no difference. One cause is reported once
 * where it can be: a missing mount stands for all below it, and a mount that left its group leaves the others alone.
 */
export function diffTrees(expected: MountTree, actual: MountTree, policy: ComparePolicy = {}): Difference[] {
  return atOnce(comparing(expected, actual, policy));
}

/** {@link diffTrees}, with pauses. */
export function* comparing(
  expected: MountTree,
  actual: MountTree,
  policy: ComparePolicy = {},
): Pausing<Difference[]> {
  const places = yield* pairUp(expected, actual);
  const pairs = places.filter((place): place is Pair => 'expected' in place);
  const isStandIn = ({ id }: Mount) => policy.standIns?.has(id) === true;
  const roots = new RootRenaming(pairs.filter((pair) => isStandIn(pair.expected)));
  const filesystems = matchFilesystems(expected, actual, pairs);
  yield;
  const groups = matchGroups(expected, actual, pairs, policy.groups ?? new Map());
  yield;
  const deletedRoots = matchDeletedRoots();
  const seen = new Set<string>();
  const found: Difference[] = [];

  const comparePair = (pair: Pair) => {
    const standIn = isStandIn(pair.expected);
    if (standIn || !areSame(pair)) {
      const fields = diffFields(pair, {
        sameRoot: standIn ? roots.matches(pair) : pair.expected.root === pair.actual.root,
        standIn,
        looseSource: policy.looseSources?.has(pair.expected.id) === true,
        looseSuperOptions: policy.looseSuperOptions?.has(pair.expected.id) === true,
      });
      for (const difference of fields)
        if (isFirstOfItsFilesystem(seen, pair, difference)) found.push(difference);
    }
    for (const compare of [deletedRoots, filesystems, groups]) found.push(...compare(pair));
  };
  yield* inStretches(places.length, STRETCH, (start, end) => {
    for (let index = start; index < end; index += 1) {
      const place = places[index] as Place;
      if ('expected' in place) comparePair(place);
      else found.push(absence(place, expected, actual));
    }
  });
  return found;
}

/** A mount that one of the trees lacks. */
function absence(place: Missing | Extra, expected: MountTree, actual: MountTree): Difference {
  if ('missing' in place) {
    const { missing } = place;
    return new Difference('missing', missing, presence(expected, missing), 'not there');
  }
  const { extra } = place;
  return new Difference('extra', extra, 'not there', presence(actual, extra));
}

function* pairUp(expected: MountTree, actual: MountTree): Pausing<Place[]> {
  const places: Place[] = [];
  const waiting = tops(expected, actual).reverse();
  for (let place = waiting.pop(); place; place = waiting.pop()) {
    places.push(place);
    if (places.length % STRETCH === 0) yield;
    if (!('expected' in place)) continue;
    const below = pairChildren(place, [expected.childrenOf(place.expected), actual.childrenOf(place.actual)]);
    for (let i = below.length - 1; i >= 0; i -= 1) waiting.push(below[i] as Place);
  }
  return places;
}

function pairChildren(
  parents: Pair,
  [expected, actual]: readonly [readonly Mount[], readonly Mount[]],
): readonly Place[] {
  if (expected.length === 0 && actual.length === 0) return NONE;
  const [left, right] = [placingOrder(expected), placingOrder(actual)];
  const sameParent = parents.expected.mountPoint === parents.actual.mountPoint;
  const places: Places = {
    expected: sameParent ? mountPointOf : (mount) => placeOf(parents.expected.mountPoint, mount),
    actual: sameParent ? mountPointOf : (mount) => placeOf(parents.actual.mountPoint, mount),
  };
  return (
    zipped(places, left, right) ??
    matchedOnce(places, left, right) ??
    matchPlaces(placesOf(parents.expected.mountPoint, expected), placesOf(parents.actual.mountPoint, actual))
  );
}

const NONE: readonly Place[] = [];

/** What tells the places of children apart, by their parent. */
interface Places {
  readonly expected: (mount: Mount) => string;
  readonly actual: (mount: Mount) => string;
}

const mountPointOf = ({ mountPoint }: Mount) => mountPoint;

/** The children as they follow on each other, when both trees have the same places in the same order. */
function zipped(places: Places, expected: readonly Mount[], actual: readonly Mount[]): Pair[] | undefined {
  if (expected.length !== actual.length) return undefined;
  const pairs: Pair[] = [];
  for (let i = 0; i < expected.length; i += 1) {
    const pair = { expected: expected[i] as Mount, actual: actual[i] as Mount };
    if (places.expected(pair.expected) !== places.actual(pair.actual)) return undefined;
    pairs.push(pair);
  }
  return pairs;
}

/** The children when both trees have the same places, one mount at each. */
function matchedOnce(
  places: Places,
  expected: readonly Mount[],
  actual: readonly Mount[],
): Pair[] | undefined {
  if (expected.length !== actual.length) return undefined;
  const left = new Map<string, Mount>();
  for (const mount of actual) left.set(places.actual(mount), mount);
  const pairs: Pair[] = [];
  for (const mount of expected) {
    const place = places.expected(mount);
    const other = left.get(place);
    if (!other) return undefined;
    left.delete(place);
    pairs.push({ expected: mount, actual: other });
  }
  return pairs;
}

/** The roots are a pair wherever they are seen from; the tops of forests, and of odd tables, by mount point. */
function tops(expected: MountTree, actual: MountTree): Place[] {
  if (expected.root && actual.root) return [{ expected: expected.root, actual: actual.root }];
  return matchPlaces(placesOf('/', expected.roots), placesOf('/', actual.roots));
}

function placeOf(parent: string, { mountPoint }: Mount): string {
  return relativePath(parent, mountPoint) ?? `outside ${mountPoint}`;
}

/** Mounts by their place inside the parent; a malformed table may have several at one. */
function placesOf(parent: string, children: readonly Mount[]): Map<string, Mount[]> {
  const places = new Map<string, Mount[]>();
  for (const mount of placingOrder(children)) {
    const place = placeOf(parent, mount);
    const there = places.get(place);
    if (there) there.push(mount);
    else places.set(place, [mount]);
  }
  return places;
}

function matchPlaces(expected: Map<string, Mount[]>, actual: Map<string, Mount[]>): Place[] {
  const found: Place[] = [];
  for (const [place, mounts] of expected) {
    const there = actual.get(place) ?? [];
    mounts.forEach((mount, i) => {
      const other = there[i];
      found.push(other ? { expected: mount, actual: other } : { missing: mount });
    });
  }
  for (const [place, mounts] of actual) {
    for (const extra of mounts.slice(expected.get(place)?.length ?? 0)) found.push({ extra });
  }
  return found;
}

function presence(tree: MountTree, top: Mount): string {
  let below = -1;
  const waiting = [top];
  for (let mount = waiting.pop(); mount; mount = waiting.pop()) {
    below += 1;
    for (const child of tree.childrenOf(mount)) waiting.push(child);
  }
  return below === 0 ? 'mounted' : `mounted, with ${below} ${below === 1 ? 'mount' : 'mounts'} below it`;
}

/** A filesystem's type and options are the same in each of its mounts: what is wrong with them is said once. */
function isFirstOfItsFilesystem(seen: Set<string>, pair: Pair, difference: Difference): boolean {
  const { kind, expected, actual } = difference;
  if (kind !== 'type' && kind !== 'subtype' && kind !== 'superblock-options') return true;
  const key = [kind, pair.expected.device, pair.actual.device, expected, actual].join('\n');
  return seen.size !== seen.add(key).size;
}
