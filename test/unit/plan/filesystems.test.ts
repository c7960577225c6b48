import { describe, expect, test } from 'vitest';
import {
  filesystemKey,
  filesystemRole,
  mountableInUserNamespace,
  parametersInForce,
  splitOptions,
  takesNodes,
} from '../../../lib/plan/filesystems.ts';
import { mount } from '../model/mounts.ts';

function split(type: string, superOptions: string) {
  const { parameters, dropped, refused, readOnly } = splitOptions(mount(1, 0, '/', { type, superOptions }));
  return {
    key: filesystemKey(type, parameters),
    ...(dropped.length > 0 ? { dropped } : {}),
    ...(refused.length > 0 ? { refused } : {}),
    ...(readOnly ? { readOnly } : {}),
  };
}

describe('the options that a snapshot may set', () => {
  test.each([
    ['tmpfs', 'rw,size=100k,mode=755', { key: 'tmpfs size=100k,mode=755' }],
    ['tmpfs', 'rw,seclabel,inode64,uid=1000', { key: 'tmpfs uid=1000', dropped: ['seclabel', 'inode64'] }],
    ['tmpfs', 'rw,noswap,lazytime,mand', { key: 'tmpfs noswap,lazytime,mand' }],
    ['tmpfs', 'ro,size=4k', { key: 'tmpfs size=4k', readOnly: true }],
    ['tmpfs', 'ro=1', { key: 'tmpfs' }],
    ['tmpfs', 'rw,usrquota', { key: 'tmpfs', refused: ['usrquota'] }],
    ['tmpfs', 'rw,mpol=bind:0\\0541', { key: 'tmpfs mpol=bind:0,1' }],
    ['hugetlbfs', 'rw,size=2M\\054uid=7', { key: 'hugetlbfs', refused: ['size=2M,uid=7'] }],
    ['tmpfs', 'rw,context="a:b:c1,c2",size=4k', { key: 'tmpfs size=4k', refused: ['context=a:b:c1,c2'] }],
    ['tmpfs', 'rw,constructor,__proto__=1', { key: 'tmpfs', refused: ['constructor', '__proto__=1'] }],
    ['tmpfs', '', { key: 'tmpfs' }],
    ['ramfs', 'rw,mode=700,size=4k', { key: 'ramfs mode=700', refused: ['size=4k'] }],
    ['devpts', 'rw,gid=5,mode=620,ptmxmode=666,max=9', { key: 'devpts gid=5,mode=620,ptmxmode=666,max=9' }],
    ['devpts', 'rw,newinstance', { key: 'devpts', dropped: ['newinstance'] }],
    ['proc', 'rw,hidepid=2,gid=9,subset=pid', { key: 'proc hidepid=2,gid=9,subset=pid' }],
    ['bpf', 'rw,mode=700,delegate_cmds=any', { key: 'bpf mode=700', refused: ['delegate_cmds=any'] }],
    ['hugetlbfs', 'rw,pagesize=2M', { key: 'hugetlbfs pagesize=2M' }],
  ] as const)('of %s, of %j', (type, options, expected) => {
    expect(split(type, options)).toEqual(expected);
  });

  test.each(['sysfs', 'cgroup2', 'debugfs', 'mqueue', 'pstore'])(
    'are none for the window %s: the ones in force stay',
    (type) => {
      expect(split(type, 'rw,nsdelegate,mode=755,gid=7')).toEqual({ key: type });
    },
  );

  test.each(['overlay', 'ext4', 'fuse', 'nfs', 'constructor', '__proto__'])('are none for %s', (type) => {
    expect(split(type, 'rw,lowerdir=/etc,upperdir=/u,workdir=/w,fd=3')).toEqual({ key: type });
  });
});

describe('a cgroup v1 hierarchy', () => {
  test('is told by its controllers and its name, in one order', () => {
    expect(split('cgroup', 'rw,memory')).toEqual({ key: 'cgroup memory' });
    expect(split('cgroup', 'rw,cpuacct,cpu')).toEqual(split('cgroup', 'rw,cpu,cpuacct'));
    expect(split('cgroup', 'rw,none,name=systemd')).toEqual({ key: 'cgroup name=systemd' });
  });

  test('is never given a release agent or a flag', () => {
    expect(
      split('cgroup', 'rw,xattr,release_agent=/bin/sh,name=systemd,clone_children,noprefix,seclabel'),
    ).toEqual({
      key: 'cgroup name=systemd',
    });
    expect(split('cgroup', 'rw,release_agent,cpuset_v2_mode,cpuset,favordynmods,all')).toEqual({
      key: 'cgroup cpuset',
    });
  });
});

test('a window is mounted with the options in force, without those that are printed unasked', () => {
  expect(parametersInForce('rw,seclabel,nsdelegate,memory_recursiveprot')).toEqual([
    { key: 'nsdelegate' },
    { key: 'memory_recursiveprot' },
  ]);
  expect(parametersInForce('ro,gid=7')).toEqual([{ key: 'ro' }, { key: 'gid', value: '7' }]);
  expect(parametersInForce('rw')).toEqual([]);
});

test('a type is an instance, a window, or the host’s own', () => {
  const roles = (...types: string[]) => types.map(filesystemRole);
  expect(roles('tmpfs', 'ramfs', 'devpts', 'proc', 'bpf', 'hugetlbfs')).toEqual(Array(6).fill('instance'));
  expect(roles('sysfs', 'mqueue', 'cgroup', 'cgroup2', 'debugfs', 'tracefs', 'binfmt_misc')).toEqual(
    Array(7).fill('window'),
  );
  expect(roles('ext4', 'overlay', 'nsfs', 'fuse.sshfs', 'constructor', '__proto__', '')).toEqual(
    Array(7).fill('external'),
  );
});

test('only a tmpfs or ramfs made here takes directories and files', () => {
  expect(['tmpfs', 'ramfs'].map(takesNodes)).toEqual([true, true]);
  expect(['cgroup2', 'devpts', 'proc', 'hugetlbfs', 'ext4', 'toString'].map(takesNodes)).toEqual(
    Array(6).fill(false),
  );
});

test('a new user namespace mounts some types, and some only with another new namespace', () => {
  expect(
    ['tmpfs', 'proc', 'sysfs', 'mqueue', 'cgroup2', 'bpf', 'ext4', '__proto__'].map(mountableInUserNamespace),
  ).toEqual([true, 'pid', 'net', 'ipc', 'cgroup', false, false, false]);
});
