import {
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { native, type RunResult } from '../../lib/system/native.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { openFds } from './fds.ts';
import { build, clone, mkdir, open, place, type TestProgram, tmpfs } from './program-builder.ts';

const { EBADF, ECANCELED, EEXIST, EINVAL, ENOENT, ENOTDIR, ESTALE } = constants.errno;
const O_DIRECTORY = 0o200000;
const O_PATH = 0o10000000;
const AT_REMOVEDIR = 0x200;

let directory: string;
let top: number;
let fdsBefore: Map<number, string>;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'mountyard-'));
  top = openSync(directory, O_PATH | O_DIRECTORY);
  fdsBefore = openFds();
});

afterEach(() => {
  const fdsAfter = openFds();
  closeSync(top);
  rmSync(directory, { recursive: true });
  expect(fdsAfter).toEqual(fdsBefore);
});

function request(program: TestProgram, imports: readonly number[] = []) {
  return { program: build(program), imports: Int32Array.from(imports), place: { kind: 'thread' } } as const;
}

function runSync(program: TestProgram, imports: readonly number[] = []): RunResult {
  return native.runSync(request(program, imports));
}

/** A tree of two tmpfs and a clone, in export slot 0: /a is a second tmpfs, /a/b a clone of it. */
const nested: TestProgram = {
  main: [
    ...tmpfs(1, 0),
    mkdir(0, 'a'),
    ...tmpfs(1, 2),
    mkdir(2, 'b'),
    clone(2, 3),
    place(2, 0, 'a'),
    open(2, 'b', 4),
    { call: 'move_mount', a: 3, s1: '', b: 4, s2: '', n: 0x44 },
  ],
  slots: 6,
  exports: 1,
};

describe('a program that succeeds', () => {
  test('hands back its exports and nothing else', () => {
    const { exports, ...rest } = runSync(nested);
    const [root] = exports as [number];
    expect(rest).toEqual({
      status: 'done',
      op: -1,
      errno: 0,
      stage: '',
      defect: '',
      log: [],
      undo: [],
      undoFailures: 0,
      undoable: [],
    });
    expect(openFds().size).toBe(fdsBefore.size + 1);
    expect(readdirSync(`/proc/self/fd/${root}`)).toEqual(['a']);
    const device = (below: string) => statSync(`/proc/self/fd/${root}/${below}`).dev;
    expect(device('a')).not.toBe(fstatSync(root).dev);
    expect(device('a/b')).toBe(device('a'));
    closeSync(root);
  });

  test('does the same without blocking the event loop', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => native.run(request(nested))));
    for (const { status, exports } of results) {
      expect(status).toBe('done');
      closeSync(exports[0] as number);
    }
  });

  test('leaves -1 in an export slot that nothing filled', () => {
    expect(runSync({ main: [], exports: 2 }).exports).toEqual([-1, -1]);
  });

  test('closes the fd that an op replaces', () => {
    expect(runSync({ main: [open(undefined, '/', 0), open(0, 'proc', 0)] }).status).toBe('done');
  });

  test('changes neither umask, working directory nor mount namespace of this thread', () => {
    const before = [process.cwd(), process.umask(), statSync('/proc/self/ns/mnt').ino];
    const { status } = runSync({
      main: [{ call: 'unshare', f1: 0x20000n }, open(undefined, '/', 0), { call: 'fchdir', a: 0 }],
    });
    expect(status).toBe('done');
    expect([process.cwd(), process.umask(), statSync('/proc/self/ns/mnt').ino]).toEqual(before);
  });

  test('gives what it makes the mode that the op says', () => {
    expect(runSync({ main: [mkdir(0, 'wide', { f1: 0o777n })], imports: 1 }, [top]).status).toBe('done');
    expect(statSync(path.join(directory, 'wide')).mode & 0o777).toBe(0o777);
  });

  test('covers the calls that make, link, rename and remove files', () => {
    const main: TestProgram['main'] = [
      { call: 'mknodat', a: 0, s1: 'file', f1: 0o100600n },
      { call: 'symlinkat', s1: 'file', a: 0, s2: 'link' },
      { call: 'renameat2', a: 0, s1: 'file', b: 0, s2: 'renamed', n: 1 },
      { call: 'linkat', a: 0, s1: 'link', b: 0, s2: 'kept', n: 0 },
      { call: 'unlinkat', a: 0, s1: 'link' },
    ];
    expect(runSync({ main, imports: 1 }, [top]).status).toBe('done');
    expect(readdirSync(directory)).toEqual(['kept', 'renamed']);
    expect(readlinkSync(path.join(directory, 'kept'))).toBe('file');
  });
});

