import { describe, expect, test } from 'vitest';
import type { Kind } from '../../../lib/model/mount.ts';
import { hostFacts, onDisk } from '../../support/facts.ts';
import { mount, treeOf } from '../model/mounts.ts';
import { told } from './told.ts';

const ROOT = mount(1, 0, '/');
const ext4 = { device: '8:1', type: 'ext4', source: '/dev/sda1' };

describe('a file', () => {
  test('is not mounted on a directory, nor a directory on a file', () => {
    const tree = treeOf(mount(1, 0, '/', ext4), mount(2, 1, '/etc'));
    const facts = hostFacts({ sources: { '/r': onDisk('/r', { etc: 'file' }) } });
    expect(told(tree, { root: '/r' }, facts)).toEqual([
      [
        'node-kind 2',
        'mount 2 at /etc would put a file on a directory, or a directory on a file, at /etc of /r',
        '--external /etc=SOURCE',
        '--skip /etc',
      ],
    ]);
  });
});

describe('a filesystem', () => {
  const cures = (at: string) => [`--external ${at}=SOURCE`, `--stand-in ${at}`, `--skip ${at}`];

  test('that this kernel refuses is required, with what it said', () => {
    const tree = treeOf(ROOT, mount(2, 1, '/bpf', { type: 'bpf' }));
    const facts = hostFacts({ filesystems: { bpf: { creatable: 'EPERM', log: ['bpf: no'] } } });
    expect(told(tree, {}, facts)).toEqual([
      [
        'filesystem 2',
        'mount 2 at /bpf is a bpf, which cannot be mounted here: EPERM; bpf: no',
        ...cures('/bpf'),
      ],
    ]);
    expect(told(tree, { standIn: ['/bpf'] }, facts)).toEqual([]);
  });

  test('in a new user namespace may need another new namespace, unless it was tried', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/proc', { type: 'proc' }),
      mount(3, 1, '/bpf', { type: 'bpf' }),
      mount(4, 1, '/sys', { type: 'sysfs' }),
    );
    const facts = hostFacts({ filesystems: { sysfs: { creatable: true }, bpf: { creatable: 'unknown' } } });
    expect(told(tree, { userNamespace: 'self' }, facts).map(([, reason]) => reason)).toEqual([
      'mount 2 at /proc is a proc, which cannot be mounted here: a new user namespace may mount it only with a new pid namespace',
      'mount 3 at /bpf is a bpf, which cannot be mounted here: no user namespace but the initial one may mount it',
    ]);
  });

  test('with an option that a snapshot may not set is required', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { superOptions: 'rw,context=x' }),
      mount(3, 1, '/b', { superOptions: 'rw,a=1,b' }),
    );
    expect(told(tree)).toEqual([
      [
        'option 2',
        'mount 2 at /a is a tmpfs with the option context=x, which a snapshot may not set',
        ...cures('/a'),
      ],
      [
        'option 3',
        'mount 3 at /b is a tmpfs with the options a=1, b, which a snapshot may not set',
        ...cures('/b'),
      ],
    ]);
  });

  test('of which a machine has one is there once', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/sys', { type: 'sysfs' }),
      mount(3, 1, '/sys2', { type: 'sysfs' }),
    );
    expect(told(tree)).toEqual([
      [
        'window 3',
        'mount 3 at /sys2 is a second sysfs beside that of mount 2 at /sys: a machine, or a namespace of it, has only one',
        ...cures('/sys2'),
      ],
    ]);
    const hierarchies = treeOf(
      ROOT,
      mount(2, 1, '/a', { type: 'cgroup', superOptions: 'rw,memory' }),
      mount(3, 1, '/b', { type: 'cgroup', superOptions: 'rw,cpu' }),
    );
    expect(told(hierarchies)).toEqual([]);
  });

  test('does not show what is above a cgroup’s reader', () => {
    const cgroup = { type: 'cgroup2', device: '0:30' };
    const tree = treeOf(ROOT, mount(2, 1, '/cg', cgroup), mount(3, 1, '/up', { ...cgroup, root: '/../x' }));
    expect(told(tree)).toEqual([
      [
        'path 3',
        'mount 3 at /up needs /../x as its root, which is above the root of the cgroup2 here',
        '--skip /up',
        '--external /up=SOURCE',
        '--stand-in /cg',
      ],
    ]);
  });

  test('that takes no directories must have the mount points of itself', () => {
    const tree = treeOf(ROOT, mount(2, 1, '/sys', { type: 'sysfs' }), mount(3, 2, '/sys/fs/selinux'));
    const facts = hostFacts({ filesystems: { sysfs: { paths: { '/fs/selinux': 'absent' } } } });
    expect(told(tree, {}, facts)).toEqual([
      [
        'path 3',
        'mount 3 at /sys/fs/selinux needs /fs/selinux as its mount point, which does not exist in the sysfs here',
        '--skip /sys/fs/selinux',
        '--stand-in /sys',
      ],
    ]);
  });
});

