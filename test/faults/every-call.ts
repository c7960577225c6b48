/** Runs an operation again and again while another of its calls fails each time. */
import { expect } from 'vitest';
import { MountError, MountyardError, UndoError } from '../../lib/errors.ts';
import { UnmetRequirementsError } from '../../lib/plan/options/requirements.ts';
import type { RestoredTree } from '../../lib/system/restore/restored.ts';
import { allocationCount, arm, disarm, ERRNOS, type Errno, errnoOf, type Fault } from './hook.ts';
import { expectUnchanged, type State, stateOf } from './state.ts';

/** Something that is done on a host and undone at once. */
export interface Operation {
  readonly path: string;
  /** Leaves alone the calls up to the last one of this name. */
  readonly after?: string;
  /** Checks what it did and lets go of it. */
  run(): void | Promise<void>;
}

/** `npm run soak -- --faults` tries every call with every errno; else so many cases of each operation. */
export const FULL = process.env.MOUNTYARD_FAULTS === 'full';
const SAMPLE = 25;
const SHOWN = 20;

export interface Tally {
  calls: number;
  cases: number;
  /** It was done in spite of the failure. */
  done: number;
  refused: number;
}

/** @returns how many cases there were, and how they ended. */
export async function failEveryCall(operation: Operation): Promise<Tally> {
  await operation.run(); // what Node opens and starts once
  const before = stateOf(operation.path);
  arm();
  await operation.run();
  const calls = disarm();
  const tally: Tally = { calls: calls.length, cases: 0, done: 0, refused: 0 };
  const untrue: string[] = [];
  const first = operation.after === undefined ? 1 : calls.lastIndexOf(operation.after) + 2;
  for (const { at, errno } of casesOf(first, calls.length)) {
    const { error, call } = await withFault(operation, at, errno);
    const what = `call ${at} of ${calls.length}, ${call} = ${errno}`;
    await expectLeft(before, operation, what, error);
    if (error !== undefined)
      untrue.push(...untruthsOf(error, call, errno).map((untruth) => `${what}: ${untruth}`));
    tally.cases += 1;
    tally[error === undefined ? 'done' : 'refused'] += 1;
  }
  expect(untrue.slice(0, SHOWN)).toEqual([]);
  return tally;
}

async function expectLeft(before: State, { path }: Operation, what: string, error: unknown): Promise<void> {
  try {
    await expectUnchanged(before, path);
  } catch (failure) {
    throw new Error(`${what}: ${failure}\nafter: ${(error as Error | undefined)?.stack}`, { cause: failure });
  }
}

/** The same, where each time another allocation of the addon gets no memory. @returns how many were refused. */
export async function refuseEveryAllocation(operation: Operation): Promise<number> {
  await operation.run();
  const before = stateOf(operation.path);
  arm();
  await operation.run();
  const count = allocationCount();
  disarm();
  const untrue: string[] = [];
  let refused = 0;
  const step = FULL ? 1 : Math.max(1, count / SAMPLE);
  for (let at = 1; at <= count; at += step) {
    const allocation = Math.floor(at);
    const what = `allocation ${allocation} of ${count}`;
    const error = await outcomeWith({ allocation }, operation);
    disarm();
    await expectLeft(before, operation, what, error);
    refused += error === undefined ? 0 : 1;
    const told = isOfMemory(error instanceof UndoError && leftOf(error).length === 0 ? error.cause : error);
    if (error !== undefined && !told && !(error instanceof UnmetRequirementsError))
      untrue.push(`${what}: ${(error as Error).stack}`);
  }
  expect(untrue.slice(0, SHOWN)).toEqual([]);
  return refused;
}

function* casesOf(first: number, last: number): Generator<{ readonly at: number; readonly errno: Errno }> {
  const step = FULL ? 1 : Math.max(1, (last - first) / SAMPLE);
  for (let at = first; at <= last; at += step) {
    const whole = Math.floor(at);
    const errnos = FULL ? ERRNOS : [ERRNOS[whole % ERRNOS.length] as Errno];
    for (const errno of errnos) yield { at: whole, errno };
  }
}

async function withFault(operation: Operation, at: number, errno: Errno) {
  const error = await outcomeWith({ at, action: errnoOf(errno) }, operation);
  const call = disarm()[at - 1] ?? 'none';
  return { error, call };
}

/** What was thrown, if anything was. */
async function outcomeWith(fault: Fault, { run }: Operation): Promise<unknown> {
  arm(fault);
  try {
    await run();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** A release that fails can be tried again. */
export function release(restored: RestoredTree): void {
  try {
    restored.release();
  } catch (error) {
    restored.release();
    throw error;
  }
}

function isOfMemory(error: unknown): boolean {
  return error instanceof MountError && error.code === 'ENOMEM' && error.hint?.includes('Memory') === true;
}

/** A root that was replaced is gone for good. */
function leftOf({ left }: UndoError): string[] {
  return left.filter((line) => !line.startsWith('the tree is the root of the namespace'));
}

/** Names of calls in errors that are not the kernel's. */
const SHOWN_AS: { readonly [call: string]: readonly string[] } = {
  statx: ['fstat', 'statx'],
  close_range: ['mountyard-enter'],
};

/** Stages of setting up a place to run in, which are named for what could not be had. */
const STAGES = [
  'unshare',
  'socketpair',
  'fork',
  'procfs',
  'uid_map',
  'setgroups',
  'gid_map',
  'namespace',
  'child',
  'receive',
];

/** What the error lacks: it is to be one of mountyard's own, and to say which call was refused, how, and what to do. */
function untruthsOf(error: unknown, call: string, errno: Errno): string[] {
  if (!(error instanceof MountyardError)) return [`${(error as Error).stack}`];
  if (error instanceof UndoError) {
    return [
      ...untruthsOf(error.cause, call, errno),
      ...leftOf(error).map((line) => `undone in part: ${line}`),
    ];
  }
  if (error instanceof UnmetRequirementsError) return [];
  if (!(error instanceof MountError)) return [`${error.name}: ${error.message}`];
  const { code, syscall, message, hint, step } = error;
  const untruths: string[] = [];
  if (!STAGES.includes(syscall) && (code !== errno || !(SHOWN_AS[call] ?? [call]).includes(syscall)))
    untruths.push(`another call: ${message}`);
  if (!message.includes(`= ${code}`)) untruths.push(`no errno: ${message}`);
  if (!hint) untruths.push(`no hint: ${message}`);
  if (step !== undefined && !/^(mount \d+ \(|the restore)/.test(message))
    untruths.push(`no mount: ${message}`);
  return untruths;
}
