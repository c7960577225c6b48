import { describe, expect, test } from 'vitest';
import type { Mount } from '../../../lib/model/mount.ts';
import { planRestore } from '../../../lib/plan/restore.ts';
import { hostFacts } from '../../support/facts.ts';
import { mount, treeOf } from '../model/mounts.ts';
import { stepsOf } from './planned.ts';

const disk = { device: '0:9' };

/** A mount of the disk with two others on it. */
function copy(id: number, at: string, inner: Partial<Mount> = {}): Mount[] {
  return [
    mount(id, 1, at, disk),
    mount(id + 1, id, `${at}/x`, { ...disk, root: '/d', ...inner }),
    mount(id + 2, id, `${at}/y`, disk),
  ];
}

const images = (...mounts: Mount[]) =>
  stepsOf(treeOf(mount(1, 0, '/'), ...mounts)).filter((line) => line.startsWith('clone-image'));

describe('a sub-tree that is there already', () => {
  test('comes by one clone, complete, and is placed', () => {
    expect(stepsOf(treeOf(mount(1, 0, '/'), ...copy(10, '/a'), ...copy(20, '/b')))).toEqual([
      'make-filesystem 0',
      'make-directory 0:/a',
      'make-directory 0:/b',
      'take #1 = 0:/',
      'make-filesystem 1',
      'make-directory 1:/d',
      'make-directory 1:/x',
      'make-directory 1:/y',
      'clone #10 = 1:/',
      'place #10 on #1 at a',
      'clone #11 = 1:/d',
      'place #11 on #10 at x',
      'take #12 = 1:/',
      'place #12 on #10 at y',
      'clone-image #20 = #10',
      'place #20 on #1 at b',
      'become-root #1',
      'drop-old-root',
    ]);
  });

  test('says which it is like', () => {
    const plan = planRestore(treeOf(mount(1, 0, '/'), ...copy(10, '/a'), ...copy(20, '/b')), {}, hostFacts());
    expect(plan.steps.find(({ kind }) => kind === 'clone-image')?.reason).toBe(
      'with all that is mounted on it mount 20 at /b is as mount 10 at /a',
    );
  });

  test('may hold images, and may be held by one', () => {
    const nested = (id: number, at: string) => [
      mount(id, 1, at, disk),
      mount(id + 1, id, `${at}/m`, disk),
      mount(id + 2, id + 1, `${at}/m/x`, disk),
      mount(id + 3, id, `${at}/n`, disk),
      mount(id + 4, id + 3, `${at}/n/x`, disk),
    ];
    expect(images(...nested(10, '/a'), ...nested(20, '/b'))).toEqual([
      'clone-image #13 = #11',
      'clone-image #20 = #10',
    ]);
  });

  test('is one in the same peer groups, following the same masters', () => {
    const shared = { propagation: { shared: 5, unbindable: false } };
    const other = { propagation: { shared: 6, unbindable: false } };
    expect(images(...copy(10, '/a', shared), ...copy(20, '/b', shared))).toEqual(['clone-image #20 = #10']);
    expect(images(...copy(10, '/a', shared), ...copy(20, '/b', other))).toEqual([]);
  });

  test.each<[string, Partial<Mount>]>([
    ['an attribute', { options: ['ro', 'relatime'] }],
    ['a root', { root: '/e' }],
    ['a filesystem', { device: '0:10', root: '/' }],
    ['a place', { mountPoint: '/b/z' }],
  ])('is none when %s differs', (_, inner) => {
    expect(images(...copy(10, '/a'), ...copy(20, '/b', inner))).toEqual([]);
  });

  test.each<[string, Partial<Mount>]>([
    ['unbindable mounts, which no clone takes along', { propagation: { unbindable: true } }],
    ['deleted roots, of which there may be several', { deleted: true }],
  ])('is none with %s', (_, inner) => {
    expect(images(...copy(10, '/a', inner), ...copy(20, '/b', inner))).toEqual([]);
  });

  test('is none where an option gives a map', () => {
    const tree = treeOf(mount(1, 0, '/'), ...copy(10, '/a'), ...copy(20, '/b'));
    const map = [{ inside: 0, outside: 9, length: 1 }];
    expect(stepsOf(tree, { idmap: { '#11': { uid: map, gid: map } } }).join('\n')).not.toContain(
      'clone-image',
    );
  });

  test('is built mount by mount when too many others would be held open for theirs', () => {
    const kinds = Array.from({ length: 100 }, (_, i) => i);
    const rows = (start: number, at: string) =>
      kinds.flatMap((i) => copy(start + 3 * i, `${at}${i}`, { root: `/d${i}` }));
    expect(images(...rows(1000, '/a'), ...rows(2000, '/b'))).toHaveLength(64);
  });
});
