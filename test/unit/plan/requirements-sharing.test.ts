import { describe, expect, test } from 'vitest';
import { planRestore } from '../../../lib/plan/restore.ts';
import { hostFacts, onDisk, wholeMount } from '../../support/facts.ts';
import { mount, treeOf } from '../model/mounts.ts';
import { kindsTold, told } from './told.ts';

const ROOT = mount(1, 0, '/');
const ext4 = { device: '8:1', type: 'ext4', source: '/dev/sda1' };
const sharedDisk = { device: '8:1', type: 'ext4', propagation: { shared: 1 } };
const IGNORE = '--ignore-host-propagation';

describe('a master outside the tree', () => {
  const tree = treeOf(ROOT, mount(2, 1, '/a', { ...ext4, root: '/a', propagation: { master: 7 } }));
  const follow = (mountOn: Parameters<typeof mount>[3], root = '/a') =>
    hostFacts({ sources: { '/srv': { ...onDisk(root, {}, mount(20, 1, '/', { ...ext4, ...mountOn })) } } });
  const slaves = { '/a': '/srv' };

  test('is required once for all its slaves', () => {
    const propagation = { master: 7 };
    const many = treeOf(
      ROOT,
      mount(2, 1, '/a', { propagation }),
      mount(3, 1, '/b', { device: '0:2', propagation }),
    );
    expect(told(many)).toEqual([
      [
        'master 2 3',
        'mount 2 at /a, mount 3 at /b are slaves of peer group 7, which has no member in the tree',
        '--slave /a=SOURCE',
        IGNORE,
      ],
    ]);
  });

  test('is the host mount that the source is on, when that is shared', () => {
    expect(told(tree, { slaves }, follow({ propagation: { shared: 1 } }))).toEqual([]);
  });

  test('may not be private, unless it may be shared', () => {
    const facts = follow({});
    expect(told(tree, { slaves }, facts)).toEqual([
      [
        'private-source 2',
        'mount 2 at /a is to follow /srv, but the mount there (/) is in no peer group and so has nothing to pass on',
        '--share-sources',
        '--slave /a=SOURCE',
        IGNORE,
      ],
    ]);
    expect(told(tree, { slaves, shareSources: true }, facts)).toEqual([]);
  });

  test('has to be of the superblock of what supplies its slave', () => {
    const facts = hostFacts({
      sources: { '/srv': onDisk('/a'), '/other': wholeMount('/other', { type: 'xfs' }) },
    });
    expect(told(tree, { external: { '/a': '/other' }, slaves }, facts)).toEqual([
      [
        'wrong-superblock 2',
        'mount 2 at /a is to follow /srv, but what supplies it is another filesystem than that of the mount there (/, ext4)',
        '--slave /a=SOURCE',
        '--external /a=SOURCE',
        IGNORE,
      ],
    ]);
  });

  test('may not show less than its slave does', () => {
    const facts = hostFacts({
      sources: {
        '/srv': { root: '/a/b', mount: mount(22, 20, '/srv', { ...sharedDisk, root: '/a/b' }) },
        '/other': onDisk('/a'),
      },
    });
    expect(told(tree, { external: { '/a': '/other' }, slaves }, facts)[0]?.[1]).toBe(
      'mount 2 at /a is to follow /srv, but what supplies it shows more of the filesystem than the mount there does (/srv)',
    );
  });

  test('may be that of a slave made here, where that is a window which the source shows too', () => {
    const debugfs = { device: '0:7', type: 'debugfs' };
    const windows = treeOf(
      ROOT,
      mount(2, 1, '/d', debugfs),
      mount(3, 1, '/x', { ...debugfs, root: '/x', propagation: { master: 8 } }),
    );
    const facts = (device?: string) =>
      hostFacts({
        sources: { '/host': wholeMount('/host', { ...debugfs, propagation: { shared: 2 } }) },
        filesystems: { debugfs: device === undefined ? {} : { device } },
      });
    const options = { slaves: { '/x': '/host' } };
    expect(kindsTold(windows, options, facts('0:7'))).toEqual([]);
    expect(kindsTold(windows, options, facts('0:8'))).toEqual(['wrong-superblock 3']);
    expect(kindsTold(windows, options, facts())).toEqual([]);
    expect(planRestore(windows, options, facts()).notes.assumed).toContain(
      'the debugfs here is the one that /host shows',
    );
  });

  test('is not that of an instance made here', () => {
    const instance = treeOf(
      ROOT,
      mount(2, 1, '/x', { device: '0:1', root: '/x', propagation: { master: 8 } }),
    );
    const facts = hostFacts({ sources: { '/host': wholeMount('/host', { propagation: { shared: 2 } }) } });
    expect(kindsTold(instance, { slaves: { '/x': '/host' } }, facts)).toEqual(['wrong-superblock 2']);
  });

  test('must be reached at its own mount point, and be there', () => {
    const hidden = hostFacts({ sources: { '/srv': { ...onDisk('/a'), mountRootReachable: false } } });
    expect(told(tree, { slaves }, hidden)).toEqual([
      [
        'source 2',
        'the mount that /srv lies on is hidden at its own mount point, /, and cannot be followed',
        '--slave /a=SOURCE',
        IGNORE,
      ],
    ]);
    const gone = hostFacts({ sources: { '/srv': { kind: 'unknown', error: 'ENOENT' } } });
    expect(told(tree, { slaves }, gone)[1]).toEqual([
      'source 2',
      'mount 2 at /a is to follow the mount of /srv, which cannot be opened: ENOENT',
      '--slave /a=SOURCE',
      IGNORE,
    ]);
  });

  test('that no fact tells of is assumed to be shared', () => {
    expect(planRestore(tree, { slaves }, hostFacts()).notes.assumed).toContain('/srv lies on a shared mount');
  });
});

describe('a peer group', () => {
  test('whose members different filesystems supply is required', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { ...ext4, root: '/a', propagation: { shared: 5 } }),
      mount(3, 1, '/b', { ...ext4, root: '/b', propagation: { shared: 5 } }),
    );
    const external = { '/a': '/x', '/b': '/y' };
    const facts = hostFacts({
      sources: { '/x': wholeMount('/x'), '/y': wholeMount('/y', { device: '0:99' }) },
    });
    expect(told(tree, { external }, facts)).toEqual([
      [
        'group-root 3 2',
        'mount 3 at /b and mount 2 at /a share a peer group or follow one another, ' +
          'but what supplies them is not parts of one filesystem that a host mount shows whole',
        '--external /b=SOURCE',
        '--external /a=SOURCE',
        '--skip /b',
      ],
    ]);
    const oneDisk = hostFacts({ sources: { '/x': onDisk('/x'), '/y': onDisk('/y') } });
    expect(told(tree, { external }, oneDisk)).toEqual([]);
  });
});
