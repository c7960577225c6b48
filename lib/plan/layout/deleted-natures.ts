/** What deleted roots were: what their places tell of them, and by what those that had one name are told apart. */
import type { Kind, Mount } from '../../model/mount.ts';
import type { MountTree } from '../../model/tree.ts';
import { type Kinds, NOTHING_KNOWN, solveKinds } from './kinds.ts';
import type { Layout } from './layout.ts';

/** What the paths are that are not deleted. */
export class KindsAlive {
  #kinds: Kinds | undefined;

  constructor(
    readonly tree: MountTree,
    readonly layout: Layout,
  ) {}

  get kinds(): Kinds {
    this.#kinds ??= solveKinds(this.tree, this.layout, undefined, NOTHING_KNOWN);
    return this.#kinds;
  }
}

/** What deleted roots of unknown kind are by what they are on: a mount and its mount point are of one kind. */
export function kindsByPlace(tree: MountTree, layout: Layout, alive: KindsAlive): ReadonlyMap<Mount, Kind> {
  const told = new Map<Mount, Kind>();
  const unknown = tree.list.filter(({ deleted, kind }) => deleted && kind === 'unknown');
  if (unknown.length === 0) return told;
  for (const mount of unknown) {
    const place = layout.places.get(mount.id);
    if (place && alive.kinds.known(place)) told.set(mount, alive.kinds.kindAt(place));
  }
  return told;
}

/** What is known of a deleted root, by which it is told from another that had its name. */
export function natureOf({
  kind,
  rootNode,
  rootInode,
}: Pick<Mount, 'kind' | 'rootNode' | 'rootInode'>): string {
  return JSON.stringify([kind, rootInode ?? null, rootNode ?? null]);
}

export function indexOfNature(known: readonly string[], mount: Mount): number {
  const same = known.indexOf(natureOf(mount));
  if (same >= 0 || mount.rootInode !== undefined || mount.rootNode) return same;
  return known.findIndex((nature) => isOf(nature, mount.kind) && !isOf(nature, mount.kind, ',null,'));
}

function isOf(nature: string, kind: Kind, more = ','): boolean {
  return nature.startsWith(`["${kind}"${more}`);
}

export const DIRECTORY = natureOf({ kind: 'directory' });

export function isDirectory(nature: string): boolean {
  return isOf(nature, 'directory');
}
