/** Who supplies each mount, as far as tree and options alone tell. */
import type { Mount, PathString } from '../model/mount.ts';
import { joinPath, pathComponents, relativePath } from '../model/paths.ts';
import type { MountTree } from '../model/tree.ts';
import type { Choices } from './choices.ts';
import { filesystemRole } from './filesystems.ts';
import { mainRoot } from './namespaces.ts';

/**
 * Where a mount comes from: a path at or below one that the caller named; a filesystem made here; a tmpfs in its
 * place; or nothing yet.
 */
export type Supply =
  | { readonly kind: 'host'; readonly source: PathString; readonly below: PathString }
  | { readonly kind: 'fresh'; readonly empty: boolean }
  | { readonly kind: 'stand-in'; readonly because: string }
  | { readonly kind: 'none' };

export type Supplies = ReadonlyMap<number, Supply>;

/** A host path and the root, in the captured filesystem, of the mount that it supplies. */
interface Cover {
  readonly root: PathString;
  readonly source: PathString;
}

/**
 * Assigns a supply to each mount, superblock by superblock. What the caller named comes first; a mount whose root
 * lies below a supplied one's is bound from there; instances and windows whose `/` the tree shows are made here.
 */
export function assignSupplies(tree: MountTree, choices: Choices): Map<number, Supply> {
  const supplies = new Map<number, Supply>();
  for (const members of tree.superblocks.values()) supplySuperblock(tree, members, choices, supplies);
  return supplies;
}

function supplySuperblock(
  tree: MountTree,
  members: readonly Mount[],
  choices: Choices,
  supplies: Map<number, Supply>,
): void {
  const covers: Cover[] = [];
  const supplyByHost = (mount: Mount, source: PathString) => {
    supplies.set(mount.id, { kind: 'host', source, below: '' });
    covers.push({ root: mount.root, source });
  };
  const waiting = () => members.filter((mount) => !supplies.has(mount.id));

  for (const mount of members) {
    const source =
      mount === mainRoot(tree)
        ? (choices.root ?? choices.external.get(mount.id))
        : choices.external.get(mount.id);
    if (source !== undefined) supplyByHost(mount, source);
  }
  if (members.some((mount) => choices.standIn.has(mount.id))) {
    for (const mount of waiting()) supplies.set(mount.id, { kind: 'stand-in', because: 'it was asked for' });
    return;
  }
  bindFromCovers(waiting(), covers, supplies);
  for (const mount of sourcedSlaves(waiting(), choices))
    supplyByHost(mount, choices.slaves.get(mount.id) as PathString);
  bindFromCovers(waiting(), covers, supplies);

  const rest = waiting();
  const role = filesystemRole(rest[0]?.type ?? '');
  const shown = rest.some(isWholeFilesystem);
  const asked = choices.freshAll || rest.some((mount) => choices.fresh.has(mount.id));
  const made = role !== 'external' && (shown || (asked && role === 'instance'));
  for (const mount of rest) {
    // A namespace file's root (`net:[1]`) is no path of anything that is made here.
    const has = made && mount.root.startsWith('/');
    supplies.set(mount.id, has ? { kind: 'fresh', empty: !shown } : { kind: 'none' });
  }
}

/**
 * Mounts that a clone of the host mount they follow supplies: those that nothing else does. Where another mount of
 * the superblock shows its `/` and is made here, the slave is bound from that one instead.
 */
function sourcedSlaves(waiting: readonly Mount[], choices: Choices): Mount[] {
  const isSourced = (mount: Mount) => typeof choices.slaves.get(mount.id) === 'string';
  const makable = filesystemRole(waiting[0]?.type ?? '') !== 'external';
  if (makable && waiting.some((mount) => !isSourced(mount) && isWholeFilesystem(mount))) return [];
  return waiting.filter(isSourced);
}

function isWholeFilesystem(mount: Mount): boolean {
  return mount.root === '/' && !mount.deleted;
}

/** Binds each mount from the narrowest cover that its root lies in. */
function bindFromCovers(
  waiting: readonly Mount[],
  covers: readonly Cover[],
  supplies: Map<number, Supply>,
): void {
  if (covers.length === 0) return;
  const byRoot = new Map(covers.map((cover) => [cover.root, cover]));
  for (const mount of waiting) {
    const cover = narrowestCover(byRoot, mount.root);
    const below = cover && relativePath(cover.root, mount.root);
    if (cover && below !== undefined) supplies.set(mount.id, { kind: 'host', source: cover.source, below });
  }
}

function narrowestCover(byRoot: ReadonlyMap<PathString, Cover>, root: PathString): Cover | undefined {
  for (let end = root.length; end > 0; end = root.lastIndexOf('/', end - 1)) {
    const cover = byRoot.get(root.slice(0, end));
    if (cover) return cover;
  }
  // A cgroup's `/..` is above its `/`.
  return root.startsWith('/') && pathComponents(root)[0] !== '..' ? byRoot.get('/') : undefined;
}

/**
 * The mount whose type and options a superblock is made with here: the first in the table. A snapshot may say otherwise
 * of another one, which nothing has checked.
 */
export function madeAs(tree: MountTree, supplies: Supplies, device: string): Mount | undefined {
  return tree.superblocks.get(device)?.find((mount) => supplies.get(mount.id)?.kind === 'fresh');
}

/** The path of a mount point inside its parent's origin, given the parent's own path there. */
export function placeInOrigin(parentPath: PathString, parent: Mount, mount: Mount): PathString {
  return joinPath(parentPath, relativePath(parent.mountPoint, mount.mountPoint) ?? '');
}
