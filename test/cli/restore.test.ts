import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { LXC, MAIN, mountyard, SMALL, scratch, scratchFile } from './mountyard.ts';

const small = scratchFile('small.mountinfo', SMALL);
/** The machine's own files with a fresh /proc: a tree that commands can run in. */
const live = scratchFile(
  'live.mountinfo',
  '1 0 0:1 / / rw,relatime - ext4 /dev/vda rw\n2 1 0:2 / /proc rw,relatime - proc proc rw\n',
);
const LIVE = ['restore', live, '--root', '/'];

function mounts(): string {
  return readFileSync('/proc/self/mountinfo', 'utf8');
}

/** Starts the command; `line` is its first line of output. */
function start(args: readonly string[]): {
  child: ChildProcess;
  line: Promise<string>;
  status: Promise<number | null>;
} {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const line = new Promise<string>((resolve) => {
    if (child.stdout) createInterface(child.stdout).once('line', resolve);
  });
  return { child, line, status: new Promise((resolve) => child.once('exit', resolve)) };
}

describe('a rehearsal', () => {
  test('builds, compares, reports, and leaves nothing', () => {
    const before = mounts();
    const { status, out, err } = mountyard(['restore', small]);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/^Restored 2 mounts with \d+ calls in [\d.]+ ms\nRead back: the same tree\.\n$/);
    expect(mounts()).toBe(before);
  });

  test('reads the snapshot from standard input', () => {
    expect(mountyard(['restore', '-'], SMALL).status).toBe(0);
  });

  test('prints JSON for machines', () => {
    const { status, out } = mountyard(['restore', small, '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ mounts: 2, differences: [], report: { hostEffects: [] } });
  });

  test('--no-verify says that nothing was compared', () => {
    expect(mountyard(['restore', small, '--no-verify']).out).toMatch(
      /\nNot compared with what was asked for\.\n/,
    );
  });

  test('of what this host lacks exits with 3', () => {
    expect(mountyard(['restore', LXC])).toMatchObject({ status: 3, out: '' });
    expect(mountyard(['restore', live, '--root', '/no/such/folder'])).toMatchObject({ status: 3, out: '' });
  });

  test('--auto proposes and does nothing', () => {
    const { status, out } = mountyard(['restore', '-', '--auto'], mountyard(['show', '--json']).out);
    expect(status).toBe(3);
    expect(out).toMatch(/^--/);
  });
});

describe('COMMAND', () => {
  test('runs in the tree, and its output is its own', () => {
    const { status, out, err } = mountyard([...LIVE, '--', 'cat', '/proc/self/mountinfo']);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ')[4]),
    ).toEqual(['/', '/proc']);
  });

  test.each<[string, string[], number]>([
    ['its status', ['sh', '-c', 'exit 7'], 7],
    ['128 and the signal that ended it', ['sh', '-c', 'kill -TERM $$'], 128 + 15],
    ['127 when it was not found', ['no-such-command'], 127],
    ['126 when it cannot be run', ['/etc/passwd'], 126],
    ['its status, whatever its arguments look like', ['sh', '-c', 'exit $#', '--', '--hold', '-x', '--'], 3],
  ])('gives %s', (_, guest, expected) => {
    expect(mountyard([...LIVE, '--', ...guest]).status).toBe(expected);
  });

  test('does not run when the host lacks something: 125', () => {
    expect(mountyard(['restore', LXC, '--', 'true'])).toMatchObject({ status: 125, out: '' });
  });

  test('reads standard input', () => {
    expect(mountyard([...LIVE, '--', 'cat'], 'through').out).toBe('through');
  });

  test.each(['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGUSR1'] as const)('is handed %s', async (signal) => {
    const script = `trap 'exit 9' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`;
    const { child, line, status } = start([...LIVE, '--', 'sh', '-c', script]);
    expect(await line).toBe('ready');
    child.kill(signal);
    expect(await status).toBe(9);
  });
});

describe('--hold', () => {
  test('prints one line, keeps the namespace, and lets it go when standard input closes', async () => {
    const { child, line, status } = start(['restore', small, '--hold']);
    const held = JSON.parse(await line);
    expect(held).toEqual({
      pid: child.pid,
      namespace: expect.stringMatching(new RegExp(`^/proc/${child.pid}/fd/\\d+$`)),
      mounts: 2,
      differences: [],
    });
    expect(mountyard(['verify', small, '--ns', held.namespace])).toEqual({
      status: 0,
      out: 'no differences\n',
      err: '',
    });
    const { status: differs, out } = mountyard(['verify', small, '--skip', '/data', '--ns', held.namespace]);
    expect({ differs, out }).toEqual({ differs: 1, out: expect.stringMatching(/^\+ {2}\/data /) });
    child.stdin?.end();
    expect(await status).toBe(0);
  });

  test('lets it go when a signal comes', async () => {
    const { child, line, status } = start(['restore', small, '--hold']);
    await line;
    child.kill('SIGTERM');
    expect(await status).toBe(0);
  });
});

describe('where the tree goes', () => {
  test('--pin keeps the namespace by a file', () => {
    const file = scratch('pinned');
    expect(mountyard(['restore', small, '--pin', file])).toMatchObject({ status: 0, err: '' });
    expect(mountyard(['show', '--ns', file]).out).toMatch(/\/data/);
    expect(spawnSync('umount', [file]).status).toBe(0);
  });

  test('--at attaches it here, and it stays', () => {
    const before = mounts();
    const folder = scratch('at');
    mkdirSync(folder);
    const { status, out, err } = mountyard(['restore', small, '--at', folder]);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/\nRead back: the same tree\.\n\nChanges on the host\n {2}attach /);
    expect(mounts()).toContain(` ${folder}/data ro,nosuid,relatime `);
    expect(spawnSync('umount', ['-R', folder]).status).toBe(0);
    expect(mounts()).toBe(before);
  });
});

describe('verify', () => {
  test('compares the own namespace with what was captured', () => {
    const { out: json } = mountyard(['capture']);
    expect(mountyard(['verify', '-'], json)).toMatchObject({ status: 0, out: 'no differences\n' });
    const { status, out } = mountyard(['verify', '-', '--json'], SMALL);
    expect(status).toBe(1);
    expect(JSON.parse(out).length).toBeGreaterThan(0);
  });
});
