/** Programs run in this process, each on an empty directory of its own. */
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { native, type RunResult } from '../../lib/system/calls/native.ts';
import { openFds } from './fds.ts';
import { build, clone, mkdir, open, place, type TestProgram, tmpfs } from './program-builder.ts';

const O_DIRECTORY = 0o200000;
const O_PATH = 0o10000000;

interface ScratchDirectory {
  path: string;
  /** Its fd. */
  top: number;
  /** All that was open when it had been made. */
  fdsBefore: Map<number, string>;
}

/** Makes a directory before each test and removes it after; no test may leave a fd open. */
export function useScratchDirectory(): Readonly<ScratchDirectory> {
  const scratch: ScratchDirectory = { path: '', top: -1, fdsBefore: new Map() };
  beforeEach(() => {
    scratch.path = mkdtempSync(path.join(tmpdir(), 'mountyard-'));
    scratch.top = openSync(scratch.path, O_PATH | O_DIRECTORY);
    scratch.fdsBefore = openFds();
  });
  afterEach(() => {
    const fdsAfter = openFds();
    closeSync(scratch.top);
    rmSync(scratch.path, { recursive: true });
    expect(fdsAfter).toEqual(scratch.fdsBefore);
  });
  return scratch;
}

export function request(program: TestProgram, imports: readonly number[] = []) {
  return { program: build(program), imports: Int32Array.from(imports), place: { kind: 'thread' } } as const;
}

export function runSync(program: TestProgram, imports: readonly number[] = []): RunResult {
  return native.runSync(request(program, imports));
}

/** A tree of two tmpfs and a clone, in export slot 0: /a is a second tmpfs, /a/b a clone of it. */
export const nested: TestProgram = {
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
