import { ProgramBuilder } from '../../program/builder.ts';
import type { CompiledProgram } from '../../program/compiled.ts';
import { AsyncRun } from './async-run.ts';
import { errnoName, isShortage } from './errno.ts';
import { undoneByExit } from './exit.ts';
import { failureOf } from './failure.ts';
import { type Fd, fdNumber, OwnedFd } from './fd.ts';
import { native, type RunPlace, type RunRequest, type RunResult } from './native.ts';

/** Names of the slots, in slot order: the fds lent, the fds handed back, and the others. */
export interface SlotNames {
  readonly imports?: readonly string[];
  readonly exports?: readonly string[];
  readonly others?: readonly string[];
}

/** A program of a few ops that belongs to no plan: for probes, captures and namespaces. */
export interface SmallProgram {
  readonly program: CompiledProgram;
  readonly exportNames: readonly string[];
}

const THREAD: RunPlace = { kind: 'thread' };

export function smallProgram(slots: SlotNames, write: (builder: ProgramBuilder) => void): SmallProgram {
  const builder = new ProgramBuilder();
  write(builder);
  const { imports = [], exports = [], others = [] } = slots;
  const slotNames = [...imports, ...exports, ...others];
  const bytes = builder.bytes({ count: slotNames.length, imports: imports.length, exports: exports.length });
  const { stepOfOp } = builder;
  return { program: { bytes, imports: [], exports: [], stepOfOp, slotNames }, exportNames: exports };
}

/** Runs it and returns what came out, whatever that is. */
export function runSmallRaw(
  { program }: SmallProgram,
  imports: readonly Fd[],
  place: RunPlace = THREAD,
): RunResult {
  return native.runSync(requestOf(program, imports, place));
}

/**
 * Runs it to see whether the kernel would, and returns what came out.
 * @throws {MountError} where it could not be tried: there was no thread, no memory, no fd.
 */
export function runTrial(small: SmallProgram, subject: string, place: RunPlace): RunResult {
  const result = runSmallRaw(small, [], place);
  if (result.status === 'done') return result;
  const untried = result.op < 0 && place.kind === 'thread';
  if (!untried && !isShortage(errnoName(result.errno))) return result;
  throw failureOf(small.program, result, () => ({ subject }));
}

/** Runs it in a fresh thread (or `place`) and returns the fds that it hands back. @throws {MountError} */
export function runSmall(
  small: SmallProgram,
  imports: readonly Fd[],
  subject: string,
  place = THREAD,
): OwnedFd[] {
  return exportsOf(small, runSmallRaw(small, imports, place), subject);
}

/** {@link runSmall} without blocking the event loop. */
export async function runSmallAsync(
  small: SmallProgram,
  imports: readonly Fd[],
  subject: string,
  place = THREAD,
): Promise<OwnedFd[]> {
  const run = new AsyncRun(requestOf(small.program, imports, place));
  using _exit = undoneByExit({ run, giveUp: () => [] });
  await run.over;
  return exportsOf(small, run.take() as RunResult, subject);
}

function requestOf(program: CompiledProgram, imports: readonly Fd[], place: RunPlace): RunRequest {
  return { program: program.bytes, imports: Int32Array.from(imports, fdNumber), place };
}

function exportsOf({ program, exportNames }: SmallProgram, result: RunResult, subject: string): OwnedFd[] {
  if (result.status !== 'done') throw failureOf(program, result, () => ({ subject }));
  return result.exports.map((fd, index) => new OwnedFd(fd, exportNames[index] ?? ''));
}
