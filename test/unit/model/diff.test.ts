import { describe, expect, test } from 'vitest';
import { diffTrees } from '../../../lib/model/diff.ts';
import type { Mount } from '../../../lib/model/mount.ts';
import { MountTree } from '../../../lib/model/tree.ts';
import { base, change, differences, sharing, tree } from './changed-tree.ts';
import { mount, treeOf } from './mounts.ts';

test('a tree is the same as itself', () => {
  expect(diffTrees(tree, tree)).toEqual([]);
  expect(diffTrees(new MountTree([]), new MountTree([]))).toEqual([]);
});

test("ids, devices, group numbers, order, propagate_from and an unknown kind are the kernel's to choose", () => {
  const renumbered = tree.mounts
    .map((m) => ({
      ...m,
      id: m.id * 10,
      parentId: m.parentId * 10,
      device: m.device.replace('0:', '7:'),
      kind: 'unknown' as const,
      propagation: {
        ...m.propagation,
        ...(m.propagation.shared === undefined ? {} : { shared: m.propagation.shared + 100 }),
        ...(m.propagation.master === undefined
          ? {}
          : { master: m.propagation.master + 100, propagateFrom: 101 }),
      },
    }))
    .reverse();
  expect(diffTrees(tree, new MountTree(renumbered))).toEqual([]);
});

test('a tree that is seen from elsewhere is the same', () => {
  const attached = tree.map((m) => ({
    ...m,
    mountPoint: m.mountPoint === '/' ? '/mnt' : `/mnt${m.mountPoint}`,
  }));
  expect(
    diffTrees(tree, new MountTree([mount(99, 0, '/'), ...attached.mounts]).subtree(attached.get(1) as Mount)),
  ).toEqual([]);
});

describe('one change is one difference', () => {
  test.each<[string, MountTree, [string, number, string, string]]>([
    [
      'a missing mount stands for all below it',
      tree.without(new Set([4, 5])),
      ['missing', 4, 'mounted, with 1 mount below it', 'not there'],
    ],
    ['a missing mount on top of a stack', tree.without(new Set([7])), ['missing', 7, 'mounted', 'not there']],
    [
      'an extra mount stands for all below it',
      new MountTree([...base, mount(8, 1, '/e'), mount(9, 8, '/e/f'), mount(10, 8, '/e')]),
      ['extra', 8, 'not there', 'mounted, with 2 mounts below it'],
    ],
    ['another root', change(3, { root: '/y' }), ['root', 3, '/x', '/y']],
    ['a deleted root', change(3, { deleted: true }), ['deleted', 3, 'not deleted', 'deleted']],
    ['a file for a directory', change(3, { kind: 'file' }), ['kind', 3, 'directory', 'file']],
    ['another type', change(2, { type: 'sysfs', superOptions: 'rw,x' }), ['type', 2, 'proc', 'sysfs']],
    ['another subtype', change(7, { subtype: 'other' }), ['subtype', 7, 'sub', 'other']],
    ['another source', change(2, { source: 'none' }), ['source', 2, 'proc', 'none']],
    [
      'another attribute',
      change(2, { options: ['ro', 'nosuid', 'relatime'] }),
      ['attributes', 2, 'rw,relatime', 'ro,nosuid,relatime'],
    ],
    ['strictatime', change(2, { options: ['rw'] }), ['attributes', 2, 'rw,relatime', 'rw']],
    [
      'an idmap',
      change(2, { options: ['rw', 'relatime', 'idmapped'] }),
      ['attributes', 2, 'rw,relatime', 'rw,relatime,idmapped'],
    ],
    [
      'other superblock options',
      change(2, { superOptions: 'rw,hidepid=2' }),
      ['superblock-options', 2, 'rw', 'hidepid=invisible,rw'],
    ],
    [
      'a superblock of its own',
      change(4, { device: '0:44' }),
      ['superblock', 4, 'the filesystem of mount 3 at /a (0:9)', 'a filesystem of its own (0:44)'],
    ],
    [
      'a superblock shared',
      change(2, { device: '0:9' }),
      ['superblock', 2, 'a filesystem of its own (0:2)', 'the filesystem of mount 3 at /a (0:9)'],
    ],
    [
      'a private mount that should be shared',
      sharing(4, {}),
      ['peer-group', 4, 'shared:2, a peer of mount 3 at /a', 'not shared'],
    ],
    [
      'a shared mount that should be private',
      sharing(2, { shared: 5 }),
      ['peer-group', 2, 'not shared', 'shared:5, without a peer in the tree'],
    ],
    [
      'a mount in another group',
      sharing(4, { shared: 1 }),
      ['peer-group', 4, 'shared:2, a peer of mount 3 at /a', 'shared:1, a peer of mount 1 at /'],
    ],
    ['a slave set free', sharing(5, {}), ['master', 5, 'master:2, the group of mount 3 at /a', 'no slave']],
    [
      'a slave of another group',
      sharing(5, { master: 1 }),
      ['master', 5, 'master:2, the group of mount 3 at /a', 'master:1, the group of mount 1 at /'],
    ],
    [
      'a slave of a stranger',
      sharing(5, { master: 77 }),
      ['master', 5, 'master:2, the group of mount 3 at /a', 'master:77, a group outside the tree'],
    ],
    [
      'a new slave',
      sharing(2, { master: 1 }),
      ['master', 2, 'no slave', 'master:1, the group of mount 1 at /'],
    ],
    ['a mount that can be bound', sharing(6, {}), ['unbindable', 6, 'unbindable', 'not unbindable']],
  ])('%s', (_, actual, difference) => {
    expect(differences(tree, actual)).toEqual([difference]);
  });

  test('the options of a filesystem, in however many mounts it is seen', () => {
    const actual = tree.map((m) => (m.device === '0:9' ? { ...m, superOptions: 'ro' } : m));
    expect(differences(tree, actual)).toEqual([['superblock-options', 3, 'rw', 'ro']]);
  });

  test('the master of a group, however many members it has', () => {
    const enslave = (m: Mount) =>
      m.propagation.shared === 2 ? { ...m, propagation: { ...m.propagation, master: 1 } } : m;
    expect(differences(tree.map(enslave), tree)).toEqual([
      ['master', 3, 'master:1, the group of mount 1 at /', 'no slave'],
    ]);
  });
});

