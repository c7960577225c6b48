import { describe, expect, test } from 'vitest';
import { MalformedTreeError } from '../../../lib/errors.ts';
import { MountTree } from '../../../lib/model/tree.ts';
import { UnmetRequirementsError } from '../../../lib/plan/requirements.ts';
import { requirements } from '../../../lib/plan/resolve.ts';
import { planRestore } from '../../../lib/plan/restore.ts';
import { DISK, hostFacts, onDisk, wholeMount } from '../../support/facts.ts';
import { mount, treeOf } from '../model/mounts.ts';
import { kindsTold, told } from './told.ts';

const ROOT = mount(1, 0, '/');
const ext4 = { device: '8:1', type: 'ext4', source: '/dev/sda1' };
const sharedDisk = { device: '8:1', type: 'ext4', propagation: { shared: 1 } };
const IGNORE = '--ignore-host-propagation';

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

describe('a deleted root', () => {
  test('in a read-only filesystem is required: Linux makes none read-only while it is in use', () => {
    const superOptions = 'ro';
    const tree = treeOf(
      mount(1, 0, '/'),
      mount(2, 1, '/a', { device: '0:9', superOptions }),
      mount(3, 1, '/b', { device: '0:9', superOptions, root: '/x', deleted: true }),
    );
    expect(told(tree).map(([what]) => what)).toEqual(['deleted-root 3']);
    expect(told(tree, { standIn: ['/b'] })).toEqual([]);
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
        'mount 2 at /a is idmapped, and a mountinfo text does not tell the map',
        "--idmap '#2=INSIDE:OUTSIDE:LENGTH'",
        "--skip '#2'",
      ],
      [
        'idmap 4',
        'mount 4 at /b is idmapped, and a mountinfo text does not tell the map',
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

describe('an engine', () => {
  test('that this kernel cannot run is required, and another offered', () => {
    const facts = hostFacts({ engines: { detached: 'move_mount: ENOSYS', yard: 'not yet' } });
    expect(told(treeOf(ROOT), {}, facts)).toEqual([
      ['engine', 'the detached engine cannot be used here: move_mount: ENOSYS'],
    ]);
    expect(told(treeOf(ROOT), { engine: 'yard' }, facts)).toEqual([
      ['engine', 'the yard engine cannot be used here: not yet', '--engine detached'],
    ]);
  });

  test('is not asked of a user who cannot try it', () => {
    const facts = hostFacts({ engines: { detached: 'EPERM' }, privileges: { mount: false, uid: 1000 } });
    expect(kindsTold(treeOf(ROOT), {}, facts)).toEqual(['privilege']);
  });
});

describe('privilege', () => {
  test('lacks to run a plan, not to make it', () => {
    const facts = hostFacts({ privileges: { mount: false, uid: 1000 } });
    const plan = planRestore(treeOf(ROOT), {}, facts);
    expect(plan.unmetToRun.map(({ kind, reason }) => [kind, reason])).toEqual([
      ['privilege', 'CAP_SYS_ADMIN over the mount namespace is missing (uid 1000)'],
    ]);
    expect(told(treeOf(ROOT), {}, facts)[0]?.slice(2)).toEqual([
      '--userns',
      'unshare -Ur mountyard …',
      'run as root',
    ]);
    expect(told(treeOf(ROOT), { userNamespace: 'self' }, facts)).toEqual([]);
  });

  test('lacks where no user namespace can be made', () => {
    const facts = hostFacts({ privileges: { mount: false, userNamespace: 'ENOSPC' } });
    expect(told(treeOf(ROOT), { userNamespace: 'self' }, facts)).toEqual([
      ['privilege', 'a user namespace cannot be made here: ENOSPC', 'run as root'],
    ]);
  });

  test('lacks over the host’s mounts in a new user namespace', () => {
    const tree = treeOf(mount(1, 0, '/', ext4));
    expect(
      told(tree, { userNamespace: 'self', root: '/r' }, hostFacts({ sources: { '/r': onDisk('/r') } })),
    ).toEqual([
      [
        'privilege 1',
        '/r is a mount of this user namespace, which a new one cannot clone',
        'unshare -Urm mountyard restore …',
        '--stand-in all',
      ],
    ]);
  });
});

describe('skip', () => {
  test('takes along what is mounted below, and what is mounted on that', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', ext4),
      mount(3, 2, '/a/b', ext4),
      mount(4, 3, '/a/b'),
      mount(5, 1, '/c'),
    );
    const { target, notes } = planRestore(tree, { skip: ['/a'] }, hostFacts());
    expect(target.tree.mounts.map(({ id }) => id)).toEqual([1, 5]);
    expect(notes.skipped.map(({ id }) => id)).toEqual([2, 3, 4]);
  });

  test('makes others lose the root of their filesystem', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { device: '0:9' }),
      mount(3, 1, '/b', { device: '0:9', root: '/b' }),
    );
    expect(kindsTold(tree)).toEqual([]);
    expect(told(tree, { skip: ['/a'] })[0]?.slice(0, 2)).toEqual([
      'external 3',
      'mount 3 at /b shows /b of a tmpfs whose / the tree does not have',
    ]);
  });

  test('makes others lose their master', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', { device: '0:9', propagation: { shared: 4 } }),
      mount(3, 1, '/b', { device: '0:9', propagation: { master: 4 } }),
    );
    expect(kindsTold(tree)).toEqual([]);
    expect(kindsTold(tree, { skip: ['/a'] })).toEqual(['master 3']);
  });
});

