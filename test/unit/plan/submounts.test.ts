import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../lib/errors.ts';
import type { HostFacts } from '../../../lib/model/facts.ts';
import { planRestore } from '../../../lib/plan/restore.ts';
import { hostFacts } from '../../support/facts.ts';
import { mount, treeOf } from '../model/mounts.ts';
import { disk, ROOT, stepsOf } from './planned.ts';
import { kindsTold, told } from './told.ts';

const cgroup = { type: 'cgroup2', source: 'cgroup2' };
const SYS = mount(21, 20, '/host/sys', { type: 'sysfs', device: '0:21' });
const HOST = [
  mount(20, 1, '/', disk),
  SYS,
  mount(22, 21, '/host/sys/fs/cgroup', cgroup),
  mount(23, 22, '/host/sys/fs/cgroup', { source: 'over' }),
  mount(24, 21, '/host/sys/kernel/debug', { type: 'debugfs', options: ['ro', 'relatime'] }),
  mount(25, 20, '/host/system'),
];

function facts(rest: Parameters<typeof hostFacts>[0] = {}): HostFacts {
  const source = { mount: SYS, root: '/', mountRootReachable: true };
  return hostFacts({ sources: { '/host/sys': source }, hostMounts: HOST, ...rest });
}

const OPTIONS = { external: { '/sys': '/host/sys' }, recursive: ['/sys'] };
const sys = mount(2, 1, '/sys', { type: 'sysfs', propagation: { shared: 5 } });

describe('a recursive bind', () => {
  test('is one clone; what comes with it is in the target, and never built', () => {
    const debug = { type: 'debugfs', options: ['ro', 'relatime'], propagation: { shared: 6 } };
    const tree = treeOf(
      ROOT,
      sys,
      mount(3, 2, '/sys/fs/cgroup', cgroup),
      mount(7, 2, '/sys/kernel/debug', debug),
    );
    expect(stepsOf(tree, OPTIONS, facts())).toEqual([
      'make-filesystem 0',
      'make-directory 0:/sys',
      'take #1 = 0:/',
      'clone-source 1 = /host/sys and below',
      'take #2 = 1:/',
      'place #2 on #1 at sys',
      'share #2',
      'share #2 kernel/debug',
      'become-root #1',
      'drop-old-root',
    ]);
    const { target, notes } = planRestore(tree, OPTIONS, facts());
    expect(
      target.tree.mounts.map(({ id, parentId, mountPoint, type }) => [id, parentId, mountPoint, type]),
    ).toEqual([
      [1, 0, '/', 'tmpfs'],
      [2, 1, '/sys', 'sysfs'],
      [3, 2, '/sys/fs/cgroup', 'cgroup2'],
      [8, 3, '/sys/fs/cgroup', 'tmpfs'],
      [7, 2, '/sys/kernel/debug', 'debugfs'],
    ]);
    expect(notes.broughtAlong.map(({ id }) => id)).toEqual([8]);
    expect(notes.skipped).toEqual([]);
  });

  test('with nothing below, or of a host that is not known, is an ordinary one', () => {
    const alone = facts({ hostMounts: HOST.slice(0, 2) });
    expect(stepsOf(treeOf(ROOT, sys), OPTIONS, alone)).toContain('clone-source 1 = /host/sys');
    const { notes } = planRestore(treeOf(ROOT, sys), OPTIONS, hostFacts());
    expect(notes.assumed).toContain('nothing is mounted below /host/sys');
    const unfitting = facts({ hostMounts: HOST.filter(({ id }) => id !== SYS.id) });
    const cyclic = facts({
      hostMounts: HOST.map((each) => (each === SYS ? { ...SYS, parentId: 24 } : each)),
    });
    expect(planRestore(treeOf(ROOT, sys), OPTIONS, cyclic).notes.broughtAlong).toHaveLength(3);
    const elsewhere = planRestore(treeOf(ROOT, sys), OPTIONS, unfitting);
    expect(elsewhere.notes.assumed).toContain('nothing is mounted below /host/sys');
  });

  test('of what no path of the host supplies is a mistake', () => {
    expect(() => planRestore(treeOf(ROOT, sys), { recursive: ['/sys'] }, facts())).toThrow(UsageError);
  });
});

