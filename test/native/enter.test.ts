import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { native, type RunResult } from '../../lib/system/calls/native.ts';
import { hasEveryId } from './ids.ts';
import { build, mkdir, open, tmpfs } from './program-builder.ts';

const enter = fileURLToPath(new URL('../../build/Release/mountyard-enter', import.meta.url));

/** Starts the command with `fds` as its fds 3, 4, …. */
function run(args: readonly string[], fds: readonly number[] = []) {
  const { status, stdout, stderr } = spawnSync(enter, args, {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin' }, // no directory that an unprivileged user may not search
    stdio: ['ignore', 'pipe', 'pipe', ...fds],
  });
  return { status, stdout, stderr };
}

describe('exit status', () => {
  test("is the command's own", () => {
    expect(run(['--', 'sh', '-c', 'echo out; exit 42'])).toEqual({ status: 42, stdout: 'out\n', stderr: '' });
  });

  test.each([
    [[], 'expects: -- COMMAND'],
    [['--'], 'expects: -- COMMAND'],
    [['--user'], 'no value for: --user'],
    [['--mount', 'three', '--', 'true'], '--mount: expects a number'],
    [['--zone', '3', '--', 'true'], 'unknown option: --zone'],
    [['--mount', '77', '--', 'true'], 'setns(CLONE_NEWNS): Bad file descriptor'],
    [['--cwd', '/none', '--', 'true'], '/none: No such file or directory'],
  ])('is 125 and one line says why for %j', (args, line) => {
    expect(run(args)).toEqual({ status: 125, stdout: '', stderr: `mountyard-enter: ${line}\n` });
  });

  test('is 126 for a command that cannot be run', () => {
    expect(run(['--', '/etc/passwd'])).toMatchObject({
      status: 126,
      stderr: 'mountyard-enter: /etc/passwd: Permission denied\n',
    });
  });

  test('is 127 for a command that is not there', () => {
    expect(run(['--', 'no-such-command'])).toMatchObject({ status: 127 });
  });
});

test('the command gets its standard fds alone', () => {
  const fd = openSync('/', 'r');
  const { stdout } = run(
    ['--', 'sh', '-c', 'for fd in 2 3 4; do [ -e /proc/$$/fd/$fd ] && echo $fd; done'],
    [fd, fd],
  );
  closeSync(fd);
  expect(stdout).toBe('2\n');
});

describe('namespaces', () => {
  let made: RunResult;

  // A tmpfs at /mnt of a copy of this namespace, in a user namespace where this user is root.
  beforeAll(() => {
    made = native.runSync({
      program: build({
        main: [
          { call: 'openat2', s1: '/proc/self/ns/mnt', f1: 0o2000000n, out: 0 },
          { call: 'openat2', s1: '/proc/self/ns/user', f1: 0o2000000n, out: 1 },
          ...tmpfs(3, 2),
          mkdir(2, 'inner'),
          open(undefined, '/mnt', 4),
          { call: 'move_mount', a: 2, s1: '', b: 4, s2: '', n: 0x44 },
        ],
        exports: 3,
      }),
      imports: new Int32Array(0),
      place: {
        kind: 'fork',
        unshare: 0x10020000,
        uidMap: Buffer.from(hasEveryId ? '0 0 65536' : '0 0 1'),
        setgroups: Buffer.from(hasEveryId ? '' : 'deny'),
        gidMap: Buffer.from(hasEveryId ? '0 0 65536' : '0 0 1'),
      },
    });
    expect(made.status).toBe('done');
  });

  afterAll(() => {
    for (const fd of made.exports) closeSync(fd);
  });

  test('are entered, and the working directory is the root unless given', () => {
    const [mount, user] = made.exports as [number, number];
    const args = ['--user', '4', '--mount', '3'];
    expect(run([...args, '--', 'sh', '-c', 'pwd; ls /mnt'], [mount, user])).toEqual({
      status: 0,
      stdout: '/\ninner\n',
      stderr: '',
    });
    expect(run([...args, '--cwd', '/mnt/inner', '--', 'pwd'], [mount, user]).stdout).toBe('/mnt/inner\n');
  });

  test('take a root below them, where commands are looked up', () => {
    const [mount, user, root] = made.exports as [number, number, number];
    const args = ['--user', '4', '--mount', '3', '--root', '5', '--', 'sh'];
    expect(run(args, [mount, user, root])).toMatchObject({ status: 127 });
  });

  test.skipIf(!hasEveryId)('take ids (skipped without all ids)', () => {
    const [mount, user] = made.exports as [number, number];
    const args = [
      '--user',
      '4',
      '--mount',
      '3',
      '--uid',
      '7',
      '--gid',
      '8',
      '--',
      'sh',
      '-c',
      'id -u; id -g; id -G',
    ];
    expect(run(args, [mount, user]).stdout).toBe('7\n8\n8\n');
  });
});

test.skipIf(!hasEveryId)('a user id alone drops the groups, too (skipped without all ids)', () => {
  const command = [enter, '--uid', '7', '--', 'id', '-G'];
  const { stdout } = spawnSync('setpriv', ['--groups', '4', ...command], { encoding: 'utf8' });
  expect(stdout).toBe('0\n');
});
