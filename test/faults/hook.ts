/** The addon of the test build, in which any one syscall goes wrong: see native/sys/faults.h. */
import { constants } from 'node:os';
import { native } from '../../lib/system/calls/native.ts';
import { callNumbers } from './call-numbers.ts';

type FaultWord = (index: number, value?: number) => number;

const faultWord = (native as unknown as { readonly faultWord?: FaultWord }).faultWord;

const WORD = {
  armed: 0,
  count: 1,
  at: 2,
  action: 3,
  next: 4,
  nextAction: 5,
  resume: 6,
  victim: 7,
  allocations: 8,
  refused: 9,
} as const;
const TRACE = 10;
const TRACED = 16_000;

export const ACTION = { killSelf: 0x1000, wait: 0x1001, killVictim: 0x1002 } as const;

export const ERRNOS = ['EINVAL', 'EPERM', 'ENOMEM', 'ENOSPC', 'EBUSY', 'ENOSYS', 'EINTR'] as const;
export type Errno = (typeof ERRNOS)[number];
export const errnoOf = (name: Errno): number => constants.errno[name];

export interface Fault {
  /** The call at which something happens, counted from 1. */
  readonly at?: number;
  /** An errno that answers it, or one of {@link ACTION}. */
  readonly action?: number;
  /** The allocation of the addon, counted from 1, for which there is no memory. */
  readonly allocation?: number;
  /** So many calls later the second thing happens. */
  readonly next?: { readonly after: number; readonly action: number };
  /** The process that `killVictim` ends. */
  readonly victim?: number;
}

function write(index: number, value: number): void {
  if (!faultWord) throw new Error('the addon has no fault hook: npm test builds one that has');
  faultWord(index, value);
}

/** Counts calls from now on, and lets the fault happen. */
export function arm(fault?: Fault): void {
  write(WORD.armed, 0);
  write(WORD.count, 0);
  write(WORD.at, fault?.at ?? 0);
  write(WORD.action, fault?.action ?? 0);
  write(WORD.next, fault?.next?.after ?? 0);
  write(WORD.nextAction, fault?.next?.action ?? 0);
  write(WORD.resume, 0);
  write(WORD.victim, fault?.victim ?? 0);
  write(WORD.allocations, 0);
  write(WORD.refused, fault?.allocation ?? 0);
  write(WORD.armed, 1);
}

/** Lets a call that waits go on. */
export function resume(): void {
  write(WORD.resume, 1);
}

/** How many calls were made since it was armed. */
export function callCount(): number {
  return faultWord?.(WORD.count) ?? 0;
}

/** How often the addon has asked for memory since then. */
export function allocationCount(): number {
  return faultWord?.(WORD.allocations) ?? 0;
}

/** Ends the counting; the names of the calls that were made, the first 16,000 of them. */
export function disarm(): string[] {
  write(WORD.armed, 0);
  return callsMade();
}

/** The names of the calls until now, of all processes and threads, as {@link disarm} answers them. */
export function callsMade(): string[] {
  const count = Math.min(callCount(), TRACED);
  return Array.from({ length: count }, (_, index) => nameOf(faultWord?.(TRACE + index + 1) ?? -1));
}

const NAMES = new Map(Object.entries(callNumbers()).map(([name, number]) => [number, name]));

function nameOf(number: number): string {
  return NAMES.get(number) ?? `call ${number}`;
}