describe('stand-ins for all', () => {
  test('take the place of what is unmet only, and tell why', () => {
    const tree = treeOf(
      mount(1, 0, '/', ext4),
      mount(2, 1, '/proc', { type: 'proc' }),
      mount(3, 1, '/run', { root: '/x' }),
      mount(4, 1, '/opt', { superOptions: 'rw,context=x' }),
      mount(5, 1, '/tmp'),
    );
    const { notes } = planRestore(tree, { standIn: 'all' }, hostFacts());
    expect(notes.standIns.map(({ mount: { id }, because }) => [id, because])).toEqual([
      [1, 'mount 1 at / is an ext4, which only the host can supply'],
      [3, 'mount 3 at /run shows /x of a tmpfs whose / the tree does not have'],
      [4, 'mount 4 at /opt is a tmpfs with the option context=x, which a snapshot may not set'],
    ]);
  });

  test('take a superblock whole, but leave what is named', () => {
    const tree = treeOf(
      ROOT,
      mount(2, 1, '/a', ext4),
      mount(3, 1, '/b', { ...ext4, root: '/b' }),
      mount(4, 1, '/c', { ...ext4, root: '/c' }),
      mount(5, 1, '/d', { type: 'xfs' }),
    );
    const options = { standIn: 'all', external: { '/b': '/srv' }, skip: ['/d'] } as const;
    const { target } = planRestore(tree, options, hostFacts({ sources: { '/srv': onDisk('/srv') } }));
    expect([...target.standIns]).toEqual([2, 4]);
    expect(target.tree.get(3)).toMatchObject({ type: 'ext4', root: '/srv' });
    expect(target.tree.get(2)).toMatchObject({
      type: 'tmpfs',
      source: 'stand-in-ext4',
      device: 'stand-in:8:1',
    });
  });

  test('do not take what is to be made anew, even where it cannot be', () => {
    const tree = treeOf(ROOT, mount(2, 1, '/a', { superOptions: 'rw,context=x', root: '/x' }));
    expect(kindsTold(tree, { standIn: 'all', fresh: ['/a'] })).toEqual(['option 2']);
    expect(kindsTold(tree, { standIn: 'all', fresh: 'all' })).toEqual([]);
  });
});

describe('names that every object has', () => {
  const names = ['constructor', '__proto__', 'toString', 'hasOwnProperty'];

  test.each(names)('are types like any other: %s', (type) => {
    expect(told(treeOf(ROOT, mount(2, 1, '/a', { type })))).toEqual([
      [
        'external 2',
        expect.stringMatching(/^mount 2 at \/a is an? .*, which only the host can supply$/),
        '--external /a=SOURCE',
        '--stand-in /a',
        '--skip /a',
      ],
    ]);
  });

  test.each(names)('are paths like any other: %s', (name) => {
    const tree = treeOf(
      mount(1, 0, '/', ext4),
      mount(2, 1, `/${name}`),
      mount(3, 1, '/s', { type: 'sysfs', superOptions: `rw,${name}=1` }),
      mount(4, 3, `/s/${name}`),
    );
    const facts = hostFacts({
      sources: { '/r': onDisk('/r', { s: 'directory' }), [name]: onDisk('/x') },
      filesystems: { sysfs: {}, tmpfs: {} },
    });
    expect(planRestore(tree, { root: '/r' }, facts).notes.assumed).toEqual([
      `the sysfs here has /${name}`,
      `/r/${name} exists`,
    ]);
  });

  test('are found in facts where they are their own', () => {
    const tree = treeOf(mount(1, 0, '/', ext4), mount(2, 1, '/__proto__'));
    const paths = JSON.parse('{"__proto__": "absent"}');
    expect(kindsTold(tree, { root: '/r' }, hostFacts({ sources: { '/r': onDisk('/r', paths) } }))).toEqual([
      'mount-point 2',
    ]);
  });
});

test('a tree that no namespace can hold is malformed, before anything is asked of the host', () => {
  expect(() => requirements(treeOf(), {}, hostFacts())).toThrow('the table has no mount');
  const cycle = treeOf(ROOT, mount(2, 3, '/a'), mount(3, 2, '/a/b'));
  expect(() => requirements(cycle, {}, hostFacts())).toThrow(MalformedTreeError);
});

test('the error names every requirement and its cures, privilege among them', () => {
  const facts = hostFacts({ privileges: { mount: false, uid: 7, mknod: false } });
  const tree = treeOf(mount(1, 0, '/', { type: 'xfs' }));
  try {
    planRestore(tree, {}, facts);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(UnmetRequirementsError);
    expect((error as UnmetRequirementsError).requirements.map(({ kind }) => kind)).toEqual([
      'root',
      'privilege',
    ]);
    expect(String(error)).toContain(
      '2 requirements are not met:\n' +
        '  - mount 1 at / is a xfs, which only the host can supply\n' +
        '      --root DIR  (a directory of this host supplies it)\n' +
        '      --stand-in /  (an empty tmpfs takes the place of its filesystem)\n' +
        '  - CAP_SYS_ADMIN over the mount namespace is missing (uid 7)\n',
    );
  }
});
