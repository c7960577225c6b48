import { describe, expect, test } from 'vitest';
import type { OfMounts } from '../../../lib/model/by-id.ts';
import type { Mount } from '../../../lib/model/mount.ts';
import type { MountTree } from '../../../lib/model/tree.ts';
import { DeletedRoots } from '../../../lib/plan/layout/deleted-roots.ts';
import { type Kinds, type KnownKinds, NOTHING_KNOWN, solveKinds } from '../../../lib/plan/layout/kinds.ts';
import { type Layout, layOut, type Spot } from '../../../lib/plan/layout/layout.ts';
import type { LayoutOrigin } from '../../../lib/plan/layout/layout-origin.ts';
import { joinNamespaces } from '../../../lib/plan/namespaces.ts';
import { chooseFrom } from '../../../lib/plan/options/choices.ts';
import type { RestoreOptions } from '../../../lib/plan/options/options.ts';
import { assignSupplies } from '../../../lib/plan/supply.ts';
import { mount, treeOf } from '../model/mounts.ts';

function layoutOf(tree: MountTree, options: RestoreOptions = {}) {
  return layOut(tree, suppliesOf(tree, options));
}

function suppliesOf(tree: MountTree, options: RestoreOptions) {
  return assignSupplies(tree, chooseFrom(joinNamespaces(tree), options));
}

const spots = (found: OfMounts<Spot>) =>
  Object.fromEntries(
    Array.from({ length: 10 }, (_, id) => found.get(id)).flatMap((spot, id) =>
      spot ? [[id, `${named(spot.origin)} ${spot.path}`]] : [],
    ),
  );

const named = ({ kind, of }: LayoutOrigin) => `${kind}:${of}`;

describe('a layout', () => {
  test('has each mount at its root in its filesystem, and on its place in that of its parent', () => {
    const tree = treeOf(
      mount(1, 0, '/'),
      mount(2, 1, '/a', { device: '0:1', root: '/x' }),
      mount(3, 2, '/a/b'),
      mount(4, 3, '/a/b'),
    );
    const layout = layoutOf(tree);
    expect(spots(layout.roots)).toEqual({
      1: 'fresh:0:1 /',
      2: 'fresh:0:1 /x',
      3: 'fresh:0:3 /',
      4: 'fresh:0:4 /',
    });
    expect(spots(layout.places)).toEqual({ 2: 'fresh:0:1 /a', 3: 'fresh:0:1 /x/b', 4: 'fresh:0:3 /' });
    expect(layout.origins.map(named)).toEqual(['fresh:0:1', 'fresh:0:3', 'fresh:0:4']);
    expect(layout.origins.map(({ first }) => first.id)).toEqual([1, 3, 4]);
  });

  test('has one origin for each host path, and paths below it', () => {
    const disk = { device: '8:1', type: 'ext4' };
    const tree = treeOf(
      mount(1, 0, '/', { ...disk, root: '/r' }),
      mount(2, 1, '/a', { ...disk, root: '/r/a/b' }),
      mount(3, 2, '/a/c'),
    );
    const layout = layoutOf(tree, { root: '/srv' });
    expect(spots(layout.roots)).toEqual({ 1: 'host:/srv /', 2: 'host:/srv /a/b', 3: 'fresh:0:3 /' });
    expect(spots(layout.places)).toEqual({ 2: 'host:/srv /a', 3: 'host:/srv /a/b/c' });
  });

  test('leaves out what nothing supplies, and the places on it', () => {
    const tree = treeOf(mount(1, 0, '/', { type: 'ext4' }), mount(2, 1, '/a'), mount(3, 2, '/a/b'));
    const layout = layoutOf(tree);
    expect(spots(layout.roots)).toEqual({ 2: 'fresh:0:2 /', 3: 'fresh:0:3 /' });
    expect(spots(layout.places)).toEqual({ 3: 'fresh:0:2 /b' });
  });

  test('has a window once for each source name, and an instance once', () => {
    const sysfs = { device: '0:9', type: 'sysfs' };
    const tree = treeOf(
      mount(1, 0, '/'),
      mount(2, 1, '/sys', { ...sysfs, source: 'sysfs' }),
      mount(3, 2, '/sys', { ...sysfs, source: 'none' }),
      mount(4, 1, '/a', { device: '0:1', source: 'other' }),
    );
    expect(spots(layoutOf(tree).roots)).toEqual({
      1: 'fresh:0:1 /',
      2: 'fresh:0:9:sysfs /',
      3: 'fresh:0:9:none /',
      4: 'fresh:0:1 /',
    });
  });

  test('renames in a stand-in what is no path: a namespace becomes a file', () => {
    const nsfs = { device: '0:4', type: 'nsfs' };
    const tree = treeOf(
      mount(1, 0, '/'),
      mount(2, 1, '/net', { ...nsfs, root: 'net:[4026531833]' }),
      mount(3, 1, '/mnt', { ...nsfs, root: 'mnt:[4026531841]' }),
    );
    expect(spots(layoutOf(tree, { standIn: ['/net'] }).roots)).toEqual({
      1: 'fresh:0:1 /',
      2: 'stand-in:0:4 /net:[4026531833]',
      3: 'stand-in:0:4 /mnt:[4026531841]',
    });
  });

  test('renames in a stand-in what is above the reader, and keeps who is inside whom', () => {
    const cgroup = { device: '0:30', type: 'cgroup' };
    const tree = treeOf(
      mount(1, 0, '/'),
      mount(2, 1, '/a', { ...cgroup, root: '/' }),
      mount(3, 1, '/b', { ...cgroup, root: '/x/y' }),
      mount(4, 1, '/c', { ...cgroup, root: '/..' }),
      mount(5, 1, '/d', { ...cgroup, root: '/../x' }),
      mount(6, 1, '/e', { ...cgroup, root: '/../..' }),
    );
    expect(spots(layoutOf(tree, { standIn: ['/a'] }).roots)).toEqual({
      1: 'fresh:0:1 /',
      2: 'stand-in:0:30 /above-1/above-2',
      3: 'stand-in:0:30 /above-1/above-2/x/y',
      4: 'stand-in:0:30 /above-1',
      5: 'stand-in:0:30 /above-1/x',
      6: 'stand-in:0:30 /',
    });
  });
});

