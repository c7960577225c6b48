import { ById } from './by-id.ts';
import type { Mount, PathString } from './mount.ts';
import { joinPath, relativePath } from './paths.ts';
import type { Problem } from './problems.ts';
import { ReadMount } from './read-mount.ts';
import { findProblems } from './tree-problems.ts';

/** Up to so many siblings are looked through one by one. */
const FEW = 8;
const NO_MOUNTS: readonly Mount[] = [];

interface Family {
  readonly roots: readonly Mount[];
  /** By the id of the first mount that has it. */
  readonly children: ById<Mount[]>;
}

/**
 * The mounts of one mount namespace, or what a table shows of them. Immutable. Any list of mounts makes a tree, so
 * that fragments and malformed tables can be looked at; `problems` says what keeps it from being a real one.
 *
 * Parents are found by id. Where an id occurs twice, the first mount with it is the parent of whatever names it.
 */
export class MountTree {
  /** In the order given. */
  readonly mounts: readonly Mount[];
  readonly #list: readonly Mount[];

  #byId: ById<Mount> | undefined;
  #kin: Family | undefined;
  #places = new Map<Mount | undefined, Map<PathString, Mount>>();
  #groups: Map<number, Mount[]> | undefined;
  #slaves: Map<number, Mount[]> | undefined;
  #superblocks: Map<string, Mount[]> | undefined;
  #superblockOf: ById<readonly Mount[]> | undefined;
  #inOrder: readonly Mount[] | undefined;
  #problems: readonly Problem[] | undefined;

