import { closeSync, fstatSync, lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { native, type RunResult } from '../../lib/system/calls/native.ts';
import { runAsync } from '../support/async-run.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { openFds } from './fds.ts';
import { mkdir, open, type TestProgram } from './program-builder.ts';
import { nested, request, runSync, useScratchDirectory } from './run-support.ts';

const { ECANCELED, ENOENT } = constants.errno;
const AT_REMOVEDIR = 0x200;

const scratch = useScratchDirectory();

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
    expect(openFds().size).toBe(scratch.fdsBefore.size + 1);
    expect(readdirSync(`/proc/self/fd/${root}`)).toEqual(['a']);
    const device = (below: string) => statSync(`/proc/self/fd/${root}/${below}`).dev;
    expect(device('a')).not.toBe(fstatSync(root).dev);
    expect(device('a/b')).toBe(device('a'));
    closeSync(root);
  });

  test('does the same without blocking the event loop', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => runAsync(request(nested))));
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
    expect(runSync({ main: [mkdir(0, 'wide', { f1: 0o777n })], imports: 1 }, [scratch.top]).status).toBe(
      'done',
    );
    expect(statSync(path.join(scratch.path, 'wide')).mode & 0o777).toBe(0o777);
  });

  test('covers the calls that make, link, rename and remove files', () => {
    const main: TestProgram['main'] = [
      { call: 'mknodat', a: 0, s1: 'file', f1: 0o100600n },
      { call: 'symlinkat', s1: 'file', a: 0, s2: 'link' },
      { call: 'renameat2', a: 0, s1: 'file', b: 0, s2: 'renamed', n: 1 },
      { call: 'linkat', a: 0, s1: 'link', b: 0, s2: 'kept', n: 0 },
      { call: 'unlinkat', a: 0, s1: 'link' },
    ];
    expect(runSync({ main, imports: 1 }, [scratch.top]).status).toBe('done');
    expect(readdirSync(scratch.path)).toEqual(['kept', 'renamed']);
    expect(readlinkSync(path.join(scratch.path, 'kept'))).toBe('file');
  });
});

test.skipIf(!isMachineRoot)('modes and owners are set, of a symlink itself too', () => {
  const main: TestProgram['main'] = [
    mkdir(0, 'd'),
    { call: 'symlinkat', s1: 'd', a: 0, s2: 'link' },
    { call: 'fchownat', a: 0, s1: 'link', f1: 1000n, f2: 2000n, n: 0x100 },
    { call: 'fchmodat', a: 0, s1: 'd', f1: 0o2711n },
  ];
  expect(runSync({ main, imports: 1 }, [scratch.top]).status).toBe('done');
  expect(statSync(path.join(scratch.path, 'd'))).toMatchObject({ mode: 0o42711, uid: 0, gid: 0 });
  expect(lstatSync(path.join(scratch.path, 'link'))).toMatchObject({ uid: 1000, gid: 2000 });
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
    const result = native.runSync({
      ...request({ main: [mkdir(0, 'a')], imports: 1 }, [scratch.top]),
      control,
    });
    expect(result).toMatchObject({ status: 'cancelled', op: 0, errno: ECANCELED });
    expect(readdirSync(scratch.path)).toEqual([]);
  });

  test('cancel between ops, and what was done is taken back', async () => {
    const control = new Int32Array(new SharedArrayBuffer(8));
    const many = 200_000;
    const program: TestProgram = {
      main: [mkdir(0, 'a'), ...Array.from({ length: many }, () => open(undefined, '/proc/self/ns', 1))],
      undo: [{ call: 'unlinkat', a: 0, s1: 'a', n: AT_REMOVEDIR, guard: 0 }],
      imports: 1,
    };
    const running = runAsync({ ...request(program, [scratch.top]), control });
    while (Atomics.load(control, 1) < 2) await new Promise(setImmediate);
    Atomics.store(control, 0, 1);
    const result = await running;
    expect(result.status).toBe('cancelled');
    expect(result.op).toBeGreaterThan(1);
    expect(result.op).toBeLessThan(many);
    expect(readdirSync(scratch.path)).toEqual([]);
  });
});

test('the classic calls mount on a directory by fd, and undo takes the mount away', () => {
  const main: TestProgram['main'] = [
    { call: 'fchdir', a: 0 },
    { call: 'mount', s1: 'none', s2: '.', s3: 'tmpfs', n: 'size=4k' },
    open(undefined, scratch.path, 1),
    { call: 'fchdir', a: 1 },
    { call: 'mount', s2: '.', f1: 0x100000n },
    mkdir(1, 'none/a'),
  ];
  const undo = [{ call: 'umount2', s1: '.', f1: 2n, guard: 1 }] as const;
  expect(runSync({ main, undo, imports: 1 }, [scratch.top])).toMatchObject({
    op: 5,
    errno: ENOENT,
    undoFailures: 0,
  });
  expect(statSync(scratch.path).ino).toBe(fstatSync(scratch.top).ino);
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
