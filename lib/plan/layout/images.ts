/**
 * Sub-trees that are the image of one that is built before them: they come by one recursive clone, which costs a
 * fraction of building them mount by mount.
 */
import { attributesOf } from '../../flags.ts';
import { ById, NumberById } from '../../model/by-id.ts';
import type { Mount } from '../../model/mount.ts';
import type { MountTree } from '../../model/tree.ts';
import type { Layout, Spot } from './layout.ts';

export interface Images {
  /** The mount whose sub-tree is the pattern, by the id of the top of each image. */
  readonly patterns: ReadonlyMap<number, Mount>;
  /** Ids of the mounts that come with their image. */
  readonly inside: ReadonlySet<number>;
}

const NO_IMAGES: Images = { patterns: new Map(), inside: new Set() };

/** So many patterns are held open, by an fd each, at one time. */
const MOST_HELD = 64;

/**
 * Images are exact: the same roots of the same filesystems, with the same attributes, at the same places, in the same
 * peer groups and following the same masters, which a clone does as what it is cloned from. What a clone leaves out
 * (unbindable mounts), what cannot be told apart (deleted roots) and what is idmapped or `excluded` is in no image.
 */
export function findImages(tree: MountTree, layout: Layout, excluded: ReadonlySet<Mount>): Images {
  if (!mayRepeat(tree, layout, (mount) => tree.childrenOf(mount).length)) return NO_IMAGES;
  const sizes = sizesOf(tree);
  if (!mayRepeat(tree, layout, ({ id }) => sizes.get(id) ?? 0)) return NO_IMAGES;
  const shapes = shapesOf(tree, layout, excluded);
  const uses = new Map<number, { readonly pattern: Mount; readonly first: number; last: number }>();
  const images = new Map<number, Mount>();
  const inside = new Set<number>();
  tree.inOrder.forEach((mount, index) => {
    if (inside.has(mount.parentId) || images.has(mount.parentId)) {
      inside.add(mount.id);
      return;
    }
    const shape = shapes.get(mount.id) ?? NO_SHAPE;
    if (shape === NO_SHAPE || tree.childrenOf(mount).length === 0) return;
    const use = uses.get(shape);
    if (use) {
      images.set(mount.id, use.pattern);
      use.last = index;
    } else uses.set(shape, { pattern: mount, first: index, last: index });
  });
  return withFewHeld(tree, { patterns: images, inside }, [...uses.values()]);
}

/** Whether there are two mounts that show one root and have equally many others on them. */
function mayRepeat(tree: MountTree, layout: Layout, countOn: (mount: Mount) => number): boolean {
  const first: Mount[] = []; // by the index of the origin: mostly there is no other
  const seen: Set<string>[] = [];
  const keyOf = (mount: Mount) => `${countOn(mount)}${layout.roots.pathOf(mount.id)}`;
  for (const mount of tree.inOrder) {
    const index = countOn(mount) > 0 ? layout.roots.originOf(mount.id)?.index : undefined;
    if (index === undefined) continue;
    const other = first[index];
    first[index] ??= mount;
    if (!other) continue;
    const known = seen[index] ?? new Set([keyOf(other)]);
    const key = keyOf(mount);
    if (known.has(key)) return true;
    seen[index] = known.add(key);
  }
  return false;
}

/** How many mounts there are in the sub-tree of each that has others on it. */
function sizesOf(tree: MountTree): NumberById {
  const sizes = new NumberById(tree.list);
  for (let i = tree.inOrder.length - 1; i >= 0; i -= 1) {
    const mount = tree.inOrder[i] as Mount;
    const parent = tree.parentOf(mount);
    if (parent) sizes.set(parent.id, (sizes.get(parent.id) ?? 1) + (sizes.get(mount.id) ?? 1));
  }
  return sizes;
}

const NO_SHAPE = -1;

/** A number for each mount; two have the same when one sub-tree is the image of the other. */
function shapesOf(tree: MountTree, layout: Layout, excluded: ReadonlySet<Mount>): NumberById {
  const numbers = new Map<string, number>();
  const shapes = new NumberById(tree.list);
  const below = new ById<string[]>(tree.list);
  for (let i = tree.inOrder.length - 1; i >= 0; i -= 1) {
    const mount = tree.inOrder[i] as Mount;
    const spot = layout.roots.get(mount.id);
    const children = below.get(mount.id) ?? [];
    const repeatable = spot && isRepeatable(mount) && !excluded.has(mount) && !children.includes('');
    const key = repeatable ? [ownShape(mount, spot), ...children.sort()].join('\0') : undefined;
    const shape = key === undefined ? NO_SHAPE : (numbers.get(key) ?? numbers.size);
    if (key !== undefined) numbers.set(key, shape);
    if (shape !== NO_SHAPE) shapes.set(mount.id, shape);
    const parent = tree.parentOf(mount);
    if (!parent) continue;
    const siblings = below.get(parent.id) ?? [];
    const place = mount.mountPoint.slice(parent.mountPoint.length);
    siblings.push(shape === NO_SHAPE ? '' : `${shape}${place}`);
    below.set(parent.id, siblings);
  }
  return shapes;
}

function isRepeatable({ deleted, idmap, options, propagation }: Mount): boolean {
  return !deleted && !idmap && !propagation.unbindable && !options.includes('idmapped');
}

function ownShape({ options, propagation: { shared, master } }: Mount, { origin, path }: Spot): string {
  return `${origin.index}\0${path}\0${attributesOf(options)} ${shared} ${master}`;
}

/** Without the images of those patterns that would be held beside too many others. */
function withFewHeld(
  tree: MountTree,
  images: Images,
  uses: readonly { readonly pattern: Mount; readonly first: number; readonly last: number }[],
): Images {
  const dropped = new Set<Mount>();
  let held: number[] = [];
  for (const { pattern, first, last } of uses) {
    if (last === first) continue;
    held = held.filter((until) => until > first);
    if (held.length < MOST_HELD) held.push(last);
    else dropped.add(pattern);
  }
  if (dropped.size === 0) return images;
  const patterns = new Map([...images.patterns].filter(([, pattern]) => !dropped.has(pattern)));
  const inside = new Set<number>();
  for (const { id, parentId } of tree.inOrder)
    if (patterns.has(parentId) || inside.has(parentId)) inside.add(id);
  return { patterns, inside };
}
