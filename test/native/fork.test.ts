import { execFileSync } from 'node:child_process';
import { closeSync, fstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { native, type RunPlace, type RunResult } from '../../lib/system/calls/native.ts';
import { runAsync } from '../support/async-run.ts';
import { openFds } from './fds.ts';
import { hasEveryId, otherId } from './ids.ts';
import { build, mkdir, open, place, slow, type TestProgram, tmpfs } from './program-builder.ts';
import { runSpawned, runSpawnedTwice } from './spawn.ts';

const { EINVAL, ENOENT, EPERM } = constants.errno;
const enter = fileURLToPath(new URL('../../build/Release/mountyard-enter', import.meta.url));
const CLONE_NEWNS = 0x20000;
const CLONE_NEWUSER = 0x10000000;
const CLONE_NEWPID = 0x20000000;

function userPlace(more: Partial<Extract<RunPlace, { kind: 'fork' }>> = {}): RunPlace {
  return {
    kind: 'fork',
    unshare: CLONE_NEWUSER | CLONE_NEWNS,
    uidMap: Buffer.from(`0 ${otherId} 1`),
    setgroups: Buffer.from('deny'),
    gidMap: Buffer.from(`0 ${otherId} 1`),
    ...more,
  };
}

function runSync(program: TestProgram, where: RunPlace, imports: readonly number[] = []): RunResult {
  return native.runSync({ program: build(program), imports: Int32Array.from(imports), place: where });
}

/** Makes a tmpfs with a second one at /a the root of the child's namespace; exports namespace and root. */
const restore: TestProgram = {
  main: [
    ...tmpfs(3, 2),
    mkdir(2, 'a'),
    ...tmpfs(3, 4),
    mkdir(4, 'inner'),
    place(4, 2, 'a'),
    { call: 'mount', s2: '/', f1: 0x44000n },
    { call: 'move_mount', a: 2, s1: '', s2: '/', n: 0x4 },
    { call: 'fchdir', a: 2 },
    { call: 'pivot_root', s1: '.', s2: '.' },
    { call: 'umount2', s1: '.', f1: 2n },
    open(undefined, '/', 1),
  ],
  exports: 2,
};
// The namespace's own file is opened first, while /proc is in reach.
const restoreAndExport: TestProgram = {
  ...restore,
  main: [{ call: 'openat2', s1: '/proc/self/ns/mnt', f1: 0o2000000n, out: 0 }, ...restore.main],
};

let fdsBefore: Map<number, string>;

beforeEach(() => {
  fdsBefore = openFds();
});

afterEach(() => {
  expect(openFds()).toEqual(fdsBefore);
  expect(readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')).toBe('');
});

describe('a forked child in a new user namespace', () => {
  test('restores a tree and hands its namespace back', () => {
    const { status, exports } = runSync(restoreAndExport, userPlace());
    expect(status).toBe('done');
    const [namespace, root] = exports as [number, number];
    expect(readlinkSync(`/proc/self/fd/${namespace}`)).toMatch(/^mnt:\[/);
    expect(fstatSync(namespace).ino).not.toBe(statSync('/proc/self/ns/mnt').ino);
    expect(readdirSync(`/proc/self/fd/${root}/a`)).toEqual(['inner']);
    expect(statSync(`/proc/self/fd/${root}/a/inner`)).toMatchObject({ uid: otherId, gid: otherId });
    closeAll(exports);
  });

  test('does so asynchronously, many at once', async () => {
    const request = { program: build(restoreAndExport), imports: new Int32Array(0), place: userPlace() };
    const results = await Promise.all(Array.from({ length: 8 }, () => runAsync(request)));
    for (const { status, exports } of results) {
      expect(status).toBe('done');
      closeAll(exports);
    }
  });

  test('says which op failed, with the kernel log', () => {
    const main = [
      { call: 'fsopen', s1: 'tmpfs', n: 1, out: 0 } as const,
      { call: 'fsconfig', a: 0, n: 1, s1: 'x', s2: 'y' } as const,
    ];
    expect(runSync({ main }, userPlace())).toMatchObject({
      status: 'failed',
      op: 1,
      errno: EINVAL,
      log: [expect.stringContaining("Unknown parameter 'x'")],
      exports: [],
    });
  });

  test('keeps the fds it imports and no others', () => {
    const imported = statSync('/');
    const fd = fdOf('/');
    const other = fdOf('/proc');
    const check = {
      call: 'check',
      f1: 0o40000n,
      f2: BigInt(imported.dev),
      f3: BigInt(imported.ino),
    } as const;
    const result = runSync(
      { main: [{ ...check, a: 0 }, open(undefined, `/proc/self/fd/${other}`, 1)], imports: 1 },
      userPlace(),
      [fd],
    );
    closeSync(fd);
    closeSync(other);
    expect(result).toMatchObject({ op: 1, errno: ENOENT });
  });

  test('hands back more fds than one message carries', () => {
    const exports = 150;
    const main = Array.from({ length: exports }, (_, slot) =>
      open(undefined, slot % 2 ? '/' : '/proc', slot),
    );
    const result = runSync({ main, slots: exports, exports }, userPlace());
    expect(result.exports.map((fd) => readlinkSync(`/proc/self/fd/${fd}`))).toEqual(
      main.map((_, slot) => (slot % 2 ? '/' : '/proc')),
    );
    closeAll(result.exports);
  });

  test('is pid 1 of a new pid namespace and may mount its proc', () => {
    const main: TestProgram['main'] = [
      { call: 'fsopen', s1: 'proc', n: 1, out: 1 },
      { call: 'fsconfig', a: 1, n: 6 },
      { call: 'fsmount', a: 1, n: 1, out: 2 },
      open(2, '1/ns/user', 0, { f1: 0o12000000n }),
    ];
    const where = userPlace({ unshare: CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID });
    const { status, exports } = runSync({ main, exports: 1 }, where);
    expect(status).toBe('done');
    closeSync(exports[0] as number);
  });

  test('sees control words and is cancelled by them', async () => {
    const control = new Int32Array(new SharedArrayBuffer(8));
    const running = runAsync({
      program: build(slow(200_000)),
      imports: new Int32Array(0),
      place: userPlace(),
      control,
    });
    while (Atomics.load(control, 1) < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    Atomics.store(control, 0, 1);
    const result = await running;
    expect(result.status).toBe('cancelled');
    expect(Atomics.load(control, 1)).toBe(result.op);
  });
});

describe('a place that cannot be had names its stage', () => {
  test.each<[string, Partial<Extract<RunPlace, { kind: 'fork' }>>, number]>([
    ['unshare', { unshare: 1 }, EINVAL],
    ['uid_map', { uidMap: Buffer.from('nonsense') }, EINVAL],
    ['setgroups', { setgroups: Buffer.from('perhaps') }, EINVAL],
    ['gid_map', { gidMap: Buffer.from('0') }, EINVAL],
  ])('%s', (stage, more, errno) => {
    expect(runSync(restore, userPlace(more))).toMatchObject({ status: 'failed', op: -1, stage, errno });
  });
});

describe('an unprivileged user', () => {
  const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];

  test.skipIf(!hasEveryId)('restores the tree in a child (skipped without all ids: it changes user)', () => {
    const [asynchronous, synchronous] = runSpawnedTwice(nobody, build(restoreAndExport), userPlace());
    expect(asynchronous).toMatchObject({ status: 'done', undoFailures: 0 });
    expect(synchronous).toMatchObject({ status: 'done', undoFailures: 0 });
    expect(synchronous.exports).toHaveLength(2);
  });

  test.skipIf(!hasEveryId)('may not map another id (skipped without all ids: it changes user)', () => {
    const where = userPlace({ uidMap: Buffer.from('0 1000 1') });
    expect(runSpawned(nobody, build(restore), where)).toMatchObject({
      op: -1,
      stage: 'uid_map',
      errno: EPERM,
    });
  });
});

describe('userNamespace', () => {
  test.skipIf(!hasEveryId)('holds the maps it was given (skipped without all ids: it maps many)', () => {
    const fd = native.userNamespace(Buffer.from('0 100000 1000'), Buffer.from('5 200000 7')) as number;
    const maps = execFileSync(
      enter,
      ['--user', '3', '--', 'cat', '/proc/self/uid_map', '/proc/self/gid_map'],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit', fd],
      },
    );
    expect(maps.trim().split(/\s+/)).toEqual(['0', '100000', '1000', '5', '200000', '7']);
    closeSync(fd);
  });

  test('says what the kernel refused', () => {
    expect(native.userNamespace(Buffer.from('0 0'), Buffer.from('0 0 1'))).toEqual({
      stage: 'uid_map',
      errno: EINVAL,
    });
  });
});

function fdOf(target: string): number {
  return native.sys.openat2(-100, Buffer.from(target), 0o12000000n, 0n, 0n);
}

function closeAll(fds: readonly number[]): void {
  for (const fd of fds) closeSync(fd);
}
