import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { isMachineRoot, isRoot } from '../support/privilege.ts';
import { ScratchMount } from '../support/scratch-mount.ts';
import { MAIN, mountyard } from './mountyard.ts';

describe.skipIf(!isRoot)('mountyard exec', () => {
  let scratch: ScratchMount;
  let namespace: MountNamespace;
  let file: string;
  let pinned: string;

  beforeAll(async () => {
    scratch = new ScratchMount();
    namespace = MountNamespace.create();
    pinned = scratch.at('pin');
    await namespace.pin(pinned);
    file = readlinkSync(`/proc/self/fd/${namespace.fd.number}`);
  });

  afterAll(() => {
    namespace.close();
    MountNamespace.unpin(pinned);
    scratch[Symbol.dispose]();
  });

  const tell = ['--', 'readlink', '/proc/self/ns/mnt'];

  test('enters a namespace that is pinned', () => {
    expect(mountyard(['exec', pinned, ...tell])).toEqual({ status: 0, out: `${file}\n`, err: '' });
  });

  test('one that is held', () => {
    const held = `/proc/${process.pid}/fd/${namespace.fd.number}`;
    expect(mountyard(['exec', held, ...tell])).toMatchObject({ status: 0, out: `${file}\n` });
  });

  test('and one that a process lives in', async () => {
    const child = namespace.spawn('sleep', ['600'], { stdio: 'ignore' });
    const closed = once(child, 'close');
    await expect.poll(() => readlinkSync(`/proc/${child.pid}/ns/mnt`)).toBe(file);
    expect(mountyard(['exec', String(child.pid), ...tell])).toMatchObject({ status: 0, out: `${file}\n` });
    child.kill();
    await closed;
  });

  test.skipIf(!isMachineRoot)('with the ids, the directory and the environment that are asked for', () => {
    const words = ['--uid', '7', '--gid', '8', '--cwd', '/usr', '--env', 'A=b=c', '--env', 'EMPTY='];
    const script = 'id -u; id -g; pwd; echo "$A|$EMPTY|$HOME"';
    const { status, out } = mountyard(['exec', pinned, ...words, '--', 'sh', '-c', script]);
    expect({ status, out }).toEqual({ status: 0, out: `7\n8\n/usr\nb=c||${process.env.HOME ?? ''}\n` });
  });

  test.each<[readonly string[], number]>([
    [['sh', '-c', 'exit 42'], 42],
    [['/no-such-command'], 127],
    [['/etc/passwd'], 126],
    [['sh', '-c', 'kill -TERM $$'], 143],
  ])('ends as its command does: %j', (command, status) => {
    expect(mountyard(['exec', pinned, '--', ...command]).status).toBe(status);
  });

  test('reads what is typed', () => {
    expect(mountyard(['exec', pinned, '--', 'cat'], 'typed')).toEqual({ status: 0, out: 'typed', err: '' });
  });

  test('hands a signal on', async () => {
    const script = 'trap "echo got; exit 9" TERM; echo ready; while :; do sleep 0.05; done';
    const child = spawn(process.execPath, [MAIN, 'exec', pinned, '--', 'sh', '-c', script]);
    let out = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
      if (String(chunk).includes('ready')) child.kill('SIGTERM');
    });
    expect(await once(child, 'close')).toEqual([9, null]);
    expect(out).toBe('ready\ngot\n');
  });

  test.each<[readonly string[], RegExp]>([
    [['exec', '/etc/passwd', '--', 'true'], /is not the file of a mount namespace/],
    [['exec', '2147483647', '--', 'true'], /ENOENT/],
    [['exec', '0', '--', 'true'], /process id/],
    [['exec', '1', '--'], /COMMAND/],
  ])('is 125 when it cannot enter, or has nothing to run: %j', (words, why) => {
    const { status, out, err } = mountyard(words);
    expect({ status, out }).toEqual({ status: 125, out: '' });
    expect(err).toMatch(why);
    expect(err).not.toMatch(/^ {4}at /m);
  });

  test('without COMMAND it is bad usage', () => {
    expect(mountyard(['exec', pinned])).toMatchObject({ status: 2, out: '' });
  });
});
