import { expect, test } from 'vitest';
import type { Mount } from '../../../lib/model/mount.ts';
import { mount, treeOf } from './mounts.ts';

const root = mount(1, 0, '/');
const problemsOf = (...mounts: Mount[]) =>
  treeOf(...mounts).problems.map(({ code, reason }) => [code, reason]);

test('an empty table is a problem', () => {
  expect(problemsOf()).toEqual([['empty', 'the table has no mount']]);
});

test('an id that occurs twice is a problem', () => {
  expect(problemsOf(root, mount(3, 1, '/x'), mount(3, 1, '/y'))).toEqual([
    ['duplicate-id', 'mount 3 at /x and mount 3 at /y have the same id'],
  ]);
});

test('a cycle is one problem, with its members and not what hangs off it', () => {
  const tree = treeOf(root, mount(5, 4, '/y'), mount(3, 4, '/y'), mount(4, 3, '/y'));
  expect(tree.problems.map(({ code }) => code)).toEqual(['cycle', 'same-place']);
  expect(new Set(tree.problems[0]?.mounts.map(({ id }) => id))).toEqual(new Set([3, 4]));
  expect(tree.problems[0]?.reason).toMatch(
    /^mount [34] at \/y and mount [34] at \/y are each other's parents/,
  );
});

test('two mounts that are their own roots are two roots', () => {
  expect(problemsOf(mount(1, 1, '/'), mount(8, 8, '/8'))).toEqual([
    ['two-roots', 'mount 1 at / and mount 8 at /8 are each their own root'],
  ]);
});

test('top mounts under one absent parent are no forest when one is at /', () => {
  expect(problemsOf(mount(30, 1, '/'), mount(31, 1, '/x'))).toEqual([
    ['two-roots', 'mount 30 at / and mount 31 at /x are all at the top, though one of them is at /'],
  ]);
});

test('absent parents that differ are a problem', () => {
  expect(problemsOf(mount(30, 1, '/'), mount(40, 2, '/x'))).toEqual([
    [
      'absent-parents',
      'mount 30 at / and mount 40 at /x have no parent in the table, and not the same one (1, 2)',
    ],
  ]);
});

test('two mounts at one place of one parent are a problem, a stack is none', () => {
  expect(problemsOf(root, mount(2, 1, '/a'), mount(3, 1, '/a'))).toEqual([
    ['same-place', 'mount 2 at /a and mount 3 at /a have one place on mount 1 at /'],
  ]);
  expect(problemsOf(root, mount(2, 1, '/a'), mount(3, 2, '/a'))).toEqual([]);
});

test('a mount point outside its parent is a problem', () => {
  expect(problemsOf(root, mount(2, 1, '/a'), mount(3, 2, '/ab'))).toEqual([
    ['outside-parent', 'mount 3 at /ab is not inside its parent, mount 2 at /a'],
  ]);
});

test('mount points are clean and absolute', () => {
  expect(problemsOf(root, mount(2, 1, '/a/../b'), mount(3, 1, 'c'), mount(4, 1, '/d/'))).toEqual([
    ['dot-dot', 'the mount point of mount 2 at /a/../b has a component that is no name'],
    ['relative-path', 'the mount point of mount 3 at c does not start with /'],
    ['dot-dot', 'the mount point of mount 4 at /d/ has a component that is no name'],
  ]);
});

test('roots are clean too, but for cgroups above the reader and namespace files', () => {
  const rooted = (type: string, path: string) => problemsOf(root, mount(2, 1, '/a', { type, root: path }));
  expect(rooted('cgroup2', '/..')).toEqual([]);
  expect(rooted('cgroup', '/../../other')).toEqual([]);
  expect(rooted('nsfs', 'net:[4026531833]')).toEqual([]);
  expect(rooted('proc', 'mnt:[4026531833]')).toEqual([]);
  expect(rooted('cgroup2', '/a/..')).toEqual([
    ['dot-dot', 'the root /a/.. of mount 2 at /a has a component that is no name'],
  ]);
  expect(rooted('tmpfs', '/..')).toEqual([
    ['dot-dot', 'the root /.. of mount 2 at /a has a component that is no name'],
  ]);
  expect(rooted('tmpfs', 'sub')).toEqual([
    ['relative-path', 'the root sub of mount 2 at /a does not start with /'],
  ]);
});

test('a peer group has one superblock and one master', () => {
  const member = (id: number, path: string, device: string, master?: number) =>
    mount(id, 1, path, { device, propagation: { shared: 7, ...(master === undefined ? {} : { master }) } });
  expect(problemsOf(root, member(2, '/a', '0:5'), member(3, '/b', '0:6'))).toEqual([
    [
      'group-superblocks',
      'mount 2 at /a and mount 3 at /b are in peer group 7 but on two filesystems, 0:5 and 0:6',
    ],
  ]);
  expect(problemsOf(root, member(2, '/a', '0:5'), member(3, '/b', '0:5', 9))).toEqual([
    ['group-masters', 'mount 2 at /a and mount 3 at /b are in peer group 7 but follow different masters'],
  ]);
});

test('groups that follow each other are a problem, a chain of masters is none', () => {
  const member = (id: number, path: string, shared: number, master: number) =>
    mount(id, 1, path, { device: '0:5', propagation: { shared, master } });
  expect(problemsOf(root, member(2, '/a', 7, 7))).toEqual([
    ['master-cycle', 'mount 2 at /a is a slave of its own peer group 7'],
  ]);
  expect(problemsOf(root, member(2, '/a', 7, 8), member(3, '/b', 8, 7))).toEqual([
    ['master-cycle', 'the peer groups 7, 8 of mount 2 at /a and mount 3 at /b are slaves of each other'],
  ]);
  expect(problemsOf(root, member(2, '/a', 7, 8), member(3, '/b', 8, 9))).toEqual([]);
});
