import { describe, expect, test } from 'vitest';
import type { MountTree } from '../../../lib/model/tree.ts';
import { hostQuestions } from '../../../lib/plan/ask.ts';
import type { RestoreOptions } from '../../../lib/plan/options/options.ts';
import { mount, treeOf } from '../model/mounts.ts';

const disk = { device: '8:1', type: 'ext4', source: '/dev/sda1' };

function asked(tree: MountTree, options: RestoreOptions = {}) {
  const { sources, filesystems, destination } = hostQuestions(tree, options);
  return {
    sources: Object.fromEntries([...sources].map(([path, paths]) => [path, [...paths]])),
    filesystems: Object.fromEntries(
      [...filesystems].map(([key, { window, paths }]) => [key, { window, paths: [...paths] }]),
    ),
    destination,
  };
}

describe('what a plan asks of the host', () => {
  test('are the host paths that the caller named, with the roots and mount points below them', () => {
    const tree = treeOf(
      mount(1, 0, '/', disk),
      mount(2, 1, '/a/b', { ...disk, root: '/x/y', propagation: { master: 7 } }),
      mount(3, 1, '/c', { type: 'xfs' }),
    );
    const options = { root: '/r', external: { '/c': '/srv' }, slaves: { '/a/b': '/r/x' } };
    expect(asked(tree, options).sources).toEqual({ '/r/x': [], '/r': ['x/y', 'a/b', 'c'], '/srv': [] });
    expect(asked(tree, { ...options, makeMountPoints: true }).sources['/r']).toEqual([
      'x/y',
      'a/b',
      'c',
      'x',
      'a',
    ]);
  });

  test('are all that is needed below a path that is named twice, once with what is mounted there', () => {
    const tree = treeOf(
      mount(1, 0, '/'),
      mount(2, 1, '/a', disk),
      mount(3, 1, '/b', { type: 'xfs' }),
      mount(4, 2, '/a/in'),
      mount(5, 3, '/b/in'),
      mount(6, 3, '/b/other'),
    );
    const options = { external: { '/a': '/srv', '/b': '/srv' }, recursive: ['/a'] };
    expect(asked(tree, options).sources).toEqual({ '/srv': ['in', 'other'] });
    expect(asked(tree, { ...options, recursive: ['/b'] }).sources).toEqual({ '/srv': ['in', 'other'] });
  });

  test('are the filesystems to make, and the paths in those that take none', () => {
    const tree = treeOf(
      mount(1, 0, '/', { superOptions: 'rw,size=4k' }),
      mount(2, 1, '/proc', { type: 'proc', superOptions: 'rw,hidepid=2' }),
      mount(3, 2, '/proc/sys', { device: '0:2', type: 'proc', root: '/sys', superOptions: 'rw,hidepid=2' }),
      mount(4, 1, '/sys', { type: 'sysfs' }),
      mount(5, 4, '/sys/fs/cgroup'),
    );
    expect(asked(tree)).toEqual({
      sources: {},
      filesystems: {
        'tmpfs size=4k': { window: false, paths: [] },
        'proc hidepid=2': { window: false, paths: ['/', '/sys'] },
        sysfs: { window: true, paths: ['/', '/fs/cgroup'] },
        tmpfs: { window: false, paths: [] },
      },
      destination: undefined,
    });
  });

  test('is nothing of what is skipped, stands in, or has no supply', () => {
    const tree = treeOf(
      mount(1, 0, '/'),
      mount(2, 1, '/a', { type: 'xfs' }),
      mount(3, 1, '/b', { type: 'bpf' }),
      mount(4, 1, '/c', { type: 'proc' }),
    );
    expect(asked(tree, { standIn: ['/b'], skip: ['/c'], into: { at: '/d' } })).toEqual({
      sources: {},
      filesystems: { tmpfs: { window: false, paths: [] } },
      destination: '/d',
    });
  });
});
