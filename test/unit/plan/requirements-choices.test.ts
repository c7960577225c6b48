import { describe, expect, test } from 'vitest';
import { MalformedTreeError } from '../../../lib/errors.ts';
import { UnmetRequirementsError } from '../../../lib/plan/options/requirements.ts';
import { requirements } from '../../../lib/plan/resolve.ts';
import { planRestore } from '../../../lib/plan/restore.ts';
import { DISK, hostFacts, onDisk } from '../../support/facts.ts';
import { mount, treeOf } from '../model/mounts.ts';
import { kindsTold, told } from './told.ts';

const ROOT = mount(1, 0, '/');
const ext4 = { device: '8:1', type: 'ext4', source: '/dev/sda1' };

describe('an engine', () => {
  test('that this kernel cannot run is required, and another offered', () => {
    const facts = hostFacts({ engines: { detached: 'move_mount: ENOSYS', yard: 'not yet' } });
    expect(told(treeOf(ROOT), {}, facts)).toEqual([
      ['engine', 'the detached engine cannot be used here: move_mount: ENOSYS'],
    ]);
    expect(told(treeOf(ROOT), { engine: 'yard' }, facts)).toEqual([
      ['engine', 'the yard engine cannot be used here: not yet'],
    ]);
    const without = hostFacts({ engines: { detached: true, yard: 'not yet' } });
    expect(told(treeOf(ROOT), { engine: 'yard' }, without)).toEqual([
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
      'unshare -Urm mountyard …',
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

  test('lacks over the host’s mounts in a namespace of another user namespace', () => {
    const tree = treeOf(mount(1, 0, '/', ext4));
    const idMap = { uid: [], gid: [] };
    const facts = hostFacts({
      sources: { '/r': onDisk('/r') },
      destination: { path: '/', kind: 'directory', idMap },
    });
    expect(told(tree, { into: { namespace: 1 }, root: '/r' }, facts)).toEqual([
      [
        'privilege 1',
        '/r is a mount of this user namespace, which that of the namespace to enter cannot clone',
        '--stand-in all',
      ],
    ]);
  });

  test('lacks to leave out what is mounted below a host path, in a new user namespace', () => {
    const tree = treeOf(mount(1, 0, '/', ext4));
    const below = ['/r/a', '/r/b', '/r', '/other', '/r/c', '/r/d'].map((path, i) => mount(30 + i, 20, path));
    const facts = hostFacts({ sources: { '/r': onDisk('/r') }, hostMounts: [DISK, ...below.slice(0, 2)] });
    const options = { userNamespace: 'self', root: '/r' } as const;
    const [first] = told(tree, options, facts);
    expect(first?.slice(0, 2)).toEqual([
      'source 1',
      '/r, for mount 1 at /, cannot be cloned in a user namespace without what is mounted below it: ' +
        '/r/a, /r/b are locked there',
    ]);
    const [many] = told(tree, options, { ...facts, hostMounts: [DISK, ...below] });
    expect(many?.[1]).toContain('/r/a, /r/b, /r and 2 more are locked there');
    expect(told(tree, options, { ...facts, hostMounts: [DISK, ...below.slice(3, 4)] })).toEqual([]);
  });

  test('lacks to leave out what is mounted on a host mount that is followed, or starts a group', () => {
    const srv = {
      ...DISK,
      id: 21,
      parentId: 20,
      mountPoint: '/srv',
      propagation: { shared: 3, unbindable: false },
    };
    const below = mount(30, 21, '/srv/below');
    const sources = {
      '/srv': onDisk('/', {}, srv),
      '/srv/x': onDisk('/x', {}, srv),
      '/srv/y': onDisk('/y', {}, srv),
    };
    const facts = hostFacts({ sources, hostMounts: [DISK, srv, below] });
    const a = { ...ext4, root: '/x', propagation: { master: 9 } };
    const follower = treeOf(ROOT, mount(2, 1, '/a', a));
    const options = { userNamespace: 'self', external: { '/a': '/srv/x' } } as const;
    const why =
      'cannot be cloned in a user namespace without what is mounted below it: /srv/below is locked there';
    expect(told(follower, { ...options, slaves: { '/a': '/srv' } }, facts)).toEqual([
      [
        'source 2',
        `the mount that /srv is on, which mount 2 at /a follows, ${why}`,
        '--ignore-host-propagation',
        '--slave /a=SOURCE',
        '--external /a=SOURCE',
        '--skip /a',
        'umount /srv/below',
      ],
    ]);
    expect(told(follower, { ...options, slaves: { '/a': '/srv/x' } }, facts)).toEqual([]);

    const shared = { propagation: { shared: 4 } };
    const peers = treeOf(
      ROOT,
      mount(2, 1, '/a', { ...ext4, root: '/x', ...shared }),
      mount(3, 1, '/b', { ...ext4, root: '/y', ...shared }),
    );
    expect(told(peers, { ...options, external: { '/a': '/srv/x', '/b': '/srv/y' } }, facts)).toEqual([
      [
        'source 2',
        `the mount that /srv/x is on, for the peer group of mount 2 at /a, ${why}`,
        '--external /a=SOURCE',
        '--skip /a',
        'umount /srv/below',
      ],
    ]);
  });

  test('lacks to clear what a host mount has, in a new user namespace', () => {
    const options = { userNamespace: 'self', root: '/r' } as const;
    const rootOf = (...words: string[]) => treeOf(mount(1, 0, '/', { ...ext4, options: words }));
    const locked = { ...DISK, options: ['ro', 'nosuid', 'nodiratime', 'relatime'] };
    const facts = hostFacts({ sources: { '/r': onDisk('/r', {}, locked) } });
    expect(told(rootOf('rw', 'noatime'), options, facts)).toEqual([
      [
        'privilege 1',
        '/r, for mount 1 at /, lies on /, which keeps ro, nosuid, ' +
          'its atime mode (nodiratime,relatime, where the tree has noatime) in a user namespace: ' +
          'what a more privileged one set is locked',
        '--root DIR',
        'mount -o remount,bind,rw,noatime /',
        '--stand-in /',
        '--skip /',
      ],
    ]);
    const same = rootOf('ro', 'nosuid', 'nodev', 'nodiratime', 'relatime');
    expect(told(same, options, facts)).toEqual([]);
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