describe('kinds', () => {
  const unknown = (id: number, parent: number, at: string, rest: Partial<Mount> = {}) =>
    mount(id, parent, at, { kind: 'unknown', ...rest } as Parameters<typeof mount>[3]);

  type Found = Kinds & Pick<Layout, 'origins'>;
  function kindsOf(tree: MountTree, known: KnownKinds = NOTHING_KNOWN, options: RestoreOptions = {}): Found {
    const layout = layoutOf(tree, options);
    const deletedRoots = new DeletedRoots(tree, layout, suppliesOf(tree, options));
    return { ...solveKinds(tree, layout, deletedRoots, known), origins: layout.origins };
  }
  const originOf = ({ origins }: Found, name: string) =>
    origins.find((origin) => named(origin) === name) as LayoutOrigin;
  const kindsIn = (kinds: Found, name: string) => {
    const origin = originOf(kinds, name);
    return ['/', ...kinds.paths(origin)].map(
      (path) => `${path} ${kinds.known({ origin, path }) ? kinds.kindAt({ origin, path }) : '?'}`,
    );
  };

  test('are directories for what holds a needed path, unknown for the path itself', () => {
    const kinds = kindsOf(
      treeOf(unknown(1, 0, '/'), unknown(2, 1, '/a/b/c', { device: '0:1', root: '/x/y' })),
    );
    expect(kindsIn(kinds, 'fresh:0:1')).toEqual([
      '/ directory',
      '/a directory',
      '/a/b directory',
      '/a/b/c ?',
      '/x directory',
      '/x/y ?',
    ]);
    expect(kinds.kindAt({ origin: originOf(kinds, 'fresh:0:1'), path: '/a/b/c' })).toBe('directory');
    expect(kinds.conflicts).toEqual([]);
  });

  test('travel from a root to its mount point, and on to what is mounted from there', () => {
    const tree = treeOf(
      unknown(1, 0, '/'),
      mount(2, 1, '/ns', { type: 'nsfs', root: 'net:[1]', kind: 'unknown' }),
      unknown(3, 1, '/copy', { device: '0:1', root: '/ns' }),
      unknown(4, 1, '/far', { device: '0:1', root: '/copy' }),
    );
    const kinds = kindsOf(tree, undefined, { standIn: ['/ns'] });
    expect(kindsIn(kinds, 'fresh:0:1')).toEqual(['/ directory', '/copy file', '/far file', '/ns file']);
    expect(kindsIn(kinds, 'stand-in:0:2')).toEqual(['/ directory', '/net:[1] file']);
  });

  test('come from the capture, and from the host', () => {
    const disk = { device: '8:1', type: 'ext4' };
    const tree = treeOf(
      unknown(1, 0, '/', disk),
      unknown(2, 1, '/etc/hosts', { device: '0:2', root: '/hosts' }),
      mount(3, 1, '/f', { device: '0:2', root: '/f', kind: 'file' }),
    );
    const known: KnownKinds = {
      has: () => true,
      at: (origin, path) => (named(origin) === 'host:/r' && path === '/etc/hosts' ? 'file' : 'unknown'),
    };
    const kinds = kindsOf(tree, known, { root: '/r', fresh: 'all' });
    expect(kindsIn(kinds, 'fresh:0:2')).toEqual(['/ directory', '/f file', '/hosts file']);
    expect(kindsIn(kinds, 'host:/r')).toEqual([
      '/ directory',
      '/etc directory',
      '/etc/hosts file',
      '/f file',
    ]);
  });

  test('conflict once for each class in which a file meets a directory', () => {
    const tree = treeOf(
      mount(1, 0, '/'),
      mount(2, 1, '/a', { device: '0:1', root: '/x', kind: 'file' }),
      mount(3, 2, '/a/b', { device: '0:1', root: '/y' }),
      mount(4, 1, '/c', { device: '0:1', root: '/x', kind: 'file' }),
    );
    const { conflicts } = kindsOf(tree);
    expect(conflicts.map(({ mount: { id }, place }) => [id, place.path])).toEqual([[2, '/a']]);
  });

  test('of names like `constructor` are as unknown as others', () => {
    const tree = treeOf(
      unknown(1, 0, '/'),
      unknown(2, 1, '/constructor'),
      unknown(3, 1, '/__proto__/toString'),
    );
    expect(kindsIn(kindsOf(tree), 'fresh:0:1')).toEqual([
      '/ directory',
      '/__proto__ directory',
      '/__proto__/toString directory',
      '/constructor directory',
    ]);
  });
});