describe('a deleted root', () => {
  test('that is a directory in a read-only filesystem is required, and no other is', () => {
    const readOnly = { device: '0:9', superOptions: 'ro' };
    const tree = (kind: Kind) =>
      treeOf(
        mount(1, 0, '/'),
        mount(2, 1, '/a', readOnly),
        mount(3, 1, '/b', { ...readOnly, root: '/x', deleted: true, kind }),
      );
    expect(told(tree('directory'))).toEqual([
      [
        'deleted-root 3',
        'mount 3 at /b shows the directory /x, which was deleted, and its superblock is read-only: while a deleted ' +
          'directory is in use Linux makes a filesystem read-only only by force, and all of them at once (SysRq U); ' +
          'without ro in its superblock options, or on a stand-in, it can be built',
        '--external /b=SOURCE',
        '--stand-in /b',
        '--skip /b',
      ],
    ]);
    expect(told(tree('directory'), { standIn: ['/b'] })).toEqual([]);
    expect([told(tree('file')), told(tree('unknown'))]).toEqual([[], []]);
  });

  test('in a host filesystem is required: nothing of the host is deleted', () => {
    const tree = treeOf(mount(1, 0, '/', ext4), mount(2, 1, '/a', { ...ext4, root: '/gone', deleted: true }));
    const facts = hostFacts({ sources: { '/r': onDisk('/r', { a: 'directory', gone: 'directory' }) } });
    expect(told(tree, { root: '/r' }, facts)).toEqual([
      [
        'deleted-root 2',
        'mount 2 at /a shows /gone, which was deleted: nothing of the host is deleted for it',
        '--external /a=SOURCE',
        '--skip /a',
      ],
    ]);
  });
});

describe('an idmapped mount', () => {
  test('of which only the word is known needs its map, and is named so that it is found', () => {
    const options = ['rw', 'relatime', 'idmapped'];
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { options }),
      mount(3, 2, '/a'),
      mount(4, 1, '/b', { options }),
    );
    const map = {
      uid: [{ inside: 0, outside: 1000, length: 1 }],
      gid: [{ inside: 0, outside: 1000, length: 1 }],
    };
    expect(told(tree)).toEqual([
      [
        'idmap 2',
        'mount 2 at /a is idmapped, and neither a mountinfo text nor a kernel without statmount or without listmount tells the map',
        "--idmap '#2=INSIDE:OUTSIDE:LENGTH'",
        "--skip '#2'",
      ],
      [
        'idmap 4',
        'mount 4 at /b is idmapped, and neither a mountinfo text nor a kernel without statmount or without listmount tells the map',
        '--idmap /b=INSIDE:OUTSIDE:LENGTH',
        '--skip /b',
      ],
    ]);
    expect(told(tree, { idmap: { '#2': map, '/b': map } })).toEqual([]);
  });
});

describe('device nodes', () => {
  const tree = treeOf(ROOT, mount(2, 1, '/dev'), mount(3, 1, '/pts', { type: 'devpts' }));

  test('go into a tmpfs made here', () => {
    expect(told(tree, { dev: '/dev' })).toEqual([]);
    expect(told(tree, { dev: '/pts' })).toEqual([
      [
        'device-nodes 3',
        'device nodes go into a tmpfs made here, which mount 3 at /pts is not',
        '--stand-in /pts',
      ],
    ]);
  });

  test('cannot be made in a user namespace', () => {
    const one = [
      'device-nodes 2',
      'the device nodes for mount 2 at /dev cannot be made in a user namespace',
      'leave --dev out',
    ];
    const small = treeOf(ROOT, mount(2, 1, '/dev'));
    expect(told(small, { dev: '/dev' }, hostFacts({ privileges: { mknod: false } }))).toEqual([one]);
    expect(told(small, { dev: '/dev', userNamespace: 'self' })).toEqual([one]);
  });
});
