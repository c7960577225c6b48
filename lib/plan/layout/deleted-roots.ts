/**
 * Roots that were deleted after they were mounted: each is created under its name, cloned, and removed when all is
 * placed. Where something of that name lives too (it was made again), the deleted one waits under another name and
 * changes places with the live one for the moment of its removal, because the kernel keeps the name that a directory
 * had when it went. The kernel words a path by what each directory on it was last called: so what was in a directory
 * whose name a file has now is made and removed in that directory while it waits.
 */
import type { Kind, Mount, PathString } from '../../model/mount.ts';
import { joinPath, parentPath, relativePath } from '../../model/paths.ts';
import type { MountTree } from '../../model/tree.ts';
import { filesystemRole, splitOptions } from '../filesystems.ts';
import type { Supplies } from '../supply.ts';
import {
  DIRECTORY,
  indexOfNature,
  isDirectory,
  KindsAlive,
  kindsByPlace,
  natureOf,
} from './deleted-natures.ts';
import type { Layout, Spot } from './layout.ts';
import type { LayoutOrigin } from './layout-origin.ts';

interface OriginRoots {
  readonly deleted: Set<PathString>;
  /** By path, what the deleted ones were: several can have had one name, one after the other. */
  readonly natures: Map<PathString, string[]>;
  /** Paths of mounts and mount points that stay, and all directories above them. */
  readonly live: Set<PathString>;
  /** Directories that are gone, with something deleted in them, whose names files have. */
  readonly replaced: Set<PathString>;
  /** The superblock ends read-only: what goes keeps another name. */
  readonly readOnly: boolean;
  /** Names that the tree does not use, by purpose, and by what each is for. */
  readonly names: {
    readonly [purpose in Purpose]: { next: number; readonly given: Map<string, PathString> };
  };
}

/** To wait for the removal, to be out of the way of one, and to be kept. */
type Purpose = 'waiting' | 'aside' | 'mountyard-kept';

export class DeletedRoots {
  readonly #origins = new Map<LayoutOrigin, OriginRoots>();
  /** Deleted roots of unknown kind that are on something of a known one. */
  readonly #toldKinds: ReadonlyMap<Mount, Kind>;

  constructor(tree: MountTree, layout: Layout, supplies: Supplies) {
    for (const mount of tree.list) {
      const spot = mount.deleted ? layout.roots.get(mount.id) : undefined;
      if (!spot || supplies.get(mount.id)?.kind === 'host') continue;
      const roots = this.#origins.get(spot.origin) ?? emptyRoots(endsReadOnly(mount, supplies));
      this.#origins.set(spot.origin, roots);
      roots.deleted.add(spot.path);
    }
    const alive = new KindsAlive(tree, layout);
    this.#toldKinds = kindsByPlace(tree, layout, alive);
    if (this.#origins.size === 0) return;
    this.#learnNatures(tree, layout);
    for (const mount of tree.list) {
      if (!mount.deleted) this.#learnLive(layout.roots.get(mount.id));
      this.#learnLive(layout.places.get(mount.id));
    }
    for (const [origin, roots] of this.#origins) {
      learnReplaced(origin, roots, alive);
      addWhatIsBetween(roots);
      putDirectoriesFirst(roots);
    }
  }

  /** Those that are known best first: a root that could not be looked at is taken for one of them. */
  #learnNatures(tree: MountTree, layout: Layout): void {
    for (const known of [true, false]) {
      for (const mount of tree.list) {
        const spot = mount.deleted ? layout.roots.get(mount.id) : undefined;
        const roots = spot ? this.#origins.get(spot.origin) : undefined;
        if (roots && spot && (mount.rootInode !== undefined) === known)
          learnNature(roots, spot.path, this.#told(mount));
      }
    }
  }

  #told(mount: Mount): Mount {
    const kind = this.#toldKinds.get(mount);
    return kind === undefined ? mount : { ...mount, kind };
  }

