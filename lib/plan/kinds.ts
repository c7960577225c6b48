/**
 * Whether each path that the tree needs is a directory or a file.
 *
 * A mount covers a directory with a directory and a file with a file, so a mount's root and its mount point are of
 * one kind: all spots linked that way form a class, and what is known of one holds for all of it.
 */
import type { Kind, Mount, PathString } from '../model/mount.ts';
import { parentPath } from '../model/paths.ts';
import type { MountTree } from '../model/tree.ts';
import type { Layout, Spot } from './layout.ts';
import { hostSource, type OriginKey } from './origin-keys.ts';

/** A spot known to be a directory and, through mounts, the same as one known to be a file. */
export interface KindConflict {
  readonly mount: Mount;
  readonly place: Spot;
}

export interface Kinds {
  /** `directory` where nothing is known. */
  kindAt(spot: Spot): Exclude<Kind, 'unknown'>;
  /** Whether anything is known of the spot. */
  known(spot: Spot): boolean;
  readonly conflicts: readonly KindConflict[];
  /** The paths needed in an origin, parents before what is in them. */
  paths(origin: OriginKey): readonly PathString[];
}

/** Where deleted roots are while the tree is built. */
interface DeletedPlaces {
  spotOf(mount: Mount, shown: Spot): Spot;
  /** Whether the superblock of an origin with deleted roots is to be read-only in the end. */
  isReadOnly(origin: OriginKey): boolean;
}

/** What is known of an origin's paths from outside the tree: by the host, or by a trial of a filesystem. */
export type KnownKind = (origin: OriginKey) => ((path: PathString) => Kind) | undefined;

/** @param deletedRoots without them, deleted roots are nowhere. */
export function solveKinds(
  tree: MountTree,
  layout: Layout,
  deletedRoots: DeletedPlaces | undefined,
  knownKind: KnownKind,
): Kinds {
  const spots = new SpotClasses();
  for (const mount of tree.walk()) {
    const shown = layout.roots.get(mount.id);
    const root = mount.deleted ? shown && deletedRoots?.spotOf(mount, shown) : shown;
    const place = layout.places.get(mount.id);
    const rootClass = root && spots.of(root);
    const placeClass = place && spots.of(place);
    if (rootClass !== undefined && placeClass !== undefined) spots.link(rootClass, placeClass);
    const known = mount.type === 'nsfs' ? 'file' : mount.kind;
    const own = rootClass ?? placeClass;
    if (own !== undefined) spots.learn(own, known);
  }
  learnAll(spots, knownKind);
  if (deletedRoots) learnUnlinked(spots, tree, layout, deletedRoots);
  return {
    kindAt: (spot) => (spots.kind(spot) === 'file' ? 'file' : 'directory'),
    known: (spot) => spots.kind(spot) !== 'unknown',
    conflicts: findConflicts(tree, layout, spots),
    paths: (origin) => parentsFirst(spots.byOrigin.get(origin)),
  };
}

function learnAll(spots: SpotClasses, knownKind: KnownKind): void {
  for (const [origin, paths] of spots.byOrigin) {
    const isHost = hostSource({ origin }) !== undefined;
    const known = knownKind(origin);
    for (const [path, node] of [...paths]) {
      const isRoot = path === '/' && !isHost;
      if (isRoot || known) spots.learn(node, isRoot ? 'directory' : (known?.(path) ?? 'unknown'));
      learnAncestors(spots, origin, path);
    }
  }
}

/** What was deleted in a read-only filesystem kept another name, and no directory can: see DeletedRoots.keptPlace. */
function learnUnlinked(
  spots: SpotClasses,
  tree: MountTree,
  layout: Layout,
  deletedRoots: DeletedPlaces,
): void {
  for (const mount of tree.mounts) {
    const shown = mount.deleted ? layout.roots.get(mount.id) : undefined;
    if (!shown || !deletedRoots.isReadOnly(shown.origin)) continue;
    const spot = deletedRoots.spotOf(mount, shown);
    if (spots.kind(spot) === 'unknown') spots.learn(spots.of(spot), 'file');
  }
}

/** What holds a needed path is a directory; climbing stops where an earlier path has already been. */
function learnAncestors(spots: SpotClasses, origin: OriginKey, path: PathString): void {
  for (let above = path; above !== '/'; ) {
    above = parentPath(above);
    if (!spots.learnDirectoryOnce({ origin, path: above })) return;
  }
}

function findConflicts(tree: MountTree, layout: Layout, spots: SpotClasses): KindConflict[] {
  const conflicts: KindConflict[] = [];
  if (!spots.anyConflicting()) return conflicts;
  const seen = new Set<number>();
  for (const mount of tree.walk()) {
    const place = layout.places.get(mount.id) ?? layout.roots.get(mount.id);
    if (!place) continue;
    const top = spots.top(spots.of(place));
    if (!spots.conflicting(top) || seen.has(top)) continue;
    seen.add(top);
    conflicts.push({ mount, place });
  }
  return conflicts;
}

function parentsFirst(paths: ReadonlyMap<PathString, number> | undefined): PathString[] {
  return [...(paths?.keys() ?? [])].sort(); // a path sorts after each of its prefixes
}

/** Spots in classes (a disjoint-set forest), each class with what is known of its kind. */
class SpotClasses {
  readonly byOrigin = new Map<OriginKey, Map<PathString, number>>();
  readonly #parents: number[] = [];
  readonly #directory: boolean[] = [];
  readonly #file: boolean[] = [];
  readonly #holds: boolean[] = [];

  of(spot: Spot): number {
    const paths = this.#pathsOf(spot.origin);
    const known = paths.get(spot.path);
    if (known !== undefined) return known;
    const node = this.#parents.length;
    paths.set(spot.path, node);
    this.#parents.push(node);
    this.#directory.push(false);
    this.#file.push(false);
    return node;
  }

  #pathsOf(origin: OriginKey): Map<PathString, number> {
    const paths = this.byOrigin.get(origin) ?? new Map<PathString, number>();
    if (paths.size === 0) this.byOrigin.set(origin, paths);
    return paths;
  }

  top(node: number): number {
    let top = node;
    while (this.#parents[top] !== top) {
      const above = this.#parents[top] as number;
      this.#parents[top] = this.#parents[above] as number;
      top = this.#parents[top] as number;
    }
    return top;
  }

  link(left: number, right: number): void {
    const a = this.top(left);
    const b = this.top(right);
    if (a === b) return;
    this.#parents[a] = b;
    this.#directory[b] ||= this.#directory[a] as boolean;
    this.#file[b] ||= this.#file[a] as boolean;
  }

  learn(node: number, kind: Kind): void {
    const top = this.top(node);
    if (kind === 'directory') this.#directory[top] = true;
    if (kind === 'file') this.#file[top] = true;
  }

  /** Says whether it was news. */
  learnDirectoryOnce(spot: Spot): boolean {
    const node = this.of(spot);
    if (this.#holds[node]) return false;
    this.#holds[node] = true;
    this.learn(node, 'directory');
    return true;
  }

  kind(spot: Spot): Kind {
    const node = this.byOrigin.get(spot.origin)?.get(spot.path);
    if (node === undefined) return 'unknown';
    const top = this.top(node);
    return this.#directory[top] ? 'directory' : this.#file[top] ? 'file' : 'unknown';
  }

  anyConflicting(): boolean {
    return this.#file.some((file, node) => file && this.conflicting(this.top(node)));
  }

  conflicting(top: number): boolean {
    return (this.#directory[top] && this.#file[top]) === true;
  }
}