test.skipIf(!isMachineRoot)('modes and owners are set, of a symlink itself too', () => {
  const main: TestProgram['main'] = [
    mkdir(0, 'd'),
    { call: 'symlinkat', s1: 'd', a: 0, s2: 'link' },
    { call: 'fchownat', a: 0, s1: 'link', f1: 1000n, f2: 2000n, n: 0x100 },
    { call: 'fchmodat', a: 0, s1: 'd', f1: 0o2711n },
  ];
  expect(runSync({ main, imports: 1 }, [top]).status).toBe('done');
  expect(statSync(path.join(directory, 'd'))).toMatchObject({ mode: 0o42711, uid: 0, gid: 0 });
  expect(lstatSync(path.join(directory, 'link'))).toMatchObject({ uid: 1000, gid: 2000 });
});

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
      [top],
    );
    expect({ status, undo, left: readdirSync(directory) }).toEqual({ status: 'failed', undo: [], left: [] });
  });

  test('does not take back what was there already', () => {
    const undo = [{ call: 'unlinkat', a: 0, s1: 'a', n: AT_REMOVEDIR, guard: 0 }] as const;
    runSync({ main: [mkdir(0, 'a')], imports: 1 }, [top]);
    const main = [mkdir(0, 'a', { tolerate: EEXIST }), mkdir(0, 'none/c')];
    expect(runSync({ main, undo, imports: 1 }, [top])).toMatchObject({
      status: 'failed',
      op: 1,
      errno: ENOENT,
    });
    expect(existsSync(path.join(directory, 'a'))).toBe(true);
  });

  test('keeps sixteen undo failures and counts all', () => {
    const undo = Array.from(
      { length: 20 },
      () => ({ call: 'unlinkat', a: 0, s1: 'none', guard: 0 }) as const,
    );
    const result = runSync({ main: [mkdir(0, 'a'), mkdir(0, 'none/c')], undo, imports: 1 }, [top]);
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
    expect(runSync({ main, imports: 1, exports: 1 }, [top])).toMatchObject({ status: 'done', exports: [-1] });
  });

  test('is that errno alone', () => {
    expect(runSync({ main: [open(0, 'none', 1, { tolerate: ENOTDIR })], imports: 1 }, [top])).toMatchObject({
      status: 'failed',
      errno: ENOENT,
    });
  });
});

describe('check', () => {
  const check = (stat: { mode: number; dev: bigint; ino: bigint }) =>
    ({ call: 'check', a: 0, f1: BigInt(stat.mode & 0o170000), f2: stat.dev, f3: stat.ino }) as const;
  const seen = () => {
    const { mode, dev, ino } = fstatSync(top, { bigint: true });
    return { mode: Number(mode), dev, ino };
  };

  test('passes for the file that was seen', () => {
    expect(runSync({ main: [check(seen())], imports: 1 }, [top]).status).toBe('done');
  });

  test.each([
    ['type', { mode: 0o100000 }],
    ['device', { dev: 1n }],
    ['inode', { ino: 1n }],
  ])('gives ESTALE for another %s', (_, other) => {
    expect(runSync({ main: [check({ ...seen(), ...other })], imports: 1 }, [top])).toMatchObject({
      op: 0,
      errno: ESTALE,
    });
  });
});

describe('control words', () => {
  test('count the ops done', () => {
    const control = new Int32Array(new SharedArrayBuffer(8));
    native.runSync({ ...request({ main: [open(undefined, '/', 0), open(0, 'none', 1)] }), control });
    expect([...control]).toEqual([0, 1]);
  });

  test('cancel before the first op', () => {
    const control = new Int32Array(new SharedArrayBuffer(8));
    control[0] = 1;
    const result = native.runSync({ ...request({ main: [mkdir(0, 'a')], imports: 1 }, [top]), control });
    expect(result).toMatchObject({ status: 'cancelled', op: 0, errno: ECANCELED });
    expect(readdirSync(directory)).toEqual([]);
  });

  test('cancel between ops, and what was done is taken back', async () => {
    const control = new Int32Array(new SharedArrayBuffer(8));
    const many = 200_000;
    const program: TestProgram = {
      main: [mkdir(0, 'a'), ...Array.from({ length: many }, () => open(undefined, '/proc/self/ns', 1))],
      undo: [{ call: 'unlinkat', a: 0, s1: 'a', n: AT_REMOVEDIR, guard: 0 }],
      imports: 1,
    };
    const running = native.run({ ...request(program, [top]), control });
    while (Atomics.load(control, 1) < 2) await new Promise(setImmediate);
    Atomics.store(control, 0, 1);
    const result = await running;
    expect(result.status).toBe('cancelled');
    expect(result.op).toBeGreaterThan(1);
    expect(result.op).toBeLessThan(many);
    expect(readdirSync(directory)).toEqual([]);
  });
});

test('the classic calls mount on a directory by fd, and undo takes the mount away', () => {
  const main: TestProgram['main'] = [
    { call: 'fchdir', a: 0 },
    { call: 'mount', s1: 'none', s2: '.', s3: 'tmpfs', n: 'size=4k' },
    open(undefined, directory, 1),
    { call: 'fchdir', a: 1 },
    { call: 'mount', s2: '.', f1: 0x100000n },
    mkdir(1, 'none/a'),
  ];
  const undo = [{ call: 'umount2', s1: '.', f1: 2n, guard: 1 }] as const;
  expect(runSync({ main, undo, imports: 1 }, [top])).toMatchObject({ op: 5, errno: ENOENT, undoFailures: 0 });
  expect(statSync(directory).ino).toBe(fstatSync(top).ino);
});

test('throws only for arguments of the wrong type', () => {
  const good = request({ main: [] });
  const run = native.runSync as (request: unknown) => RunResult;
  expect(() => run(undefined)).toThrow(TypeError);
  expect(() => run({ ...good, program: 'text' })).toThrow('program: expects a Uint8Array');
  expect(() => run({ ...good, imports: [0] })).toThrow('imports: expects an Int32Array');
  expect(() => run({ ...good, place: { kind: 'vm' } })).toThrow("place.kind: expects 'thread' or 'fork'");
  expect(() => run({ ...good, control: new Int32Array(1) })).toThrow('control: expects two words');
});