describe('what is in the way of what comes along is named', () => {
  const plain = { ...sys, propagation: { unbindable: false } };

  test.each<[string, Parameters<typeof mount>[3], RegExp]>([
    [
      'another type',
      { type: 'tracefs' },
      /shows \/ of a tracefs, and the recursive bind of \/host\/sys brings \/ of a debugfs/,
    ],
    ['another root', { type: 'debugfs', root: '/x' }, /shows \/x of a debugfs/],
    ['other flags', { type: 'debugfs' }, /is rw,relatime, and what .* brings there is ro,relatime/],
  ])('%s', (_, rest, reason) => {
    const tree = treeOf(ROOT, plain, mount(3, 2, '/sys/kernel/debug', rest));
    expect(told(tree, OPTIONS, facts())).toEqual([
      ['source 3', expect.stringMatching(reason), '--skip /sys/kernel/debug', '--external /sys=SOURCE'],
    ]);
    expect(kindsTold(tree, { ...OPTIONS, skip: ['/sys/kernel/debug'] }, facts())).toEqual([]);
  });

  test('what another option supplies, and what stands on or behind it', () => {
    const tree = treeOf(
      ROOT,
      plain,
      mount(3, 2, '/sys/fs/cgroup', cgroup),
      mount(4, 3, '/sys/fs/cgroup/own'),
      mount(5, 2, '/sys/kernel/debug/behind'),
      mount(6, 2, '/sys/kernel'),
    );
    const all = { ...OPTIONS, standIn: ['/sys/fs/cgroup'] };
    expect(kindsTold(tree, all, facts())).toEqual(['source 3', 'source 4', 'source 5']);
  });

  test('what is covered, and was to be shared: no path leads to it', () => {
    const tree = treeOf(
      ROOT,
      plain,
      mount(3, 2, '/sys/fs/cgroup', { ...cgroup, propagation: { shared: 7 } }),
    );
    expect(told(tree, OPTIONS, facts())[0]?.[1]).toMatch(/is shared and covered, and out of reach/);
  });

  test('what is hidden by a mount further up, and was to be shared', () => {
    const tree = treeOf(
      ROOT,
      plain,
      mount(3, 2, '/sys/fs/cgroup', { ...cgroup, propagation: { shared: 7 } }),
    );
    const below = [mount(23, 22, '/host/sys/fs/cgroup/on/it', cgroup)];
    const deeper = treeOf(
      ...tree.mounts,
      mount(4, 3, '/sys/fs/cgroup/on/it', { ...cgroup, propagation: { shared: 8 } }),
    );
    const cover = (at: string, rest = {}) => [...HOST.slice(0, 3), ...below, mount(26, 21, at, rest)];
    const covered = (hostMounts: HostFacts['hostMounts']) =>
      kindsTold(deeper, OPTIONS, facts({ hostMounts: hostMounts ?? [] }));
    expect(covered(cover('/host/sys/fs'))).toEqual(['source 3', 'source 4']);
    expect(covered(cover('/host/sys/fs/cgroup/on'))).toEqual([]);
    expect(covered(cover('/host/sys/fs', { propagation: { unbindable: true } }))).toEqual([]);
    expect(covered(cover('/host/sys/fsx'))).toEqual([]);
  });

  test('a file, which starts no group', () => {
    const hostMounts = [...HOST, mount(26, 21, '/host/sys/file', { kind: 'file' })];
    const tree = treeOf(ROOT, plain, mount(3, 2, '/sys/file', { propagation: { shared: 7 } }));
    expect(told(tree, OPTIONS, facts({ hostMounts }))[0]?.[1]).toMatch(/is shared, and a file that/);
  });

  test('groups with other members, and masters', () => {
    const tree = treeOf(
      ROOT,
      sys,
      mount(3, 2, '/sys/fs/cgroup', { ...cgroup, propagation: { master: 5 } }),
      mount(4, 2, '/sys/kernel/debug', {
        type: 'debugfs',
        options: ['ro', 'relatime'],
        propagation: { master: 9 },
      }),
    );
    expect(kindsTold(tree, OPTIONS, facts())).toEqual(['group-root 3', 'group-root 4', 'group-root 2']);
    const ignoring = { ...OPTIONS, ignoreHostPropagation: true };
    expect(kindsTold(tree, ignoring, facts())).toEqual(['group-root 3', 'group-root 2']);
  });
});

describe('masters outside the tree', () => {
  const debug = { type: 'debugfs', options: ['ro', 'relatime'] };
  const ignoring = { ...OPTIONS, ignoreHostPropagation: true };

  test('are dropped of what comes along, and told', () => {
    const tree = treeOf(
      ROOT,
      sys,
      mount(7, 2, '/sys/kernel/debug', { ...debug, propagation: { master: 9 } }),
    );
    const { target, notes } = planRestore(tree, ignoring, facts());
    expect(target.tree.get(7)?.propagation).toEqual({ unbindable: false });
    expect(notes.ignoredMasters.map(({ mount: { id }, master }) => [id, master])).toEqual([[7, 9]]);
  });

  test('are kept where a mount is named to follow, which a recursive bind cannot', () => {
    const follower = { ...sys, propagation: { unbindable: false, master: 9 } };
    const named = { ...ignoring, slaves: { '/sys': '/host/sys' } };
    expect(told(treeOf(ROOT, follower), named, facts())[0]).toEqual([
      'group-root 2',
      expect.stringMatching(/follows peer group 9, and what the recursive bind/),
      '--external /sys=SOURCE',
      '--skip /sys',
    ]);
    expect(kindsTold(treeOf(ROOT, follower), ignoring, facts())).toEqual([]);
  });
});

describe('locked in the namespace of a caller that lives in a user namespace', () => {
  const locks = { options: ['nosuid', 'atime'], below: true, mountBelow: true };
  const source = {
    mount: { ...SYS, options: ['ro', 'nosuid', 'relatime'] },
    root: '/',
    mountRootReachable: true,
  };
  const inside = (locked: object) =>
    facts({
      sources: { '/host/sys': { ...source, locks: { ...locks, ...locked } } },
      privileges: { inUserNamespace: true },
    });
  const tree = treeOf(ROOT, { ...sys, options: ['rw', 'noatime'], propagation: { unbindable: false } });
  const external = { external: { '/sys': '/host/sys' } };

  test('what trials told is named: flags, and mounts below', () => {
    const [below, flags, ...others] = told(tree, external, inside({}));
    expect(others).toEqual([]);
    expect(below?.[1]).toContain('/host/sys/fs/cgroup, /host/sys/kernel/debug are locked there');
    expect(below).toContain('--recursive /sys');
    expect(flags?.[1]).toContain('which keeps nosuid, its atime mode (relatime, where the tree has noatime)');
  });

  test('what is not locked is the caller’s', () => {
    expect(told(tree, external, inside({ options: [], below: false, mountBelow: false }))).toEqual([]);
  });
});
