/**
 * Roots that were deleted after they were mounted: each is created under its name, cloned, and removed when all is
 * placed. Where something of that name lives too (it was made again), the deleted one waits under another name and
 * changes places with the live one for the moment of its removal, because the kernel keeps the name that a directory
 * had when it went.
 */
import type { Mount, PathString } from '../model/mount.ts';
import { parentPath } from '../model/paths.ts';
import type { MountTree } from '../model/tree.ts';
import type { Layout, OriginKey, Spot } from './layout.ts';
import type { Supplies } from './supply.ts';

interface OriginRoots {
  readonly deleted: Set<PathString>;
  /** Paths of mounts and mount points that stay, and all directories above them. */
  readonly live: Set<PathString>;
}

export class DeletedRoots {
  readonly #origins = new Map<OriginKey, OriginRoots>();

  constructor(tree: MountTree, layout: Layout, supplies: Supplies) {
    for (const mount of tree.mounts) {
      const spot = layout.roots.get(mount.id);
      if (!mount.deleted || !spot || supplies.get(mount.id)?.kind === 'host') continue;
      const known = this.#origins.get(spot.origin);
      if (known) known.deleted.add(spot.path);
      else this.#origins.set(spot.origin, { deleted: new Set([spot.path]), live: new Set() });
    }
    if (this.#origins.size === 0) return;
    for (const mount of tree.mounts) {
      if (!mount.deleted) this.#learnLive(layout.roots.get(mount.id));
      this.#learnLive(layout.places.get(mount.id));
    }
  }

  #learnLive(spot: Spot | undefined): void {
    const live = spot && this.#origins.get(spot.origin)?.live;
    if (!spot || !live) return;
    for (let path = spot.path; !live.has(path); path = parentPath(path)) live.add(path);
  }

  has(origin: OriginKey): boolean {
    return this.#origins.has(origin);
  }

  /** Deleted paths of an origin, deepest first, as they have to be removed. */
  *in(origin: OriginKey): Generator<PathString> {
    const paths = [...(this.#origins.get(origin)?.deleted ?? [])];
    yield* paths.sort((left, right) => (left < right ? 1 : -1));
  }

  get origins(): Iterable<OriginKey> {
    return this.#origins.keys();
  }

  /** Whether something of the name stays, so that the deleted one needs another until the end. */
  isDoubled(origin: OriginKey, path: PathString): boolean {
    const roots = this.#origins.get(origin);
    return roots?.deleted.has(path) === true && roots.live.has(path);
  }

  /** Where the root of a mount is found while the tree is built. */
  pathOf(mount: Mount, spot: Spot): PathString {
    return mount.deleted && this.isDoubled(spot.origin, spot.path) ? waitingName(spot.path) : spot.path;
  }
}

/** The name under which a deleted root waits while something of its own name lives. */
export function waitingName(path: PathString): PathString {
  return `${path}.deleted-waiting`;
}

/** The name that the live one has while the deleted one goes. */
export function asideName(path: PathString): PathString {
  return `${path}.live-aside`;
}
