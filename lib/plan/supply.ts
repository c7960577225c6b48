/** Who supplies each mount, as far as tree and options alone tell. */
import { ById, type OfMounts } from '../model/by-id.ts';
import type { Mount, PathString } from '../model/mount.ts';
import { isInside, joinPath, pathComponents, relativePath } from '../model/paths.ts';
import type { MountTree } from '../model/tree.ts';
import { filesystemRole } from './filesystems.ts';
import { mainRoot } from './namespaces.ts';
import type { Choices } from './options/choices.ts';

/**
 * Where a mount comes from: a path at or below one that the caller named; a filesystem made here; a tmpfs in its
 * place; or nothing yet.
 */
export type Supply =
  | {
      readonly kind: 'host';
      readonly source: PathString;
      readonly below: PathString;
      /** With all that is mounted below the path on the host. */
      readonly recursive?: true;
    }
  | { readonly kind: 'fresh'; readonly empty: boolean }
  | { readonly kind: 'stand-in'; readonly because: string }
  | { readonly kind: 'none' };

export type Supplies = OfMounts<Supply>;

/** A host path and the root, in the captured filesystem, of the mount that it supplies. */
interface Cover {
  readonly root: PathString;
  readonly source: PathString;
}

/**
 * Assigns a supply to each mount, superblock by superblock. What the caller named comes first; a mount whose root
 * lies below a supplied one's is bound from there; instances and windows whose `/` the tree shows are made here.
 */
export function assignSupplies(tree: MountTree, choices: Choices): ById<Supply> {
  const supplies = new ById<Supply>(tree.list);
  const main = mainRoot(tree);
  for (const members of tree.superblocks.values()) {
    const left = namesHosts(choices) ? supplyByHost(main, members, choices, supplies) : members;
    if (left.length > 0) supplyHere(left, choices, supplies);
  }
  return supplies;
}

/** Whether the caller named any host path to supply mounts. */
export function namesHosts({ root, external, slaves }: Choices): boolean {
  return root !== undefined || external.size > 0 || slaves.size > 0;
}

/** Supplies what host paths give of a superblock, and returns the rest. */
function supplyByHost(
  main: Mount | undefined,
  members: readonly Mount[],
  choices: Choices,
  supplies: ById<Supply>,
): readonly Mount[] {
  const covers: Cover[] = [];
  const supply = (mount: Mount, source: PathString) => {
    const given = { kind: 'host', source, below: '' } as const;
    supplies.set(mount.id, choices.recursive.has(mount.id) ? { ...given, recursive: true } : given);
    covers.push({ root: mount.root, source });
  };
  const waiting = () => members.filter((mount) => !supplies.has(mount.id));

  for (const mount of members) {
    const named = choices.external.get(mount.id);
    const source = mount === main ? (choices.root ?? named) : named;
    if (source !== undefined) supply(mount, source);
  }
  if (members.some((mount) => choices.standIn.has(mount.id))) return waiting();
  bindFromCovers(waiting(), covers, supplies);
  for (const mount of sourcedSlaves(waiting(), choices))
    supply(mount, choices.slaves.get(mount.id) as PathString);
  bindFromCovers(waiting(), covers, supplies);
  return waiting();
}

/** Made here, or a stand-in, or nothing. */
function supplyHere(mounts: readonly Mount[], choices: Choices, supplies: ById<Supply>): void {
  if (areNamed(mounts, choices.standIn)) {
    const standIn: Supply = { kind: 'stand-in', because: 'it was asked for' };
    for (const mount of mounts) supplies.set(mount.id, standIn);
    return;
  }
  const role = filesystemRole(mounts[0]?.type ?? '');
  const shown = mounts.some(isWholeFilesystem);
  const asked = choices.freshAll || areNamed(mounts, choices.fresh);
  const made = role !== 'external' && (shown || (asked && role === 'instance'));
  const fresh = shown ? FRESH : EMPTY;
  for (const mount of mounts) {
    // A namespace file's root (`net:[1]`) is no path of anything that is made here.
    supplies.set(mount.id, made && mount.root.startsWith('/') ? fresh : NONE);
  }
}

function areNamed(mounts: readonly Mount[], ids: ReadonlySet<number>): boolean {
  return ids.size > 0 && mounts.some((mount) => ids.has(mount.id));
}

const FRESH: Supply = { kind: 'fresh', empty: false };
const EMPTY: Supply = { kind: 'fresh', empty: true };
const NONE: Supply = { kind: 'none' };

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
function bindFromCovers(waiting: readonly Mount[], covers: readonly Cover[], supplies: ById<Supply>): void {
  if (covers.length === 0 || waiting.length === 0) return;
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
export function madeAs(tree: MountTree, supplies: Supplies, mount: Mount): Mount {
  for (const member of tree.superblockOf(mount)) if (supplies.get(member.id)?.kind === 'fresh') return member;
  return mount;
}

/** The path of a mount point inside its parent's origin, given the parent's own path there. */
export function placeInOrigin(parentPath: PathString, parent: Mount, mount: Mount): PathString {
  if (!isInside(parent.mountPoint, mount.mountPoint)) return parentPath;
  if (parentPath === parent.mountPoint) return mount.mountPoint;
  return joinPath(parentPath, relativePath(parent.mountPoint, mount.mountPoint) as PathString);
}