test('the slaves of a lost group differ with its members', () => {
  const actual = tree.map((m) => ({ ...m, propagation: { unbindable: m.propagation.unbindable } }));
  expect(differences(tree, actual).map(([kind, id]) => [kind, id])).toEqual([
    ['peer-group', 1],
    ['peer-group', 3],
    ['peer-group', 4],
    ['master', 5],
  ]);
});

test('an idmap is compared where both sides know it, whatever the order of its ranges', () => {
  const range = (inside: number, outside: number) => ({ inside, outside, length: 10 });
  const one = change(2, { idmap: { uid: [range(0, 100), range(10, 300)], gid: [] } });
  const same = change(2, { idmap: { uid: [range(10, 300), range(0, 100)], gid: [] } });
  const other = change(2, { idmap: { uid: [range(0, 100)], gid: [] } });
  expect(differences(one, same)).toEqual([]);
  expect(differences(one, tree)).toEqual([]);
  expect(differences(one, other)).toEqual([
    ['idmap', 2, 'uid 0 100 10, 10 300 10; gid ', 'uid 0 100 10; gid '],
  ]);
});

test('the top of a stack and its bottom are not taken for each other', () => {
  const chain = treeOf(
    mount(1, 0, '/'),
    mount(2, 1, '/a', { source: 'low' }),
    mount(3, 2, '/a', { source: 'high' }),
  );
  const turned = treeOf(
    mount(1, 0, '/'),
    mount(3, 1, '/a', { source: 'high' }),
    mount(2, 3, '/a', { source: 'low' }),
  );
  expect(differences(chain, turned)).toEqual([
    ['source', 2, 'low', 'high'],
    ['source', 3, 'high', 'low'],
  ]);
});

test('forests are compared by the mount points of their tops', () => {
  const forest = treeOf(mount(2, 9, '/proc'), mount(3, 9, '/dev'), mount(4, 3, '/dev/pts'));
  expect(
    differences(forest, treeOf(mount(5, 8, '/dev'), mount(6, 5, '/dev/pts'), mount(7, 8, '/sys'))),
  ).toEqual([
    ['missing', 2, 'mounted', 'not there'],
    ['extra', 7, 'not there', 'mounted'],
  ]);
});

test('50,000 mounts in groups and a stack of 40,000 are compared in no time', () => {
  const flat = new MountTree(
    Array.from({ length: 50_000 }, (_, i) =>
      mount(i + 1, i && 1, i ? `/m/${i}` : '/', {
        device: '0:1',
        propagation: { shared: i % 100, master: 1000 + (i % 100) },
      }),
    ),
  );
  const stack = new MountTree(Array.from({ length: 40_000 }, (_, i) => mount(i + 1, i, '/')));
  expect(
    diffTrees(
      flat,
      flat.map((m) => ({ ...m, id: m.id + 7, parentId: m.parentId && 8 })),
    ),
  ).toEqual([]);
  expect(diffTrees(stack, stack.without(new Set([40_000])))).toHaveLength(1);
  expect(diffTrees(flat, new MountTree([flat.root as Mount]))).toHaveLength(49_999);
});
