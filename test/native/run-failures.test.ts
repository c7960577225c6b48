import { existsSync, fstatSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { mkdir, open, tmpfs } from './program-builder.ts';
import { nested, runSync, useScratchDirectory } from './run-support.ts';

const { EBADF, EEXIST, EINVAL, ENOENT, ENOTDIR, ESTALE } = constants.errno;
const AT_REMOVEDIR = 0x200;

const scratch = useScratchDirectory();

describe('a program that fails', () => {
  test('names the op and its errno, and closes everything', () => {
    const result = runSync({ ...nested, main: [...nested.main, mkdir(0, 'a')] });
    expect(result).toMatchObject({ status: 'failed', op: nested.main.length, errno: EEXIST, exports: [] });
  });

  test('takes back last first what succeeded, and only that', () => {
    const { status, undo } = runSync(
      {
        main: [mkdir(0, 'a'), mkdir(0, 'a/b'), mkdir(0, 'none/c')],
        undo: [
          { call: 'unlinkat', a: 0, s1: 'a', n: AT_REMOVEDIR, guard: 0 },
          { call: 'unlinkat', a: 0, s1: 'a/b', n: AT_REMOVEDIR, guard: 1 },
          { call: 'unlinkat', a: 0, s1: 'none/c', n: AT_REMOVEDIR, guard: 2 },
        ],
        imports: 1,
      },
      [scratch.top],
    );
    expect({ status, undo, left: readdirSync(scratch.path) }).toEqual({
      status: 'failed',
      undo: [],
      left: [],
    });
  });

  test('does not take back what was there already', () => {
    const undo = [{ call: 'unlinkat', a: 0, s1: 'a', n: AT_REMOVEDIR, guard: 0 }] as const;
    runSync({ main: [mkdir(0, 'a')], imports: 1 }, [scratch.top]);
    const main = [mkdir(0, 'a', { tolerate: EEXIST }), mkdir(0, 'none/c')];
    expect(runSync({ main, undo, imports: 1 }, [scratch.top])).toMatchObject({
      status: 'failed',
      op: 1,
      errno: ENOENT,
    });
    expect(existsSync(path.join(scratch.path, 'a'))).toBe(true);
  });

  test('keeps sixteen undo failures and counts all', () => {
    const undo = Array.from(
      { length: 20 },
      () => ({ call: 'unlinkat', a: 0, s1: 'none', guard: 0 }) as const,
    );
    const result = runSync({ main: [mkdir(0, 'a'), mkdir(0, 'none/c')], undo, imports: 1 }, [scratch.top]);
    expect(result).toMatchObject({ op: 1, undoFailures: 20 });
    expect(result.undo).toEqual(
      Array.from({ length: 16 }, (_, index) => ({ op: 19 - index, errno: ENOENT })),
    );
  });

  test('hands back the messages of the filesystem context', () => {
    const [fsopen] = tmpfs(1, 2);
    const main = [
      fsopen as (typeof nested.main)[0],
      { call: 'fsconfig', a: 1, n: 1, s1: 'sise', s2: '1' } as const,
    ];
    expect(runSync({ main })).toMatchObject({
      op: 1,
      errno: EINVAL,
      log: [expect.stringMatching(/^e .*Unknown parameter 'sise'/)],
    });
  });

  test('reads an empty slot as no fd, never as the working directory', () => {
    expect(runSync({ main: [mkdir(3, 'a')] })).toMatchObject({ op: 0, errno: EBADF });
  });
});

describe('a tolerated errno', () => {
  test('counts as success and leaves the slot empty', () => {
    const main = [open(0, 'none', 1, { tolerate: ENOENT })];
    expect(runSync({ main, imports: 1, exports: 1 }, [scratch.top])).toMatchObject({
      status: 'done',
      exports: [-1],
    });
  });

  test('is that errno alone', () => {
    expect(
      runSync({ main: [open(0, 'none', 1, { tolerate: ENOTDIR })], imports: 1 }, [scratch.top]),
    ).toMatchObject({
      status: 'failed',
      errno: ENOENT,
    });
  });
});

describe('check', () => {
  const check = (stat: { mode: number; dev: bigint; ino: bigint }) =>
    ({ call: 'check', a: 0, f1: BigInt(stat.mode & 0o170000), f2: stat.dev, f3: stat.ino }) as const;
  const seen = () => {
    const { mode, dev, ino } = fstatSync(scratch.top, { bigint: true });
    return { mode: Number(mode), dev, ino };
  };

  test('passes for the file that was seen', () => {
    expect(runSync({ main: [check(seen())], imports: 1 }, [scratch.top]).status).toBe('done');
  });

  test.each([
    ['type', { mode: 0o100000 }],
    ['device', { dev: 1n }],
    ['inode', { ino: 1n }],
  ])('gives ESTALE for another %s', (_, other) => {
    expect(runSync({ main: [check({ ...seen(), ...other })], imports: 1 }, [scratch.top])).toMatchObject({
      op: 0,
      errno: ESTALE,
    });
  });
});
