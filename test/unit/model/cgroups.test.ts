import { expect, test } from 'vitest';
import { parseMountinfo } from '../../../lib/formats/mountinfo.ts';
import { parseCgroups, withCgroupsInside } from '../../../lib/model/cgroups.ts';

const TEXT = '9:name=systemd:/init\n7:cpu,cpuacct:/a b\n4:memory:/\n0::/user/own\n';

test('the lines of /proc/PID/cgroup', () => {
  expect(parseCgroups(TEXT)).toEqual([
    { controllers: ['name=systemd'], path: '/init' },
    { controllers: ['cpu', 'cpuacct'], path: '/a b' },
    { controllers: ['memory'], path: '/' },
    { controllers: [], path: '/user/own' },
  ]);
});

test('roots as they are told below these, each hierarchy by its own', () => {
  const line = (id: number, root: string, type: string, options: string) =>
    `${id} 1 0:${id} ${root} /${id} rw - ${type} ${type} ${options}\n`;
  const tree = parseMountinfo(
    [
      '1 0 0:1 / / rw - tmpfs root rw\n',
      line(2, '/user/own', 'cgroup2', 'rw'),
      line(3, '/user/own/sub', 'cgroup2', 'rw'),
      line(4, '/user/ownother', 'cgroup2', 'rw'),
      line(5, '/', 'cgroup2', 'rw'),
      line(6, '/a\\040b/c', 'cgroup', 'rw,cpu,cpuacct'),
      line(7, '/init', 'cgroup', 'rw,xattr,name=systemd'),
      line(8, '/x', 'cgroup', 'rw,memory'),
      line(9, '/x', 'cgroup', 'rw,freezer'),
      line(10, '/user/own', 'tmpfs', 'rw'),
    ].join(''),
  );
  expect(
    withCgroupsInside(tree, parseCgroups(TEXT))
      .mounts.slice(1)
      .map(({ root }) => root),
  ).toEqual(['/', '/sub', '/../ownother', '/../..', '/c', '/', '/x', '/x', '/user/own']);
});
