/** Which path of which origin each mount shows, and which path it is placed on. */
import { ById, type OfMounts } from '../../model/by-id.ts';
import type { Mount, PathString } from '../../model/mount.ts';
import { joinPath, pathComponents } from '../../model/paths.ts';
import type { MountTree } from '../../model/tree.ts';
import { filesystemRole } from '../filesystems.ts';
import { placeInOrigin, type Supplies, type Supply } from '../supply.ts';
import type { LayoutOrigin } from './layout-origin.ts';

/** A path in an origin; absolute, `/` being the origin's root. */
export interface Spot {
  readonly origin: LayoutOrigin;
  readonly path: PathString;
}

export interface Layout {
  /** Where each mount's root is, by mount id. */
  readonly roots: OfMounts<Spot>;
  /** Where each mount but the root is placed, by mount id. */
  readonly places: OfMounts<Spot>;
  /** All that mounts are cloned from, by index. */
  readonly origins: readonly LayoutOrigin[];
}

/** Lays every supplied mount out. Mounts with no supply, and what is placed on them, have no spot. */
export function layOut(tree: MountTree, supplies: Supplies): Layout {
  const roots = new ById<Spot>(tree.list);
  const places = new ById<Spot>(tree.list);
  const origins = new Origins(tree);
  const renamings = standInRenamings(tree, supplies);

  for (const mount of tree.inOrder) {
    const supply = supplies.get(mount.id);
    const origin = supply && origins.with(mount, supply);
    if (supply && origin) roots.set(mount.id, { origin, path: rootInOrigin(mount, supply, renamings) });
    const parent = tree.parentOf(mount);
    const below = parent && roots.get(parent.id);
    if (parent && below) {
      places.set(mount.id, { origin: below.origin, path: placeInOrigin(below.path, parent, mount) });
    }
  }
  return { roots, places, origins: origins.list };
}

interface GrowingOrigin extends LayoutOrigin {
  readonly members: Mount[];
}

/**
 * Mounts of one filesystem share an origin. A window is mounted once for each source name that it is known by,
 * because a bind inherits the name of what it copies, and the superblock is the same anyhow.
 */
class Origins {
  readonly list: GrowingOrigin[] = [];
  readonly #tree: MountTree;
  /** Of filesystems that are made here and are no windows, by the first mount in the table. */
  readonly #fresh: ById<GrowingOrigin>;
  readonly #byName = new Map<string, GrowingOrigin>();

  constructor(tree: MountTree) {
    this.#tree = tree;
    this.#fresh = new ById(tree.list);
  }

  /** The origin of a mount, with that among its members. */
  with(mount: Mount, supply: Supply): LayoutOrigin | undefined {
    switch (supply.kind) {
      case 'host':
        return supply.recursive
          ? this.#new('whole', supply.source, mount)
          : this.#named('host', supply.source, mount);
      case 'fresh':
        return this.#freshOne(mount);
      case 'stand-in':
        return this.#named('stand-in', mount.device, mount);
      case 'none':
        return undefined;
    }
  }

  #freshOne(mount: Mount): LayoutOrigin {
    const first = this.#tree.superblockOf(mount)[0] ?? mount;
    const known = this.#fresh.get(first.id);
    if (known) return joined(known, mount);
    if (filesystemRole(mount.type) === 'window')
      return this.#named('fresh', `${mount.device}:${mount.source}`, mount);
    const origin = this.#new('fresh', mount.device, mount);
    this.#fresh.set(first.id, origin);
    return origin;
  }

  #named(kind: LayoutOrigin['kind'], of: string, mount: Mount): LayoutOrigin {
    const name = `${kind}:${of}`;
    const known = this.#byName.get(name);
    if (known) return joined(known, mount);
    const origin = this.#new(kind, of, mount);
    this.#byName.set(name, origin);
    return origin;
  }

  #new(kind: LayoutOrigin['kind'], of: string, mount: Mount): GrowingOrigin {
    const origin: GrowingOrigin = { kind, of, index: this.list.length, members: [mount] };
    this.list.push(origin);
    return origin;
  }
}

function joined(origin: GrowingOrigin, mount: Mount): LayoutOrigin {
  origin.members.push(mount);
  return origin;
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
