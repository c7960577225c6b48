import { expect, test } from 'vitest';
import type { Mount } from '../../../lib/model/mount.ts';
import { MountTree, placingOrder } from '../../../lib/model/tree.ts';
import { mount, treeOf } from './mounts.ts';

const ids = (mounts: Iterable<Mount>) => [...mounts].map(({ id }) => id);

test('children, parents and the root follow the ids, whatever the order of the lines', () => {
  const tree = treeOf(mount(3, 2, '/a/b'), mount(1, 99, '/'), mount(2, 1, '/a'), mount(4, 1, '/c'));
  const root = tree.get(1) as Mount;
  expect(tree.root).toBe(root);
  expect(ids(tree.childrenOf(root))).toEqual([2, 4]);
  expect(tree.parentOf(tree.get(3) as Mount)).toBe(tree.get(2));
  expect(tree.parentOf(root)).toBeUndefined();
  expect(tree.get(99)).toBeUndefined();
  expect(tree.size).toBe(4);
  expect(ids(tree.mounts)).toEqual([3, 1, 2, 4]);
  expect(tree.problems).toEqual([]);
});

test('a mount that is its own parent is the root', () => {
  const tree = treeOf(mount(1, 1, '/'), mount(2, 1, '/a'));
  expect(tree.root?.id).toBe(1);
  expect(ids(tree.childrenOf(tree.root as Mount))).toEqual([2]);
  expect(tree.isForest).toBe(false);
});

test('top mounts with one absent parent and none at / are a forest', () => {
  const forest = treeOf(mount(2, 9, '/proc'), mount(3, 9, '/dev'), mount(4, 3, '/dev/pts'));
  expect(forest.isForest).toBe(true);
  expect(forest.root).toBeUndefined();
  expect(ids(forest.roots)).toEqual([2, 3]);
  expect(forest.at('/dev/pts')?.id).toBe(4);
  expect(forest.at('/')).toBeUndefined();
  expect(treeOf(mount(2, 9, '/proc')).isForest).toBe(true);
  expect(treeOf(mount(2, 2, '/proc')).isForest).toBe(false);
  expect(new MountTree([]).isForest).toBe(false);
});

test('the topmost mount of a stack is found, in a chain as under a mount put beneath', () => {
  const tree = treeOf(
    mount(1, 0, '/'),
    mount(2, 1, '/a'),
    mount(9, 2, '/a'),
    mount(5, 9, '/a'),
    mount(6, 5, '/a/b'),
  );
  expect(tree.at('/a')?.id).toBe(5);
  expect(tree.at('/a/b')?.id).toBe(6);
  expect(tree.at('/b')).toBeUndefined();
});

test('an overmounted root is covered by what is mounted on it', () => {
  const tree = treeOf(mount(1, 0, '/'), mount(2, 1, '/'), mount(3, 1, '/old'), mount(4, 2, '/new'));
  expect(tree.at('/')?.id).toBe(2);
  expect(tree.at('/new')?.id).toBe(4);
  expect(tree.at('/old')).toBeUndefined();
});

test('a hidden mount is not found', () => {
  const tree = treeOf(mount(1, 0, '/'), mount(2, 1, '/a/b'), mount(3, 1, '/a'), mount(4, 2, '/a/b/c'));
  expect(tree.at('/a')?.id).toBe(3);
  expect(tree.at('/a/b')).toBeUndefined();
  expect(tree.at('/a/b/c')).toBeUndefined();
});

test('siblings are placed deepest first, in the order given otherwise', () => {
  const siblings = [
    mount(2, 1, '/a'),
    mount(3, 1, '/'),
    mount(4, 1, '/a/b/c'),
    mount(5, 1, '/long-name'),
    mount(6, 1, '/a/b'),
  ];
  expect(ids(placingOrder(siblings))).toEqual([4, 6, 2, 5, 3]);
});

test('the walk goes depth first, parents first, what is hidden before what hides it', () => {
  const tree = treeOf(
    mount(1, 0, '/'),
    mount(2, 1, '/a'),
    mount(3, 1, '/a/b'),
    mount(4, 3, '/a/b/x'),
    mount(5, 2, '/a'),
    mount(6, 2, '/a/y'),
  );
  expect(ids(tree.walk())).toEqual([1, 3, 4, 2, 6, 5]);
});

test('groups, slaves and superblocks are indexed by the numbers that the table shows', () => {
  const tree = treeOf(
    mount(1, 0, '/', { propagation: { shared: 7 } }),
    mount(2, 1, '/a', { device: '0:1', propagation: { shared: 7 } }),
    mount(3, 1, '/b', { device: '0:1', propagation: { shared: 8, master: 7 } }),
  );
  expect(ids(tree.groups.get(7) ?? [])).toEqual([1, 2]);
  expect(ids(tree.slaves.get(7) ?? [])).toEqual([3]);
  expect(ids(tree.superblocks.get('0:1') ?? [])).toEqual([1, 2, 3]);
});

test('a subtree is a tree with its top at /', () => {
  const tree = treeOf(
    mount(1, 0, '/'),
    mount(2, 1, '/a'),
    mount(3, 2, '/a'),
    mount(4, 3, '/a/b'),
    mount(5, 1, '/c'),
  );
  const sub = tree.subtree(tree.get(2) as Mount);
  expect(sub.mounts.map(({ id, mountPoint }) => [id, mountPoint])).toEqual([
    [2, '/'],
    [3, '/'],
    [4, '/b'],
  ]);
  expect(sub.root?.id).toBe(2);
  expect(sub.problems).toEqual([]);
});

test('without and map make new trees and leave the old one', () => {
  const tree = treeOf(mount(1, 0, '/'), mount(2, 1, '/a'));
  expect(ids(tree.without(new Set([2])).mounts)).toEqual([1]);
  expect(tree.map((m) => ({ ...m, source: 'x' })).mounts.map(({ source }) => source)).toEqual(['x', 'x']);
  expect(tree.get(1)?.source).toBe('tmpfs');
  expect(tree.size).toBe(2);
});

test('malformed tables are walked without end or error', () => {
  const tree = treeOf(
    mount(30, 1, '/'),
    mount(30, 31, '/'),
    mount(31, 30, '/'),
    mount(40, 41, '/x'),
    mount(41, 40, '/x'),
  );
  expect(ids(tree.walk())).toEqual([30, 31, 30]);
  expect(tree.at('/')?.id).toBe(30);
  expect(tree.at('/x')).toBeUndefined();
});

test('a stack of 40,000 mounts and 50,000 siblings take no time and no JS stack', () => {
  const stack = new MountTree(Array.from({ length: 40_000 }, (_, i) => mount(i + 1, i, '/')));
  const flat = new MountTree(
    Array.from({ length: 50_000 }, (_, i) => mount(i + 1, i && 1, i ? `/m/${i}` : '/')),
  );
  expect([...stack.walk()]).toHaveLength(40_000);
  expect(stack.at('/')?.id).toBe(40_000);
  expect(stack.problems).toEqual([]);
  expect(stack.subtree(stack.get(2) as Mount).size).toBe(39_999);
  expect([...flat.walk()]).toHaveLength(50_000);
  for (let i = 1; i < 50_000; i += 1) expect(flat.at(`/m/${i}`)?.id).toBe(i + 1);
  expect(flat.problems).toEqual([]);
});
