import { describe, expect, test } from 'vitest';
import { MountTree } from '../../../lib/model/tree.ts';
import { planRestore } from '../../../lib/plan/restore.ts';
import { DISK, hostFacts, onDisk } from '../../support/facts.ts';
import { mount, treeOf } from '../model/mounts.ts';
import { kindsTold, told } from './told.ts';

const ROOT = mount(1, 0, '/');
const ext4 = { device: '8:1', type: 'ext4', source: '/dev/sda1' };

describe('what only the host has', () => {
  test('is required once for each part of a filesystem that no other required one brings along', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { ...ext4, root: '/x' }),
      mount(3, 1, '/b', { ...ext4, root: '/x' }),
      mount(4, 1, '/c', { ...ext4, root: '/x/y' }),
      mount(5, 1, '/d', { ...ext4, root: '/xy' }),
    );
    expect(kindsTold(tree)).toEqual(['external 2', 'external 5']);
  });

  test('is named by its id where it is hidden, and quoted for a shell', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', ext4),
      mount(3, 2, '/a'),
      mount(4, 1, '/b c', { ...ext4, device: '8:2' }),
    );
    expect(told(tree)).toEqual([
      [
        'external 2',
        'mount 2 at /a is an ext4, which only the host can supply',
        "--external '#2=SOURCE'",
        "--stand-in '#2'",
        "--skip '#2'",
      ],
      [
        'external 4',
        'mount 4 at /b c is an ext4, which only the host can supply',
        "--external '#4=SOURCE'",
        "--stand-in '#4'",
        "--skip '#4'",
      ],
    ]);
  });

  test('is told without looking through a stack for each mount in it', () => {
    const stack = new MountTree([
      ROOT,
      ...Array.from({ length: 20_000 }, (_, i) => mount(i + 2, i + 1, '/m', { type: 'ext4' })),
    ]);
    expect(kindsTold(stack)).toHaveLength(20_000);
  });

  test('is the root of a task that is chrooted into a plain directory', () => {
    const forest = treeOf(mount(2, 1, '/proc', { type: 'proc' }), mount(3, 1, '/dev'));
    expect(told(forest)).toEqual([
      [
        'root 1',
        'the tree is that of a task chrooted into a plain directory: its root has to be supplied',
        '--root DIR',
        '--stand-in /',
      ],
    ]);
    expect(told(forest, { standIn: 'all' })).toEqual([]);
  });

  test('must be there, be reached without a symlink, and be the host’s', () => {
    const tree = treeOf(mount(1, 0, '/', ext4), mount(2, 1, '/b', { ...ext4, root: '/b' }));
    const cures = ['--external /b=SOURCE', '--stand-in /b', '--skip /b'];
    const facts = (paths: Parameters<typeof onDisk>[1]) =>
      hostFacts({ sources: { '/r': onDisk('/r', paths) } });
    expect(told(tree, { root: '/r' }, facts({ b: 'directory' }))).toEqual([]);
    expect(told(tree, { root: '/r' }, facts({ b: 'absent' }))).toEqual([
      ['source 2', 'mount 2 at /b is to be supplied by /r/b, which cannot be used: ENOENT', ...cures],
      [
        'mount-point 2',
        'mount 2 at /b needs /r/b as its mount point, which does not exist',
        '--make-mount-points',
        '--skip /b',
      ],
    ]);
    expect(told(tree, { root: '/r' }, facts({ b: 'symlink' }))[0]?.[1]).toBe(
      'mount 2 at /b is to be supplied by /r/b, which cannot be used: it is a symlink',
    );
    const gone = hostFacts({ sources: { '/r': { kind: 'unknown', error: 'EACCES' } } });
    expect(told(tree, { root: '/r' }, gone)[0]).toEqual([
      'source 1',
      'mount 1 at / is to be supplied by /r, which cannot be used: EACCES',
      '--root DIR',
      '--stand-in /',
      '--skip /',
    ]);
  });

  test('that no fact tells of is assumed to be there', () => {
    const plan = planRestore(treeOf(mount(1, 0, '/', ext4), mount(2, 1, '/b')), { root: '/r' }, hostFacts());
    expect(plan.notes.assumed).toEqual(['a tmpfs can be mounted here', '/r exists', '/r/b exists']);
  });
});