  constructor(mounts: Iterable<Mount>) {
    this.#list = [...mounts];
    this.mounts = Object.freeze([...this.#list]);
  }

  /** {@link mounts} for loops: V8 goes ten times as fast through a list that is not frozen. @internal */
  get list(): readonly Mount[] {
    return this.#list;
  }

  get size(): number {
    return this.#list.length;
  }

  get(id: number): Mount | undefined {
    this.#byId ??= indexById(this.#list);
    return this.#byId.get(id);
  }

  /** `undefined` for the top: a mount whose parent is not in the tree, or is itself. */
  parentOf(mount: Mount): Mount | undefined {
    return mount.parentId === mount.id ? undefined : this.get(mount.parentId);
  }

  /** In the order given; `placingOrder` gives the order to mount them in. */
  childrenOf(mount: Mount): readonly Mount[] {
    const children = this.#family().children.get(mount.id);
    return children && this.get(mount.id) === mount ? children : NO_MOUNTS;
  }

  /** Mounts without a parent in the tree, or that are their own parent. */
  get roots(): readonly Mount[] {
    return this.#family().roots;
  }

  /** The one root; `undefined` for a forest, for an empty tree, and where there are several. */
  get root(): Mount | undefined {
    return this.roots.length === 1 && !this.isForest ? this.roots[0] : undefined;
  }

  /**
   * The view of a task chrooted into a plain directory: its root is no mount's root, so that the top mounts share
   * one absent parent and none is at `/`. One such mount is a forest too.
   */
  get isForest(): boolean {
    const parent = this.roots[0]?.parentId;
    return (
      parent !== undefined &&
      this.roots.every((top) => top.parentId === parent && top.id !== parent && top.mountPoint !== '/')
    );
  }

  /**
   * The mount that a path lookup ends on, when its mount point is exactly `path`: the topmost of a stack. A mount
   * that is hidden under another is not found.
   */
  at(path: PathString): Mount | undefined {
    let current: Mount | undefined;
    for (let end = 1; end <= path.length; end = nextEnd(path, end)) {
      const prefix = path.slice(0, end);
      for (let child = this.#childAt(current, prefix); child; child = this.#childAt(current, prefix))
        current = child;
    }
    return current?.mountPoint === path ? current : undefined;
  }

  /** Members by peer group id. */
  get groups(): ReadonlyMap<number, readonly Mount[]> {
    this.#groups ??= groupBy(this.#list, (mount) => mount.propagation.shared);
    return this.#groups;
  }

  /** Slaves by the id of the peer group that they follow. */
  get slaves(): ReadonlyMap<number, readonly Mount[]> {
    this.#slaves ??= groupBy(this.#list, (mount) => mount.propagation.master);
    return this.#slaves;
  }

  /** Mounts by device number. */
  get superblocks(): ReadonlyMap<string, readonly Mount[]> {
    this.#superblocks ??= groupBy(this.#list, (mount) => mount.device);
    return this.#superblocks;
  }

  /** The mounts of a mount's superblock. @internal */
  superblockOf({ id }: Mount): readonly Mount[] {
    this.#superblockOf ??= membersById(this);
    return this.#superblockOf.get(id) ?? NO_MOUNTS;
  }

  /** Depth first, parents before children, siblings in placing order. Members of a cycle are never reached. */
  get inOrder(): readonly Mount[] {
    this.#inOrder ??= depthFirst(this);
    return this.#inOrder;
  }

  /** {@link inOrder}, one by one. */
  walk(): IterableIterator<Mount> {
    return this.inOrder.values();
  }

  /** Everything that keeps this from being a tree that a mount namespace can hold; none for a legal tree. */
  get problems(): readonly Problem[] {
    this.#problems ??= findProblems(this);
    return this.#problems;
  }

  /** The tree without these mounts. Their children stay, so name those too. */
  without(ids: ReadonlySet<number>): MountTree {
    return new MountTree(this.#list.filter((mount) => !ids.has(mount.id)));
  }

  /** The mount and all below it, as a tree of its own: the mount is at `/` in it. */
  subtree(top: Mount): MountTree {
    const inside = new Set<Mount>([top]);
    for (const mount of inside) for (const child of this.childrenOf(mount)) inside.add(child);
    return new MountTree(
      this.#list
        .filter((mount) => inside.has(mount))
        .map((mount) => {
          const relative = relativePath(top.mountPoint, mount.mountPoint);
          return relative === undefined
            ? mount
            : ReadMount.of({ ...mount, mountPoint: joinPath('/', relative) });
        }),
    );
  }

  map(f: (mount: Mount) => Mount): MountTree {
    return new MountTree(this.#list.map((mount) => f(mount)));
  }

  #family(): Family {
    if (this.#kin) return this.#kin;
    const roots: Mount[] = [];
    const children = new ById<Mount[]>(this.#list);
    let parent: Mount | undefined; // of the mount before, and mostly of its neighbour
    for (const mount of this.#list) {
      if (parent?.id !== mount.parentId || mount.id === mount.parentId) parent = this.parentOf(mount);
      if (parent) append(children, parent.id, mount);
      else roots.push(mount);
    }
    this.#kin = { roots, children };
    return this.#kin;
  }

  /** The child at exactly that mount point; of the tops, when no parent is given. */
  #childAt(parent: Mount | undefined, mountPoint: PathString): Mount | undefined {
    const children = parent ? this.childrenOf(parent) : this.roots;
    if (children.length <= FEW) return lastAt(children, mountPoint);
    let places = this.#places.get(parent);
    if (!places) {
      places = new Map();
      for (const child of children) places.set(child.mountPoint, child);
      this.#places.set(parent, places);
    }
    return places.get(mountPoint);
  }
}

function lastAt(children: readonly Mount[], mountPoint: PathString): Mount | undefined {
  for (let index = children.length - 1; index >= 0; index -= 1)
    if (children[index]?.mountPoint === mountPoint) return children[index];
  return undefined;
}

/** Siblings that a walk is among, and which of them is next. */
interface Row {
  readonly siblings: readonly Mount[];
  next: number;
}

function depthFirst(tree: MountTree): readonly Mount[] {
  const order: Mount[] = [];
  const rows: Row[] = [];
  const enter = (siblings: readonly Mount[]) => {
    if (siblings.length > 0) rows.push({ siblings: placingOrder(siblings), next: 0 });
  };
  enter(tree.roots);
  for (let row = rows.pop(); row; row = rows.pop()) {
    const mount = row.siblings[row.next] as Mount;
    row.next += 1;
    if (row.next < row.siblings.length) rows.push(row);
    order.push(mount);
    enter(tree.childrenOf(mount));
  }
  return order;
}

/**
 * Siblings in the order in which they can be mounted: deeper mount points first, so that a mount comes before the
 * sibling that hides it. Otherwise the order given is kept.
 */
export function placingOrder(children: readonly Mount[]): readonly Mount[] {
  if (children.length < 2 || areDeepestFirst(children)) return children;
  return children
    .map((mount) => ({ mount, depth: depthOf(mount.mountPoint) }))
    .sort((a, b) => b.depth - a.depth)
    .map(({ mount }) => mount);
}

function areDeepestFirst(mounts: readonly Mount[]): boolean {
  let before = Number.POSITIVE_INFINITY;
  for (const { mountPoint } of mounts) {
    const depth = depthOf(mountPoint);
    if (depth > before) return false;
    before = depth;
  }
  return true;
}

function depthOf(path: PathString): number {
  if (path === '/') return 0;
  let depth = 0;
  for (let i = path.indexOf('/'); i >= 0; i = path.indexOf('/', i + 1)) depth += 1;
  return depth;
}

/** The end of the next longer prefix of whole components: 1 is `/`. */
function nextEnd(path: PathString, end: number): number {
  if (end === path.length) return end + 1;
  const slash = path.indexOf('/', end + 1);
  return slash < 0 ? path.length : slash;
}

function indexById(mounts: readonly Mount[]): ById<Mount> {
  const index = new ById<Mount>(mounts);
  for (const mount of mounts) if (!index.has(mount.id)) index.set(mount.id, mount);
  return index;
}

function membersById({ list, superblocks }: MountTree): ById<readonly Mount[]> {
  const index = new ById<readonly Mount[]>(list);
  for (const members of superblocks.values()) for (const { id } of members) index.set(id, members);
  return index;
}

function groupBy<K>(mounts: readonly Mount[], keyOf: (mount: Mount) => K | undefined): Map<K, Mount[]> {
  const index = new Map<K, Mount[]>();
  for (const mount of mounts) {
    const key = keyOf(mount);
    if (key !== undefined) append(index, key, mount);
  }
  return index;
}

/** A map, or what stands for one. */
interface Index<K> {
  get(key: K): Mount[] | undefined;
  set(key: K, list: Mount[]): unknown;
}

function append<K>(index: Index<K>, key: K, mount: Mount): void {
  const list = index.get(key);
  if (!list) index.set(key, [mount]);
  else if (list.length > 1) list.push(mount);
  else index.set(key, [list[0] as Mount, mount]); // V8 gives a list that grows room for 17 more
}
