import { describe, expect, test } from 'vitest';
import { diffTrees } from '../../../lib/model/diff.ts';
import { MountTree } from '../../../lib/model/tree.ts';
import { change, differences, tree } from './changed-tree.ts';
import { mount, treeOf } from './mounts.ts';

describe('masters outside the tree', () => {
  const expected = treeOf(
    mount(1, 0, '/', { propagation: { master: 10 } }),
    mount(2, 1, '/a', { propagation: { master: 10 } }),
    mount(3, 1, '/b', { propagation: { master: 11 } }),
  );
  const following = (...masters: number[]) =>
    expected.map((m) => ({ ...m, propagation: { unbindable: false, master: masters[m.id - 1] ?? 0 } }));

  test('are matched one to one', () => {
    expect(differences(expected, following(20, 20, 21))).toEqual([]);
    expect(differences(expected, following(20, 21, 22)).map(([kind, id]) => [kind, id])).toEqual([
      ['master', 2],
    ]);
    expect(differences(expected, following(20, 20, 20)).map(([kind, id]) => [kind, id])).toEqual([
      ['master', 3],
    ]);
  });

  test('are those that the caller named', () => {
    const groups = new Map([
      [10, 20],
      [11, 20],
    ]);
    expect(differences(expected, following(20, 20, 20), { groups })).toEqual([]);
    expect(differences(expected, following(20, 20, 21), { groups })).toEqual([
      ['master', 3, 'master:11, a group outside the tree', 'master:21, a group outside the tree'],
    ]);
  });

  test('are not to be found inside', () => {
    const actual = new MountTree([
      mount(1, 0, '/', { propagation: { master: 20 } }),
      mount(2, 1, '/a', { propagation: { shared: 21, master: 20 } }),
      mount(3, 1, '/b', { propagation: { master: 21 } }),
    ]);
    expect(differences(expected, actual).map(([kind, id]) => [kind, id])).toEqual([
      ['peer-group', 2],
      ['master', 3],
    ]);
  });
});

test('a stand-in may be of another filesystem', () => {
  const actual = change(2, { type: 'tmpfs', source: 'mountyard', superOptions: 'rw,size=4k', subtype: 'x' });
  expect(differences(tree, actual, { standIns: new Set([2]) })).toEqual([]);
  expect(
    differences(tree, change(2, { options: ['rw'] }), { standIns: new Set([2]) }).map(([kind]) => kind),
  ).toEqual(['attributes']);
});

test('the roots of a stand-in may be renamed, when what is inside another stays so', () => {
  const rooted = (...roots: string[]) =>
    new MountTree([
      mount(1, 0, '/'),
      ...roots.map((root, i) => mount(i + 2, 1, `/${i}`, { device: '0:9', type: 'cgroup2', root })),
    ]);
  const policy = { standIns: new Set([2, 3, 4]) };
  const rootsThatDiffer = (expected: MountTree, actual: MountTree) =>
    diffTrees(expected, actual, policy).map(({ kind, mount: { id } }) => [kind, id]);

  expect(rootsThatDiffer(rooted('/..', '/', '/a'), rooted('/', '/up', '/up/a'))).toEqual([]);
  expect(rootsThatDiffer(rooted('net:[1]', 'net:[1]', 'net:[2]'), rooted('/n1', '/n1', '/n2'))).toEqual([]);
  expect(rootsThatDiffer(rooted('net:[1]', 'net:[1]', 'net:[2]'), rooted('/n1', '/n2', '/n3'))).toEqual([
    ['root', 3],
  ]);
  expect(rootsThatDiffer(rooted('net:[1]', 'net:[2]'), rooted('/n1', '/n1'))).toEqual([['root', 3]]);
  expect(rootsThatDiffer(rooted('/a', '/a/b'), rooted('/a', '/c'))).toEqual([['root', 3]]);
  expect(diffTrees(rooted('/a'), rooted('/b')).map(({ kind }) => kind)).toEqual(['root']);
});

test('superblock options are passed over where the policy says so', () => {
  const actual = change(2, { superOptions: 'ro' });
  expect(differences(tree, actual, { looseSuperOptions: new Set([2]) })).toEqual([]);
  expect(differences(tree, actual, { looseSuperOptions: new Set([3]) })).toHaveLength(1);
});
