import { describe, expect, test } from 'vitest';
import { planRestore } from '../../../lib/plan/restore.ts';
import { DISK, hostFacts, onDisk } from '../../support/facts.ts';
import { mount, treeOf } from '../model/mounts.ts';
import { told } from './told.ts';

const ROOT = mount(1, 0, '/');
const ext4 = { device: '8:1', type: 'ext4', source: '/dev/sda1' };

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
