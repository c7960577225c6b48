import { describe, expect, test } from 'vitest';
import type { MountTree } from '../../../lib/model/tree.ts';
import { joinNamespaces } from '../../../lib/plan/namespaces.ts';
import { chooseFrom } from '../../../lib/plan/options/choices.ts';
import type { RestoreOptions } from '../../../lib/plan/options/options.ts';
import { assignSupplies, type Supply } from '../../../lib/plan/supply.ts';
import { mount, treeOf } from '../model/mounts.ts';

const DISK = { device: '8:1', type: 'ext4', source: '/dev/sda1' };
const FRESH: Supply = { kind: 'fresh', empty: false };
const EMPTY: Supply = { kind: 'fresh', empty: true };
const NONE: Supply = { kind: 'none' };
const STAND_IN: Supply = { kind: 'stand-in', because: 'it was asked for' };
const host = (source: string, below = ''): Supply => ({ kind: 'host', source, below });

function supplies(tree: MountTree, options: RestoreOptions = {}): { [id: number]: Supply } {
  const found = assignSupplies(tree, chooseFrom(joinNamespaces(tree), options));
  return Object.fromEntries(tree.mounts.map(({ id }) => [id, found.get(id) as Supply]));
}

describe('instances and windows', () => {
  test('are made here where the tree shows their root, and all else of the superblock is bound from there', () => {
    const tree = treeOf(
      mount(1, 0, '/'),
      mount(2, 1, '/proc', { device: '0:9', type: 'proc' }),
      mount(3, 2, '/proc/sys', { device: '0:9', type: 'proc', root: '/sys' }),
      mount(4, 1, '/sys/net', { type: 'sysfs', device: '0:10', root: '/class/net' }),
      mount(5, 1, '/sys', { type: 'sysfs', device: '0:10' }),
    );
    expect(supplies(tree)).toEqual({ 1: FRESH, 2: FRESH, 3: FRESH, 4: FRESH, 5: FRESH });
  });

  test('are made empty, when asked for, where the tree shows no root of theirs', () => {
    const tree = treeOf(
      mount(1, 0, '/'),
      mount(2, 1, '/run', { root: '/x' }),
      mount(3, 1, '/srv', { root: '/y' }),
    );
    expect(supplies(tree)).toEqual({ 1: FRESH, 2: NONE, 3: NONE });
    expect(supplies(tree, { fresh: ['/run'] })).toEqual({ 1: FRESH, 2: EMPTY, 3: NONE });
    expect(supplies(tree, { fresh: 'all' })).toEqual({ 1: FRESH, 2: EMPTY, 3: EMPTY });
  });

  test('whose root was deleted do not show it', () => {
    const tree = treeOf(mount(1, 0, '/'), mount(2, 1, '/run', { root: '/x', deleted: true }));
    expect(supplies(tree)[2]).toEqual(NONE);
  });

  test('that are windows are not made anew: they are never empty', () => {
    const tree = treeOf(mount(1, 0, '/'), mount(2, 1, '/cg', { type: 'cgroup2', root: '/user.slice' }));
    expect(supplies(tree, { fresh: 'all' })[2]).toEqual(NONE);
  });

  test('are made here and not taken from what their slaves follow', () => {
    const debug = { device: '0:7', type: 'debugfs', propagation: { master: 25 } };
    const tree = treeOf(
      mount(1, 0, '/'),
      mount(2, 1, '/debug', debug),
      mount(3, 1, '/d', { ...debug, root: '/x' }),
    );
    expect(supplies(tree, { slaves: { '/d': '/sys/kernel/debug/x' } })).toEqual({
      1: FRESH,
      2: FRESH,
      3: FRESH,
    });
  });
});

