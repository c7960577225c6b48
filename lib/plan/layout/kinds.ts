/**
 * Whether each path that the tree needs is a directory or a file.
 *
 * A mount covers a directory with a directory and a file with a file, so a mount's root and its mount point are of
 * one kind: all spots linked that way form a class, and what is known of one holds for all of it.
 */
import type { Kind, Mount, PathString } from '../../model/mount.ts';
import { parentPath } from '../../model/paths.ts';
import type { MountTree } from '../../model/tree.ts';
import type { Layout, Spot } from './layout.ts';
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
  /** The paths needed in an origin, parents before what is in them. */
  paths(origin: LayoutOrigin): readonly PathString[];
}

/** Where deleted roots are while the tree is built. */
interface DeletedPlaces {
  spotOf(mount: Mount, shown: Spot): Spot;
  /** Whether the superblock of an origin with deleted roots is to be read-only in the end. */
  isReadOnly(origin: LayoutOrigin): boolean;
}

/** What is known of an origin's paths from outside the tree: by the host, or by a trial of a filesystem. */
export type KnownKind = (origin: LayoutOrigin) => ((path: PathString) => Kind) | undefined;

/** @param deletedRoots without them, deleted roots are nowhere. */
export function solveKinds(
  tree: MountTree,
  layout: Layout,
  deletedRoots: DeletedPlaces | undefined,
  knownKind: KnownKind,
): Kinds {
  const spots = new SpotClasses();
  for (const mount of tree.inOrder) {
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
  learnAll(spots, layout, knownKind);
  if (deletedRoots) learnUnlinked(spots, tree, layout, deletedRoots);
  return {
    kindAt: (spot) => (spots.isFile(spot) ? 'file' : 'directory'),
    known: (spot) => spots.kind(spot) !== 'unknown',
    conflicts: findConflicts(tree, layout, spots),
    paths: (origin) => parentsFirst(spots.in(origin) ?? NO_SPOTS),
  };
}

function learnAll(classes: SpotClasses, layout: Layout, knownKind: KnownKind): void {
  for (const origin of layout.origins) {
    const spots = classes.in(origin);
    if (!spots) continue;
    const isHost = hostSource(origin) !== undefined;
    const known = knownKind(origin);
    const { root, below } = spots;
    if (root !== undefined) classes.learn(root, isHost ? (known?.('/') ?? 'unknown') : 'directory');
    if (below) learnBelow(classes, spots, below, known);
  }
}

function learnBelow(
  classes: SpotClasses,
  spots: OriginSpots,
  below: ReadonlyMap<PathString, number>,
  known: ReturnType<KnownKind>,
): void {
  let left = below.size; // what is added on the way is what holds the others
  below.forEach((node, path) => {
    left -= 1;
    if (left < 0) return;
    if (known) classes.learn(node, known(path));
    learnAncestors(classes, spots, path);
  });
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
    if (spots.kind(spot) === 'unknown') spots.learn(spots.of(spot), 'file');
  }
}

/** What holds a needed path is a directory; climbing stops where an earlier path has already been. */
function learnAncestors(classes: SpotClasses, spots: OriginSpots, path: PathString): void {
  for (let above = path; above !== '/'; ) {
    above = parentPath(above);
    if (!classes.learnDirectoryOnce(classes.at(spots, above))) return;
  }
}

function findConflicts(tree: MountTree, layout: Layout, spots: SpotClasses): KindConflict[] {
  const conflicts: KindConflict[] = [];
  if (!spots.anyConflicting()) return conflicts;
  const seen = new Set<number>();
  for (const mount of tree.inOrder) {
    const place = layout.places.get(mount.id) ?? layout.roots.get(mount.id);
    if (!place) continue;
    const top = spots.top(spots.of(place));
    if (!spots.conflicting(top) || seen.has(top)) continue;
    seen.add(top);
    conflicts.push({ mount, place });
  }
  return conflicts;
}

const NO_SPOTS: Readonly<OriginSpots> = { root: undefined, below: undefined };
const ONLY_ROOT: readonly PathString[] = ['/'];

function parentsFirst({ root, below }: Readonly<OriginSpots>): readonly PathString[] {
  if (!below) return root === undefined ? [] : ONLY_ROOT;
  const paths = [...below.keys()].sort(); // a path sorts after each of its prefixes
  if (root !== undefined) paths.unshift('/');
  return paths;
}

/** The spots of an origin; most have only their root. */
interface OriginSpots {
  root: number | undefined;
  below: Map<PathString, number> | undefined;
}

const DIRECTORY = 1;
const FILE = 2;
const KIND = DIRECTORY | FILE;
/** It holds another spot, and is known as a directory for that. */
const HOLDS = 4;

/** Spots in classes (a disjoint-set forest), each class with what is known of its kind. */
class SpotClasses {
  readonly #byOrigin: OriginSpots[] = [];
  readonly #parents: number[] = [];
  readonly #flags: number[] = [];
  #anyFile = false;

  of({ origin, path }: Spot): number {
    return this.at(this.#spotsOf(origin), path);
  }

  in(origin: LayoutOrigin): OriginSpots | undefined {
    return this.#byOrigin[origin.index];
  }

  at(spots: OriginSpots, path: PathString): number {
    if (path === '/') {
      spots.root ??= this.#add();
      return spots.root;
    }
    spots.below ??= new Map();
    const known = spots.below.get(path);
    if (known !== undefined) return known;
    const node = this.#add();
    spots.below.set(path, node);
    return node;
  }

  #spotsOf(origin: LayoutOrigin): OriginSpots {
    const known = this.in(origin);
    if (known) return known;
    const spots: OriginSpots = { root: undefined, below: undefined };
    this.#byOrigin[origin.index] = spots;
    return spots;
  }

  #add(): number {
    this.#flags.push(0);
    return this.#parents.push(this.#parents.length) - 1;
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

  kind({ origin, path }: Spot): Kind {
    const spots = this.in(origin);
    const node = path === '/' ? spots?.root : spots?.below?.get(path);
    const flags = node === undefined ? 0 : this.#flagsOf(this.top(node));
    if (flags & DIRECTORY) return 'directory';
    return flags & FILE ? 'file' : 'unknown';
  }

  anyConflicting(): boolean {
    return this.#anyFile && this.#parents.some((_, node) => this.conflicting(this.top(node)));
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
