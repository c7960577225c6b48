/** Which path of which origin each mount shows, and which path it is placed on. */
import { ById, type OfMounts } from '../../model/by-id.ts';
import type { Mount, PathString } from '../../model/mount.ts';
import { joinPath, pathComponents } from '../../model/paths.ts';
import type { MountTree } from '../../model/tree.ts';
import { filesystemRole } from '../filesystems.ts';
import { placeInOrigin, type Supplies, type Supply } from '../supply.ts';
import { hostOrigin, type OriginKey, wholeOrigin } from './origin-keys.ts';

/** A path in an origin; absolute, `/` being the origin's root. */
export interface Spot {
  readonly origin: OriginKey;
  readonly path: PathString;
}

export interface Layout {
  /** Where each mount's root is, by mount id. */
  readonly roots: OfMounts<Spot>;
  /** Where each mount but the root is placed, by mount id. */
  readonly places: OfMounts<Spot>;
  /** The mounts of each origin, in walking order. */
  readonly members: ReadonlyMap<OriginKey, readonly Mount[]>;
}

/** Lays every supplied mount out. Mounts with no supply, and what is placed on them, have no spot. */
export function layOut(tree: MountTree, supplies: Supplies): Layout {
  const roots = new ById<Spot>(tree.list);
  const places = new ById<Spot>(tree.list);
  const members = new Map<OriginKey, Mount[]>();
  const keys = new OriginKeys(tree);
  const renamings = standInRenamings(tree, supplies);

  for (const mount of tree.inOrder) {
    const supply = supplies.get(mount.id);
    const origin = supply && keys.of(mount, supply);
    if (supply && origin !== undefined) {
      roots.set(mount.id, { origin, path: rootInOrigin(mount, supply, renamings) });
      const known = members.get(origin);
      if (known) known.push(mount);
      else members.set(origin, [mount]);
    }
    const parent = tree.parentOf(mount);
    const below = parent && roots.get(parent.id);
    if (parent && below) {
      places.set(mount.id, { origin: below.origin, path: placeInOrigin(below.path, parent, mount) });
    }
  }
  return { roots, places, members };
}

/**
 * Mounts of one filesystem share an origin. A window is mounted once for each source name that it is known by,
 * because a bind inherits the name of what it copies, and the superblock is the same anyhow.
 */
class OriginKeys {
  readonly #tree: MountTree;
  /** Of filesystems that are made here and are no windows, by the first mount in the table. */
  readonly #fresh: ById<OriginKey>;

  constructor(tree: MountTree) {
    this.#tree = tree;
    this.#fresh = new ById(tree.list);
  }

  of(mount: Mount, supply: Supply): OriginKey | undefined {
    switch (supply.kind) {
      case 'host':
        return supply.recursive ? wholeOrigin(mount.id, supply.source) : hostOrigin(supply.source);
      case 'fresh':
        return this.#freshKey(mount);
      case 'stand-in':
        return `stand-in:${mount.device}`;
      case 'none':
        return undefined;
    }
  }

  #freshKey(mount: Mount): OriginKey {
    const first = this.#tree.superblockOf(mount)[0] ?? mount;
    const known = this.#fresh.get(first.id);
    if (known !== undefined) return known;
    const key = `fresh:${mount.device}`;
    if (filesystemRole(mount.type) === 'window') return `${key}:${mount.source}`;
    this.#fresh.set(first.id, key);
    return key;
  }
}

function rootInOrigin(mount: Mount, supply: Supply, renamings: ReadonlyMap<string, number>): PathString {
  if (supply.kind === 'host') return joinPath('/', supply.below);
  if (supply.kind === 'stand-in') return standInRoot(mount.root, renamings.get(mount.device) ?? 0);
  return mount.root;
}

/** How far above the reader's view each stand-in's roots reach: `/../..` is 2. */
function standInRenamings(tree: MountTree, supplies: Supplies): Map<string, number> {
  const heights = new Map<string, number>();
  for (const mount of tree.list) {
    if (supplies.get(mount.id)?.kind !== 'stand-in') continue;
    heights.set(mount.device, Math.max(heights.get(mount.device) ?? 0, climb(mount.root)));
  }
  return heights;
}

function climb(root: PathString): number {
  const parts = pathComponents(root);
  const down = parts.findIndex((part) => part !== '..');
  return down < 0 ? parts.length : down;
}

/**
 * A root's name in a stand-in: a cgroup's `/..` becomes an ancestor directory, so that what was inside what stays so,
 * and an nsfs's `net:[4026531833]` becomes a file.
 */
function standInRoot(root: PathString, height: number): PathString {
  if (!root.startsWith('/')) return `/${root.replaceAll('/', '\\')}`;
  if (height === 0) return root;
  const up = climb(root);
  const view = Array.from({ length: height - up }, (_, level) => `above-${level + 1}`);
  return joinPath('/', [...view, ...pathComponents(root).slice(up)].join('/'));
}
