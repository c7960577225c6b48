/** Which path of which origin each mount shows, and which path it is placed on. */
import { ById, NumberById, type OfMounts } from '../../model/by-id.ts';
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
  /** Where each mount's root is. */
  readonly roots: Spots;
  /** Where each mount but the root is placed. */
  readonly places: Spots;
  /** All that mounts are cloned from, by index. */
  readonly origins: readonly LayoutOrigin[];
}

/** Spots by mount id. There are as many as mounts, and few are looked at as a whole. */
export interface Spots extends OfMounts<Spot> {
  originOf(id: number): LayoutOrigin | undefined;
  /** @param id of one that has a spot. */
  pathOf(id: number): PathString;
}

/** Lays every supplied mount out. Mounts with no supply, and what is placed on them, have no spot. */
export function layOut(tree: MountTree, supplies: Supplies): Layout {
  const origins = new Origins(tree);
  const roots = new Roots(tree, origins.list);
  const renamings = standInRenamings(tree, supplies);
  for (const mount of tree.inOrder) {
    const supply = supplies.get(mount.id);
    const origin = supply && origins.of(mount, supply);
    if (supply && origin) roots.set(mount.id, origin, rootInOrigin(mount, supply, renamings));
  }
  return { roots, places: new Places(tree, roots), origins: origins.list };
}

class Roots implements Spots {
  readonly #origins: readonly LayoutOrigin[];
  readonly #indexes: NumberById;
  readonly #paths: ById<PathString>;

  constructor({ list }: MountTree, origins: readonly LayoutOrigin[]) {
    this.#origins = origins;
    this.#indexes = new NumberById(list);
    this.#paths = new ById(list);
  }

  get(id: number): Spot | undefined {
    const origin = this.originOf(id);
    return origin && { origin, path: this.pathOf(id) };
  }

  originOf(id: number): LayoutOrigin | undefined {
    const index = this.#indexes.get(id);
    return index === undefined ? undefined : this.#origins[index];
  }

  pathOf(id: number): PathString {
    return this.#paths.get(id) as PathString;
  }

  set(id: number, origin: LayoutOrigin, path: PathString): void {
    this.#indexes.set(id, origin.index);
    this.#paths.set(id, path);
  }
}

/** What mounts are placed on is in the origins of their parents. */
class Places implements Spots {
  readonly #tree: MountTree;
  readonly #roots: Spots;

  constructor(tree: MountTree, roots: Spots) {
    this.#tree = tree;
    this.#roots = roots;
  }

  get(id: number): Spot | undefined {
    const origin = this.originOf(id);
    return origin && { origin, path: this.pathOf(id) };
  }

  originOf(id: number): LayoutOrigin | undefined {
    const mount = this.#tree.get(id);
    const parent = mount && this.#tree.parentOf(mount);
    return parent && this.#roots.originOf(parent.id);
  }

  pathOf(id: number): PathString {
    const mount = this.#tree.get(id) as Mount;
    const parent = this.#tree.parentOf(mount) as Mount;
    return placeInOrigin(this.#roots.pathOf(parent.id), parent, mount);
  }
}

/**
 * Mounts of one filesystem share an origin. A window is mounted once for each source name that it is known by,
 * because a bind inherits the name of what it copies, and the superblock is the same anyhow.
 */
class Origins {
  readonly list: LayoutOrigin[] = [];
  readonly #tree: MountTree;
  /** Of filesystems that are made here and are no windows, by the first mount in the table. */
  readonly #fresh: NumberById;
  readonly #byName = {
    fresh: new Map<string, LayoutOrigin>(),
    host: new Map<PathString, LayoutOrigin>(),
    'stand-in': new Map<string, LayoutOrigin>(),
  };

  constructor(tree: MountTree) {
    this.#tree = tree;
    this.#fresh = new NumberById(tree.list);
  }

  of(mount: Mount, supply: Supply): LayoutOrigin | undefined {
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
    if (known !== undefined) return this.list[known] as LayoutOrigin;
    if (filesystemRole(mount.type) === 'window')
      return this.#named('fresh', `${mount.device}:${mount.source}`, mount);
    const origin = this.#new('fresh', mount.device, mount);
    this.#fresh.set(first.id, origin.index);
    return origin;
  }

  #named(kind: 'fresh' | 'host' | 'stand-in', of: string, mount: Mount): LayoutOrigin {
    const known = this.#byName[kind].get(of);
    if (known) return known;
    const origin = this.#new(kind, of, mount);
    this.#byName[kind].set(of, origin);
    return origin;
  }

  #new(kind: LayoutOrigin['kind'], of: string, first: Mount): LayoutOrigin {
    const origin = { kind, of, index: this.list.length, first };
    this.list.push(origin);
    return origin;
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