  #learnLive(spot: Spot | undefined): void {
    const live = spot && this.#origins.get(spot.origin)?.live;
    if (!spot || !live) return;
    for (let path = spot.path; !live.has(path); path = parentPath(path)) live.add(path);
  }

  /** Deleted paths of an origin, deepest first, as they have to be removed. */
  *in(origin: LayoutOrigin): Generator<PathString> {
    const paths = [...(this.#origins.get(origin)?.deleted ?? [])];
    yield* paths.sort((left, right) => (left < right ? 1 : -1));
  }

  hasAny(origin: LayoutOrigin): boolean {
    return this.#origins.has(origin);
  }

  get origins(): Iterable<LayoutOrigin> {
    return this.#origins.keys();
  }

  /**
   * Where a deleted root waits until the end, when something of its name stays; `undefined` when nothing does. The
   * names are at the origin's root, short, and none that the tree uses.
   */
  waitingPlace(origin: LayoutOrigin, path: PathString): PathString | undefined {
    const roots = this.#origins.get(origin);
    if (!roots?.deleted.has(path) || !roots.live.has(path)) return undefined;
    return nameFor(roots, 'waiting', path);
  }

  /** Where the others wait, when several deleted roots had one name. */
  waitingOthers(origin: LayoutOrigin, path: PathString): PathString[] {
    const roots = this.#origins.get(origin);
    const others = roots?.natures.get(path)?.slice(1) ?? [];
    return roots ? others.map((_, index) => otherPlace(roots, path, index + 1)) : [];
  }

  /** What was deleted in directories whose names files have, parents before what is in them. */
  inReplaced(origin: LayoutOrigin): PathString[] {
    const roots = this.#origins.get(origin);
    if (!roots || roots.replaced.size === 0) return [];
    return [...roots.deleted].filter((path) => replacedAbove(roots, path) !== undefined).sort();
  }

  /** Where what has no waiting place of its own is while the tree is built: what is above it may have one. */
  builtPath(origin: LayoutOrigin, path: PathString): PathString {
    const roots = this.#origins.get(origin);
    const above = roots && replacedAbove(roots, path);
    if (above === undefined) return path;
    return joinPath(this.waitingPlace(origin, above) ?? above, relativePath(above, path) ?? '');
  }

  /** Whether the superblock of an origin with deleted roots is to be read-only in the end. */
  isReadOnly(origin: LayoutOrigin): boolean {
    return this.#origins.get(origin)?.readOnly === true;
  }

  /**
   * The second name that a deleted root of a read-only superblock keeps, by where it is while the tree is built. Linux
   * makes no filesystem read-only while something without a name is in use (fs/namespace.c,
   * sb_prepare_remount_readonly). At the origin's root, hidden, and none that the tree uses.
   */
  keptPlace(origin: LayoutOrigin, path: PathString): PathString | undefined {
    const roots = this.#origins.get(origin);
    return roots?.readOnly ? nameFor(roots, 'mountyard-kept', path) : undefined;
  }

  /** A name for what lives, while the deleted one goes under its own. */
  asidePlace(origin: LayoutOrigin): PathString {
    const roots = this.#origins.get(origin) as OriginRoots;
    return nameFor(roots, 'aside', '');
  }

  /** Where the root of a mount is found while the tree is built. */
  pathOf(mount: Mount, spot: Spot): PathString {
    if (!mount.deleted) return spot.path;
    const roots = this.#origins.get(spot.origin);
    const which = indexOfNature(roots?.natures.get(spot.path) ?? [], this.#told(mount));
    if (roots && which > 0) return otherPlace(roots, spot.path, which);
    return this.waitingPlace(spot.origin, spot.path) ?? this.builtPath(spot.origin, spot.path);
  }

  /** The same as a spot: what waits need not be what its name is now. */
  spotOf(mount: Mount, spot: Spot): Spot {
    return mount.deleted ? { origin: spot.origin, path: this.pathOf(mount, spot) } : spot;
  }
}

function emptyRoots(readOnly: boolean): OriginRoots {
  const none = () => ({ next: 0, given: new Map<string, PathString>() });
  const names = { waiting: none(), aside: none(), 'mountyard-kept': none() };
  return { deleted: new Set(), natures: new Map(), live: new Set(), replaced: new Set(), readOnly, names };
}

/** Whether the superblock of a mount is made writable here, and read-only when all is in it. */
export function endsReadOnly(mount: Mount, supplies: Supplies): boolean {
  const fresh = supplies.get(mount.id)?.kind === 'fresh' && filesystemRole(mount.type) === 'instance';
  return fresh && splitOptions(mount).readOnly;
}

/** A read-only superblock has none: its directories cannot be deleted. */
function learnReplaced(origin: LayoutOrigin, roots: OriginRoots, alive: KindsAlive): void {
  const { deleted, live, replaced, readOnly } = roots;
  const seen = new Set<PathString>(['/']);
  for (const path of readOnly ? [] : [...deleted]) {
    for (let at = parentPath(path); !seen.has(at); at = parentPath(at)) {
      seen.add(at);
      if (!live.has(at) || alive.kinds.kindAt({ origin, path: at }) === 'directory') continue;
      replaced.add(at);
      deleted.add(at);
    }
  }
}

/** Only one can be above a path, as a directory holds it. */
function replacedAbove({ replaced }: OriginRoots, path: PathString): PathString | undefined {
  if (replaced.size === 0) return undefined;
  for (let at = path; at !== '/'; ) {
    at = parentPath(at);
    if (replaced.has(at)) return at;
  }
  return undefined;
}

/** Directories between two deleted ones are not mounted anywhere, and have to go too. */
function addWhatIsBetween({ deleted, live }: OriginRoots): void {
  const known = new Map<PathString, boolean>();
  const isInside = (path: PathString): boolean => {
    const climbed: PathString[] = [];
    let at = path;
    for (; at !== '/' && !deleted.has(at) && !known.has(at); at = parentPath(at)) climbed.push(at);
    const inside = deleted.has(at) || known.get(at) === true;
    for (const each of climbed) known.set(each, inside);
    return inside;
  };
  for (const path of [...deleted]) {
    for (let at = parentPath(path); !deleted.has(at) && !live.has(at) && isInside(at); at = parentPath(at))
      deleted.add(at);
  }
}

/**
 * What had its name below that of a deleted file was in a directory that had the name at another time: it is made for
 * it, and goes too.
 */
function putDirectoriesFirst({ deleted, live, natures, replaced }: OriginRoots): void {
  const above = new Set<PathString>();
  for (const path of deleted)
    for (let at = parentPath(path); !above.has(at); at = parentPath(at)) above.add(at);
  for (const [path, known] of natures) {
    if (!above.has(path) || (live.has(path) && !replaced.has(path))) continue;
    const directories = known.filter(isDirectory);
    const others = known.filter((nature) => !isDirectory(nature));
    natures.set(path, [...(directories.length > 0 ? directories : [DIRECTORY]), ...others]);
  }
}

function learnNature({ natures }: OriginRoots, path: PathString, mount: Mount): void {
  const known = natures.get(path) ?? [];
  if (mount.kind !== 'unknown' && indexOfNature(known, mount) < 0)
    natures.set(path, [...known, natureOf(mount)]);
}

function otherPlace(roots: OriginRoots, path: PathString, which: number): PathString {
  return nameFor(roots, 'waiting', `${path}/${which}/`); // no path ends so
}

/** Of one purpose no name is given twice. */
function nameFor({ names, live, deleted }: OriginRoots, purpose: Purpose, what: string): PathString {
  const { given } = names[purpose];
  for (let name = given.get(what); ; name = `/.${purpose}-${names[purpose].next++}`) {
    if (name === undefined || live.has(name) || deleted.has(name)) continue;
    given.set(what, name);
    return name;
  }
}
