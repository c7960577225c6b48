/**
 * Whether each path that the tree needs is a directory or a file.
 *
 * A mount covers a directory with a directory and a file with a file, so a mount's root and its mount point are of
 * one kind: all spots linked that way form a class, and what is known of one holds for all of it.
 */
import type { Kind, Mount, PathString } from '../../model/mount.ts';
import { parentPath } from '../../model/paths.ts';
import type { MountTree } from '../../model/tree.ts';
import type { Layout, Spot, Spots } from './layout.ts';
import { hostSource, type LayoutOrigin } from './layout-origin.ts';

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
  /** The paths needed below the root of an origin, parents before what is in them. */
  paths(origin: LayoutOrigin): readonly PathString[];
}

/** Where deleted roots are while the tree is built. */
interface DeletedPlaces {
  spotOf(mount: Mount, shown: Spot): Spot;
  /** Whether the superblock of an origin with deleted roots is to be read-only in the end. */
  isReadOnly(origin: LayoutOrigin): boolean;
}

/** What is known of paths from outside the tree: by the host, or by a trial of a filesystem. */
export interface KnownKinds {
  /** Whether anything is known of an origin. */
  has(origin: LayoutOrigin): boolean;
  at(origin: LayoutOrigin, path: PathString): Kind;
}

export const NOTHING_KNOWN: KnownKinds = { has: () => false, at: () => 'unknown' };

/** @param deletedRoots without them, deleted roots are nowhere. */
export function solveKinds(
  tree: MountTree,
  layout: Layout,
  deletedRoots: DeletedPlaces | undefined,
  known: KnownKinds,
): Kinds {
  const spots = new SpotClasses(layout.origins.length, tree.size);
  const { roots, places } = layout;
  for (const mount of tree.inOrder) {
    const rootClass = mount.deleted
      ? nodeOfDeleted(mount, spots, roots, deletedRoots)
      : spots.nodeOf(mount, roots);
    const placeClass = spots.nodeOf(mount, places);
    if (rootClass !== undefined && placeClass !== undefined) spots.link(rootClass, placeClass);
    const own = rootClass ?? placeClass;
    if (own !== undefined) spots.learn(own, mount.type === 'nsfs' ? 'file' : mount.kind);
  }
  learnAll(spots, layout, known);
  if (deletedRoots) learnUnlinked(spots, tree, layout, deletedRoots);
  return {
    kindAt: (spot) => (spots.isFile(spot) ? 'file' : 'directory'),
    known: (spot) => spots.kind(spot) !== 'unknown',
    conflicts: findConflicts(tree, layout, spots),
    paths: (origin) => parentsFirst(spots.below(origin)),
  };
}

function nodeOfDeleted(
  mount: Mount,
  spots: SpotClasses,
  roots: Spots,
  deletedRoots: DeletedPlaces | undefined,
): number | undefined {
  const shown = roots.get(mount.id);
  const built = shown && deletedRoots?.spotOf(mount, shown);
  return built && spots.at(built.origin, built.path);
}

function learnAll(spots: SpotClasses, layout: Layout, known: KnownKinds): void {
  for (const origin of layout.origins) {
    const isHost = hostSource(origin) !== undefined;
    spots.learn(spots.at(origin, '/'), isHost ? known.at(origin, '/') : 'directory');
    const below = spots.below(origin);
    if (below) learnBelow(spots, origin, below, known.has(origin) ? known : undefined);
  }
}

function learnBelow(
  spots: SpotClasses,
  origin: LayoutOrigin,
  below: ReadonlyMap<PathString, number>,
  known: KnownKinds | undefined,
): void {
  let left = below.size; // what is added on the way is what holds the others
  for (const path of below.keys()) {
    if (left === 0) return;
    left -= 1;
    if (known) spots.learn(spots.at(origin, path), known.at(origin, path));
    learnAncestors(spots, origin, path);
  }
}

/** What was deleted in a read-only filesystem kept another name, and no directory can: see DeletedRoots.keptPlace. */
function learnUnlinked(
  spots: SpotClasses,
  tree: MountTree,
  layout: Layout,
  deletedRoots: DeletedPlaces,
): void {
  for (const mount of tree.list) {
    const shown = mount.deleted ? layout.roots.get(mount.id) : undefined;
    if (!shown || !deletedRoots.isReadOnly(shown.origin)) continue;
    const spot = deletedRoots.spotOf(mount, shown);
    if (spots.kind(spot) === 'unknown') spots.learn(spots.at(spot.origin, spot.path), 'file');
  }
}

/** What holds a needed path is a directory; climbing stops where an earlier path has already been. */
function learnAncestors(spots: SpotClasses, origin: LayoutOrigin, path: PathString): void {
  for (let above = path; above !== '/'; ) {
    above = parentPath(above);
    if (!spots.learnDirectoryOnce(spots.at(origin, above))) return;
  }
}

