import type { Kind, Mount } from '../model/mount.ts';
import { parentPath } from '../model/paths.ts';
import type { MountTree } from '../model/tree.ts';
import { takesNodes } from './filesystems.ts';
import type { Layout, Spot } from './layout.ts';

/**
 * What deleted roots of unknown kind are by what they are on: a mount, its mount point and its root are of one kind,
 * and the same place can be that of another mount whose kind is known, or have something in it.
 */
export function kindsByPlace(tree: MountTree, layout: Layout): ReadonlyMap<Mount, Kind> {
  const told = new Map<Mount, Kind>();
  const unknown = tree.mounts.filter(({ kind }) => kind === 'unknown');
  if (!unknown.some(({ deleted }) => deleted)) return told;
  const places = new Places();
  for (const mount of tree.mounts) {
    const spots = spotsOf(mount, layout);
    for (const spot of spots) places.hasParents(spot);
    const kind = isWholeFilesystem(mount) ? 'directory' : mount.kind;
    if (kind === 'unknown') places.wait(spots);
    else for (const spot of spots) places.tell(keyOf(spot), kind);
  }
  for (const mount of unknown) {
    const kind = spotsOf(mount, layout)
      .map((spot) => places.kindAt(keyOf(spot)))
      .find((known) => known);
    if (mount.deleted && kind !== undefined) told.set(mount, kind);
  }
  return told;
}

function isWholeFilesystem({ type, root, deleted }: Mount): boolean {
  return takesNodes(type) && root === '/' && !deleted;
}

/** The spots that are of a mount's kind: where it is, and its root, if that still has its name. */
function spotsOf({ id, deleted }: Mount, { places, roots }: Layout): Spot[] {
  return [places.get(id), deleted ? undefined : roots.get(id)].filter((spot) => spot !== undefined);
}

const keyOf = ({ origin, path }: Spot) => `${origin} ${path}`;

/** Spreads what is known of a place to the mounts that are on it or show it, and from them on. */
class Places {
  readonly #kinds = new Map<string, Kind>();
  readonly #waiting = new Map<string, (readonly Spot[])[]>();

  kindAt(key: string): Kind | undefined {
    return this.#kinds.get(key);
  }

  hasParents({ origin, path }: Spot): void {
    for (let at = path; at !== '/'; ) {
      at = parentPath(at);
      const key = keyOf({ origin, path: at });
      if (this.#kinds.has(key)) return;
      this.tell(key, 'directory');
    }
  }

  wait(spots: readonly Spot[]): void {
    const known = spots.map((spot) => this.#kinds.get(keyOf(spot))).find((kind) => kind !== undefined);
    for (const spot of spots) {
      const key = keyOf(spot);
      const others = this.#waiting.get(key);
      if (others) others.push(spots);
      else this.#waiting.set(key, [spots]);
      if (known !== undefined) this.tell(key, known);
    }
  }

  tell(first: string, kind: Kind): void {
    const left = [first];
    for (let key = left.pop(); key !== undefined; key = left.pop()) {
      if (this.#kinds.has(key)) continue;
      this.#kinds.set(key, kind);
      for (const spots of this.#waiting.get(key) ?? []) left.push(...spots.map(keyOf));
      this.#waiting.delete(key);
    }
  }
}