describe('a type that only the host has', () => {
  test('is not made, whatever it shows', () => {
    const tree = treeOf(mount(1, 0, '/', DISK), mount(2, 1, '/ns', { type: 'nsfs', root: 'net:[1]' }));
    expect(supplies(tree, { fresh: 'all' })).toEqual({ 1: NONE, 2: NONE });
  });

  test('of which nothing is known is one', () => {
    const tree = treeOf(
      mount(1, 0, '/', { type: 'constructor' }),
      mount(2, 1, '/a', { type: '__proto__' }),
      mount(3, 1, '/b', { type: 'fuse.sshfs' }),
    );
    expect(supplies(tree, { fresh: 'all' })).toEqual({ 1: NONE, 2: NONE, 3: NONE });
  });

  test('may be supplied for one mount, which brings the others whose roots lie in it', () => {
    const tree = treeOf(
      mount(1, 0, '/', DISK),
      mount(2, 1, '/a', { ...DISK, root: '/home/a' }),
      mount(3, 1, '/b', { ...DISK, root: '/homes' }),
      mount(4, 1, '/c', { ...DISK, root: '/' }),
    );
    expect(supplies(tree, { root: '/srv' })).toEqual({
      1: host('/srv'),
      2: host('/srv', 'home/a'),
      3: host('/srv', 'homes'),
      4: host('/srv', ''),
    });
  });

  test('is bound from the nearest of those that are supplied', () => {
    const tree = treeOf(
      mount(1, 0, '/', DISK),
      mount(2, 1, '/a', { ...DISK, root: '/home' }),
      mount(3, 1, '/b', { ...DISK, root: '/home/b/c' }),
      mount(4, 1, '/c', { ...DISK, root: '/homes' }),
    );
    expect(supplies(tree, { root: '/srv', external: { '/a': '/users' } })).toEqual({
      1: host('/srv'),
      2: host('/users'),
      3: host('/users', 'b/c'),
      4: host('/srv', 'homes'),
    });
  });

  test('is not supplied by what shows only another part of it, or another filesystem', () => {
    const tree = treeOf(
      mount(1, 0, '/', { ...DISK, root: '/a' }),
      mount(2, 1, '/a', { ...DISK, root: '/ab' }),
      mount(3, 1, '/b', { ...DISK, root: '/' }),
      mount(4, 1, '/c', { ...DISK, root: '/a/x', device: '8:2' }),
    );
    expect(supplies(tree, { root: '/srv' })).toEqual({ 1: host('/srv'), 2: NONE, 3: NONE, 4: NONE });
  });
});

describe('a root above the reader of a cgroup', () => {
  const cgroup = { device: '0:30', type: 'cgroup2' };
  const tree = treeOf(
    mount(1, 0, '/'),
    mount(2, 1, '/cg', { ...cgroup, root: '/' }),
    mount(3, 1, '/up', { ...cgroup, root: '/..' }),
    mount(4, 1, '/beside', { ...cgroup, root: '/../x' }),
  );

  test('does not lie in what supplies the root below it', () => {
    expect(supplies(tree, { external: { '/cg': '/sys/fs/cgroup' } })).toMatchObject({
      2: host('/sys/fs/cgroup'),
      3: NONE,
      4: NONE,
    });
  });

  test('holds what is beside the reader', () => {
    expect(supplies(tree, { external: { '/up': '/sys/fs/cgroup' } })).toMatchObject({
      3: host('/sys/fs/cgroup'),
      4: host('/sys/fs/cgroup', 'x'),
    });
  });
});

describe('a stand-in', () => {
  test('takes the place of the whole superblock', () => {
    const tree = treeOf(
      mount(1, 0, '/'),
      mount(2, 1, '/a', DISK),
      mount(3, 1, '/b', { ...DISK, root: '/b' }),
    );
    expect(supplies(tree, { standIn: ['/b'] })).toEqual({ 1: FRESH, 2: STAND_IN, 3: STAND_IN });
  });

  test('leaves alone what is named, and nothing else is bound from that', () => {
    const tree = treeOf(
      mount(1, 0, '/'),
      mount(2, 1, '/a', DISK),
      mount(3, 1, '/b', { ...DISK, root: '/b' }),
      mount(4, 1, '/c', { ...DISK, root: '/c' }),
    );
    expect(supplies(tree, { standIn: ['/b'], external: { '/a': '/srv' } })).toEqual({
      1: FRESH,
      2: host('/srv'),
      3: STAND_IN,
      4: STAND_IN,
    });
  });
});

describe('the source of a slave', () => {
  const slave = (root: string) => ({ ...DISK, root, propagation: { master: 7 } });

  test('supplies it where nothing else does', () => {
    const tree = treeOf(mount(1, 0, '/'), mount(2, 1, '/a', slave('/a')), mount(3, 1, '/b', slave('/a/b')));
    expect(supplies(tree, { slaves: { '/a': '/srv' } })).toEqual({
      1: FRESH,
      2: host('/srv'),
      3: host('/srv', 'b'),
    });
  });

  test('does not supply what is named, or bound from what is', () => {
    const tree = treeOf(
      mount(1, 0, '/', DISK),
      mount(2, 1, '/a', slave('/a')),
      mount(3, 1, '/b', slave('/b')),
    );
    expect(supplies(tree, { root: '/r', slaves: { '/a': '/srv' } })[2]).toEqual(host('/r', 'a'));
    expect(supplies(tree, { external: { '/b': '/x' }, slaves: { '/b': '/srv' } })).toEqual({
      1: NONE,
      2: NONE,
      3: host('/x'),
    });
  });

  test('that is `true` supplies nothing', () => {
    const tree = treeOf(mount(1, 0, '/'), mount(2, 1, '/a', slave('/a')));
    expect(supplies(tree, { slaves: { '/a': true } })[2]).toEqual(NONE);
  });
});