function findConflicts(tree: MountTree, layout: Layout, spots: SpotClasses): KindConflict[] {
  const conflicts: KindConflict[] = [];
  if (!spots.anyConflicting()) return conflicts;
  const seen = new Set<number>();
  for (const mount of tree.inOrder) {
    const place = layout.places.get(mount.id) ?? layout.roots.get(mount.id);
    if (!place) continue;
    const top = spots.top(spots.at(place.origin, place.path));
    if (!spots.conflicting(top) || seen.has(top)) continue;
    seen.add(top);
    conflicts.push({ mount, place });
  }
  return conflicts;
}

const NO_PATHS: readonly PathString[] = [];

function parentsFirst(below: ReadonlyMap<PathString, number> | undefined): readonly PathString[] {
  if (!below) return NO_PATHS;
  const paths = [...below.keys()];
  return isSorted(paths) ? paths : paths.sort(); // a path sorts after each of its prefixes
}

/** To look first costs little, and sorting a few allocates more than they are. */
function isSorted(paths: readonly PathString[]): boolean {
  for (let i = 1; i < paths.length; i += 1) {
    if ((paths[i - 1] as PathString) > (paths[i] as PathString)) return false;
  }
  return true;
}

const DIRECTORY = 1;
const FILE = 2;
const KIND = DIRECTORY | FILE;
/** It holds another spot, and is known as a directory for that. */
const HOLDS = 4;

/**
 * Spots in classes (a disjoint-set forest), each class with what is known of its kind. The nodes of the forest are
 * numbers, and the roots of the origins the first of them.
 */
class SpotClasses {
  readonly #below: (Map<PathString, number> | undefined)[];
  #parents: Int32Array;
  #flags: Uint8Array;
  #count: number;
  #anyFile = false;

  constructor(origins: number, mounts: number) {
    this.#below = new Array(origins);
    this.#count = origins;
    this.#parents = new Int32Array(origins + 2 * mounts);
    this.#flags = new Uint8Array(this.#parents.length);
    for (let root = 0; root < origins; root += 1) this.#parents[root] = root;
  }

  nodeOf({ id }: Mount, spots: Spots): number | undefined {
    const origin = spots.originOf(id);
    return origin && this.at(origin, spots.pathOf(id));
  }

  /** The spots of an origin but its root, in the order they came in. */
  below({ index }: LayoutOrigin): ReadonlyMap<PathString, number> | undefined {
    return this.#below[index];
  }

  at({ index }: LayoutOrigin, path: PathString): number {
    if (path === '/') return index;
    let below = this.#below[index];
    if (!below) {
      below = new Map();
      this.#below[index] = below;
    }
    const known = below.get(path);
    if (known !== undefined) return known;
    const node = this.#add();
    below.set(path, node);
    return node;
  }

  #add(): number {
    if (this.#count === this.#parents.length) this.#grow();
    const node = this.#count;
    this.#parents[node] = node;
    this.#count += 1;
    return node;
  }

  #grow(): void {
    const parents = new Int32Array(2 * this.#count + 1);
    const flags = new Uint8Array(parents.length);
    parents.set(this.#parents);
    flags.set(this.#flags);
    this.#parents = parents;
    this.#flags = flags;
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
    this.#mark(b, this.#flagsOf(a) & KIND);
  }

  learn(node: number, kind: Kind): void {
    if (kind === 'unknown') return;
    this.#mark(this.top(node), kind === 'directory' ? DIRECTORY : FILE);
    if (kind === 'file') this.#anyFile = true;
  }

  /** Says whether it was news. */
  learnDirectoryOnce(node: number): boolean {
    if (this.#flagsOf(node) & HOLDS) return false;
    this.#mark(node, HOLDS);
    this.learn(node, 'directory');
    return true;
  }

  isFile(spot: Spot): boolean {
    return this.#anyFile && this.kind(spot) === 'file';
  }

  kind({ origin: { index }, path }: Spot): Kind {
    const node = path === '/' ? index : this.#below[index]?.get(path);
    const flags = node === undefined ? 0 : this.#flagsOf(this.top(node));
    if (flags & DIRECTORY) return 'directory';
    return flags & FILE ? 'file' : 'unknown';
  }

  anyConflicting(): boolean {
    if (!this.#anyFile) return false;
    for (let node = 0; node < this.#count; node += 1) if (this.conflicting(this.top(node))) return true;
    return false;
  }

  conflicting(top: number): boolean {
    return (this.#flagsOf(top) & KIND) === KIND;
  }

  #flagsOf(node: number): number {
    return this.#flags[node] as number;
  }

  #mark(node: number, flags: number): void {
    this.#flags[node] = this.#flagsOf(node) | flags;
  }
}
