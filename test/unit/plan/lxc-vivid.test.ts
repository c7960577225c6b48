import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseMountinfo } from '../../../lib/formats/mountinfo.ts';
import { hostFacts, onDisk } from '../../support/facts.ts';
import { told } from './told.ts';

const TREE = parseMountinfo(readFileSync(new URL('../../tables/lxc-vivid.mountinfo', import.meta.url)));

const needs = (mount: string, group: number, at: string) => [
  `${mount} is a slave of peer group ${group}, which has no member in the tree`,
  `--slave ${at}=SOURCE`,
  '--ignore-host-propagation',
];
const ROOT_AND_EXTERNAL = [
  ['root 44', 'mount 44 at / is an ext4, which only the host can supply', '--root DIR', '--stand-in /'],
  [
    'external 92',
    'mount 92 at /sys/fs/cgroup/cgmanager shows /cgmanager of a tmpfs whose / the tree does not have',
    '--external /sys/fs/cgroup/cgmanager=SOURCE',
    '--fresh /sys/fs/cgroup/cgmanager',
    '--stand-in /sys/fs/cgroup/cgmanager',
    '--skip /sys/fs/cgroup/cgmanager',
  ],
];
const MASTERS = [
  ['master 44', ...needs('mount 44 at /', 1, '/')],
  ['master 87', ...needs('mount 87 at /sys/fs/fuse/connections', 23, '/sys/fs/fuse/connections')],
  ['master 88', ...needs('mount 88 at /sys/kernel/debug', 25, '/sys/kernel/debug')],
  ['master 89', ...needs('mount 89 at /sys/kernel/security', 8, '/sys/kernel/security')],
  ['master 90', ...needs('mount 90 at /sys/fs/pstore', 11, '/sys/fs/pstore')],
];

describe('the tree of an LXC container', () => {
  test('needs its root, an external mount and five masters, and nothing else', () => {
    expect(told(TREE)).toEqual([...ROOT_AND_EXTERNAL, ...MASTERS]);
  });

  test('needs, on a kernel whose proc lacks it, one path more', () => {
    const paths = { '/sys': 'directory', '/sys/net': 'directory', '/sysrq-trigger': 'absent' } as const;
    const sysrq = [
      'path 82',
      'mount 82 at /proc/sysrq-trigger needs /sysrq-trigger as its root, which does not exist in the proc here',
      '--skip /proc/sysrq-trigger',
      '--external /proc/sysrq-trigger=SOURCE',
      '--stand-in /proc',
    ];
    const facts = hostFacts({ filesystems: { proc: { paths } } });
    expect(told(TREE, {}, facts)).toEqual([ROOT_AND_EXTERNAL[0], sysrq, ROOT_AND_EXTERNAL[1], ...MASTERS]);
    expect(told(TREE, { skip: ['/proc/sysrq-trigger'] }, facts)).toEqual([...ROOT_AND_EXTERNAL, ...MASTERS]);
  });

  test('needs no masters when they are to be ignored', () => {
    expect(told(TREE, { ignoreHostPropagation: true })).toEqual(ROOT_AND_EXTERNAL);
  });

  test('needs nothing when all stands in and masters are ignored', () => {
    expect(told(TREE, { standIn: 'all', ignoreHostPropagation: true })).toEqual([]);
  });

  test('can follow the mount that supplies its root, once one does', () => {
    const paths = { dev: 'directory', proc: 'directory', sys: 'directory', run: 'directory' } as const;
    const facts = hostFacts({ sources: { '/srv/u1': onDisk('/srv/u1', paths) } });
    expect(told(TREE, { root: '/srv/u1' }, facts)[1]).toEqual([
      'master 44',
      'mount 44 at / is a slave of peer group 1, which has no member in the tree',
      '--slave /',
      '--slave /=SOURCE',
      '--ignore-host-propagation',
    ]);
  });
});
