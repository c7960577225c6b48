/** Files that cannot be read or written: what Node's own calls throw is an error of the library's, as all others are. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { isMachineRoot } from '../support/privilege.ts';
import { mountTable, ScratchMount } from '../support/scratch-mount.ts';
import { FULL } from './every-call.ts';
import { children } from './state.ts';

const SCRIPT = fileURLToPath(new URL('io-errors.mjs', import.meta.url));
const CALLS = 'read,pread64,readlink,openat';
/** Every so many of these calls one fails: more than any of the operations makes, so that what is undone is undone. */
const STEP = 37;
/** With which of the first ones it begins. */
const STARTS = FULL ? Array.from({ length: STEP }, (_, index) => index + 1) : [1, 14, 27];
const ROUNDS = 60;

interface Injection {
  readonly operation: string;
  readonly calls: string;
  /** As strace takes it. */
  readonly when: string;
  readonly rounds: number;
}

interface Outcome {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly hint?: string;
  readonly known?: boolean;
}

interface Answer {
  readonly trace: string;
  readonly outcomes: readonly Outcome[];
  readonly before: unknown;
  readonly after: unknown;
}

/** Whether the file is there in the end. */
async function appears(file: string): Promise<boolean> {
  for (let tries = 5_000; tries > 0 && !existsSync(file); tries -= 1) await delay(2);
  return existsSync(file);
}

/**
 * What came of an operation that was done again and again while some of the main thread's calls failed; nothing when
 * one of Node's own was among them, without which it aborts or waits for itself.
 */
async function failing({ operation, calls, when, rounds }: Injection): Promise<Answer | undefined> {
  using scratch = new ScratchMount();
  const answer = scratch.at('answer');
  const args = [SCRIPT, operation, String(rounds), scratch.path, answer];
  const env = { ...process.env, NODE_OPTIONS: '' };
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('latin1').on('data', (text: string) => {
    said += text;
  });
  const ended = once(child, 'close');
  if (!(await appears(scratch.at('ready')))) throw new Error(`${operation} never began`);
  const inject = `inject=${calls}:error=EIO:when=${when}`;
  const strace = spawn(
    'strace',
    ['-y', '-e', `trace=${calls}`, '-e', inject, '-o', scratch.at('trace'), '-p', String(child.pid)],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const detached = once(strace, 'close');
  await Promise.race([once(strace.stderr, 'data'), detached]); // "attached", or that it cannot be started
  writeFileSync(scratch.at('go'), '');
  const over = await Promise.race([ended.then(() => true), appears(scratch.at('done'))]);
  strace.kill('SIGINT');
  await detached;
  const trace = readFileSync(scratch.at('trace'), 'latin1');
  const isNodes = /(?:eventfd\]|pipe:\[\d+\])>.*INJECTED/.test(trace);
  if (isNodes || !over) child.kill('SIGKILL');
  else writeFileSync(scratch.at('detached'), '');
  const end = await ended;
  if (isNodes || /deps\/uv\/.*: Assertion /.test(said)) return undefined;
  process.stderr.write(said);
  expect(over, `${operation} came to its end`).toBe(true);
  expect(end).toEqual([0, null]);
  return { ...JSON.parse(readFileSync(answer, 'utf8')), trace } as Answer;
}

/** All as before, and each error the library's own; how many there were. */
function expectTold({ outcomes, before, after }: Answer, rounds: number): number {
  expect(outcomes).toHaveLength(rounds);
  const errors = outcomes.filter(({ message }) => message !== undefined);
  for (const error of errors) {
    expect(error).toMatchObject({ known: true, name: 'MountError', code: 'EIO', hint: expect.any(String) });
    expect(error.message).toMatch(/\w+\([^\n]*\) = EIO|^new namespaces: \w+ = EIO/);
  }
  expect(after).toEqual(before);
  return errors.length;
}

const KINDS = 'a namespace of each kind';

describe.skipIf(!isMachineRoot)(
  'EIO: it is done, or refused by an error that names the file and the call',
  () => {
    test.each(['capture', 'inspection', 'detached', 'yard', 'user namespace'])(
      'of a read or an open: %s',
      async (operation) => {
        const table = mountTable();
        let refused = 0;
        for (const start of STARTS) {
          const injection = { operation, calls: CALLS, when: `${start}+${STEP}`, rounds: ROUNDS };
          const answer = await failing(injection);
          if (answer) refused += expectTold(answer, ROUNDS);
        }
        expect(refused).toBeGreaterThan(0);
        expect(mountTable()).toBe(table);
        expect(children()).toEqual([]);
      },
      600_000,
    );

    // One call at a time: spawn(3) of libuv aborts when it cannot read its own pipe.
    test.each([
      ['a read or an open', CALLS],
      ['a write', 'write'],
    ])(
      `of %s: ${KINDS}`,
      async (_, calls) => {
        let refused = 0;
        for (let when = 1; ; when += 1) {
          const answer = await failing({ operation: KINDS, calls, when: String(when), rounds: 1 });
          if (answer) refused += expectTold(answer, 1);
          if (answer && !answer.trace.includes('INJECTED')) break; // there were no more
        }
        expect(refused).toBeGreaterThan(1);
        expect(children()).toEqual([]);
      },
      120_000,
    );
  },
);