describe('a mount point in a host filesystem', () => {
  const tree = treeOf(mount(1, 0, '/', ext4), mount(2, 1, '/a/b'));
  const facts = (paths: Parameters<typeof onDisk>[1], source = '/r') =>
    hostFacts({ sources: { [source]: onDisk('/r', paths) } });

  test('is created where that is allowed, with the directories on the way', () => {
    const absent = facts({ a: 'absent', 'a/b': 'absent' });
    expect(told(tree, { root: '/r' }, absent)).toEqual([
      [
        'mount-point 2',
        'mount 2 at /a/b needs /r/a/b as its mount point, which does not exist',
        '--make-mount-points',
        '--skip /a/b',
      ],
    ]);
    const { steps, hostEffects } = planRestore(tree, { root: '/r', makeMountPoints: true }, absent);
    const made = steps.flatMap((step) =>
      step.kind === 'make-mount-point' ? [`${step.node} ${step.path}`] : [],
    );
    expect(made).toEqual(['directory /a', 'directory /a/b']);
    expect(hostEffects).toEqual([
      {
        kind: 'make-mount-point',
        path: '/r/a',
        description: 'the directory /r/a is created, and stays',
        undone: true,
      },
      {
        kind: 'make-mount-point',
        path: '/r/a/b',
        description: 'the directory /r/a/b is created, and stays',
        undone: true,
      },
    ]);
  });

  test('below / of the host has one slash in front', () => {
    const absent = facts({ a: 'directory', 'a/b': 'absent' }, '/');
    expect(told(tree, { root: '/' }, absent)[0]?.[1]).toBe(
      'mount 2 at /a/b needs /a/b as its mount point, which does not exist',
    );
    const plan = planRestore(tree, { root: '/', makeMountPoints: true }, absent);
    expect(plan.hostEffects.map(({ path }) => path)).toEqual(['/a/b']);
  });

  test('is never reached by a symlink, which no option overrides', () => {
    expect(told(tree, { root: '/r', makeMountPoints: true }, facts({ 'a/b': 'symlink' }))).toEqual([
      [
        'mount-point 2',
        'mount 2 at /a/b needs /r/a/b as its mount point, but that is, or leads through, a symlink, which is not followed',
        '--skip /a/b',
      ],
    ]);
  });

  test('cannot be created below a file', () => {
    expect(
      kindsTold(tree, { root: '/r', makeMountPoints: true }, facts({ a: 'file', 'a/b': 'absent' })),
    ).toEqual(['mount-point 2']);
  });
});

describe('a destination', () => {
  const tree = treeOf(ROOT);
  const at = (destination: Parameters<typeof hostFacts>[0]) =>
    told(tree, { into: { at: '/d' } }, hostFacts(destination));

  test('is a directory', () => {
    const trouble = (text: string) => [
      ['destination', `/d, where the tree is to be attached, cannot be used: ${text}`, '--at DIR'],
    ];
    expect(at({ destination: { path: '/d', kind: 'directory' } })).toEqual([]);
    expect(at({ destination: { path: '/d', kind: 'absent' } })).toEqual(trouble('ENOENT'));
    expect(at({ destination: { path: '/d', kind: 'file' } })).toEqual(trouble('it is a file'));
    expect(at({ destination: { path: '/d', kind: 'symlink' } })).toEqual(trouble('it is a symlink'));
    expect(at({ destination: { path: '/d', kind: 'unknown', error: 'EACCES' } })).toEqual(trouble('EACCES'));
  });

  test('is not on a shared mount, unless it may be made private', () => {
    const facts = hostFacts({ destination: { path: '/d', kind: 'directory', mount: DISK } });
    expect(told(tree, { into: { at: '/d' } }, facts)).toEqual([
      [
        'destination',
        '/d lies on a shared mount (/, peer group 1): ' +
          'the kernel would make every mount of the tree shared and copy it to the peers',
        '--make-destination-private',
      ],
    ]);
    expect(told(tree, { into: { at: '/d' }, makeDestinationPrivate: true }, facts)).toEqual([]);
  });

  test('is not on a mount that is made shared first', () => {
    const slave = treeOf(ROOT, mount(2, 1, '/a', { ...ext4, root: '/a', propagation: { master: 7 } }));
    const on = mount(20, 1, '/', ext4);
    const facts = hostFacts({
      sources: { '/a': onDisk('/a', {}, on) },
      destination: { path: '/d', kind: 'directory', mount: on },
    });
    const options = { slaves: { '/a': '/a' }, shareSources: true, into: { at: '/d' } };
    expect(told(slave, options, facts)).toEqual([
      [
        'destination',
        '/d lies on a shared mount (/, made so for /a): ' +
          'the kernel would make every mount of the tree shared and copy it to the peers',
        '--make-destination-private',
      ],
    ]);
    expect(told(slave, { ...options, makeDestinationPrivate: true }, facts)).toEqual([]);
  });

  test('that no fact tells of is assumed to be fit', () => {
    expect(planRestore(tree, { into: { at: '/d' } }, hostFacts()).notes.assumed).toContain(
      '/d is a directory on a private mount',
    );
  });
});
