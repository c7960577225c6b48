import { CancelledError, type MountyardError, UndoError, UsageError } from '../../errors.ts';
import type { Mount } from '../../model/mount.ts';
import type { RestorePlan } from '../../plan/plan.ts';
import type { Step } from '../../plan/steps/steps.ts';
import type { CompiledProgram, Export } from '../../program/compiled.ts';
import { decodeOp, opCounts } from '../../program/decode.ts';
import { describeOp } from '../../program/listing.ts';
import { AsyncRun } from '../calls/async-run.ts';
import { errnoName } from '../calls/errno.ts';
import { failureOf, type Purpose } from '../calls/failure.ts';
import { OwnedFd } from '../calls/fd.ts';
import { native, type RunPlace, type RunRequest, type RunResult } from '../calls/native.ts';
import type { HeldHost } from '../inspect/held.ts';
import { DoneEffects, importsOf } from './host-effects.ts';

/** How far a run is, in calls. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

/** What to run, and with which fds. */
export interface Execution {
  readonly plan: RestorePlan;
  readonly program: CompiledProgram;
  readonly held: HeldHost;
  readonly place: RunPlace;
}

export interface ExecuteOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called about ten times a second, and at the end. What it throws is uncaught: it does not take the restore back. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** The fds that a program handed back for one tree. */
export type ExportedFds = { readonly [name in Export['name']]?: OwnedFd };

/** What came of a run. */
export interface Executed {
  readonly trees: readonly ExportedFds[];
  /** What was changed on the host; the caller closes it. */
  readonly effects: DoneEffects;
}

const PROGRESS_INTERVAL_MS = 100;

/** A compiled restore that runs while JavaScript goes on. */
export class StartedExecution implements Disposable {
  readonly #execution: Execution;
  readonly #signal: AbortSignal | undefined;
  readonly #onProgress: ExecuteOptions['onProgress'];
  readonly #timer: NodeJS.Timeout | undefined;
  readonly run: AsyncRun;

  /** @throws {CancelledError} when the signal has fired already; {UsageError} for what is no signal, no function. */
  constructor(execution: Execution, { signal, onProgress }: ExecuteOptions = {}) {
    if (signal !== undefined && typeof signal?.addEventListener !== 'function')
      throw new UsageError('signal: it is no AbortSignal');
    if (onProgress !== undefined && typeof onProgress !== 'function')
      throw new UsageError('onProgress: it is no function');
    if (signal?.aborted) throw new CancelledError(signal.reason);
    this.#execution = execution;
    this.#signal = signal;
    this.#onProgress = onProgress;
    try {
      signal?.addEventListener('abort', this.#cancel, { once: true });
      if (onProgress) this.#timer = setInterval(this.#report, PROGRESS_INTERVAL_MS);
      this.run = new AsyncRun(requestOf(execution)); // the last that can throw, or it would run on, unknown to anyone
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  readonly #cancel = () => this.run.cancel();
  readonly #report = () =>
    this.#onProgress?.({ done: this.run.callsDone, total: opCounts(this.#execution.program.bytes).main });

  /**
   * What came of the run, once, when it is over; nothing before.
   * @throws {MountError} the call that was refused; all before it was taken back.
   * @throws {UndoError} what could not be taken back.
   * @throws {CancelledError} when the signal fired.
   */
  take(): Executed | undefined {
    const result = this.run.take();
    if (!result) return undefined;
    if (result.status === 'done') queueMicrotask(this.#report); // apart, so that no throw of it loses the fds
    return exportsOf(this.#execution, result, this.#signal);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#signal?.removeEventListener('abort', this.#cancel);
  }
}

/**
 * Runs a compiled restore, joined.
 *
 * @throws {MountError} the call that was refused; all before it was taken back.
 * @throws {UndoError} what could not be taken back.
 */
export function executeSync(execution: Execution): Executed {
  return exportsOf(execution, native.runSync(requestOf(execution)));
}

function requestOf({ program, held, place }: Execution): RunRequest {
  return { program: program.bytes, imports: importsOf(program, held), place };
}

function exportsOf(execution: Execution, result: RunResult, signal?: AbortSignal): Executed {
  const { program, held } = execution;
  if (result.status !== 'done') throw withUndo(execution, result, failure(execution, result, signal));
  const trees: { [name in Export['name']]?: OwnedFd }[] = [];
  const directories: (OwnedFd | undefined)[] = [];
  program.exports.forEach(({ name, tree }, index) => {
    const number = result.exports[index] ?? -1;
    const fd = number < 0 ? undefined : new OwnedFd(number, name);
    directories.push(name === 'undo' ? fd : undefined);
    if (name === 'undo') return;
    trees[tree] ??= {};
    if (fd) trees[tree][name] = fd;
  });
  return { trees, effects: new DoneEffects(program, held, result.undoable, directories) };
}

function failure({ plan, program }: Execution, result: RunResult, signal?: AbortSignal): MountyardError {
  if (result.status === 'cancelled') return new CancelledError(signal?.reason);
  return failureOf(program, result, (op) => purposeOf(plan, program, op));
}

function purposeOf(plan: RestorePlan, program: CompiledProgram, op: number): Purpose {
  const index = program.stepOfOp[op] ?? -1;
  if (index < 0) return { subject: 'the restore' };
  const step = plan.script.step(index);
  const mount = step.mount === undefined ? undefined : plan.target.tree.get(step.mount);
  return {
    subject: mount ? mountName(mount) : 'the restore',
    step: index,
    reason: step.reason,
    ...(mount && { mount: mount.id }),
    ...pathsOf(step, mount),
  };
}

function mountName(mount: Mount): string {
  return `mount ${mount.id} (${mount.type}) at ${mount.mountPoint}`;
}

function pathsOf(step: Step, mount: Mount | undefined): Pick<Purpose, 'path' | 'dest'> {
  if (step.kind === 'clone-source' || step.kind === 'share-source') return { path: step.source };
  if (step.kind === 'attach' || step.kind === 'make-destination-private')
    return { path: step.at, dest: step.at };
  return mount ? { path: mount.mountPoint } : {};
}

/** The failure, or an {@link UndoError} around it when something of what was done is still there. */
function withUndo(execution: Execution, result: RunResult, cause: MountyardError): MountyardError {
  const { program } = execution;
  const lost = lostSharing(execution, result);
  if (result.undoFailures === 0) return lost.length === 0 ? cause : new UndoError(cause, lost);
  const main = opCounts(program.bytes).main;
  const left = result.undo.map(({ op, errno }) => `${describeOp(program, main + op)} = ${errnoName(errno)}`);
  const more = result.undoFailures - left.length;
  if (more > 0) left.push(`and ${more} more`);
  return new UndoError(cause, [...left, ...lost]);
}

/** The old root of a namespace was made private with all below it, and came back when it could not be unmounted. */
function lostSharing({ plan, program }: Execution, { op }: RunResult): string[] {
  const index = program.stepOfOp[op] ?? -1;
  const step = op < 0 || index < 0 ? undefined : plan.script.action(index);
  if (step?.kind !== 'drop-old-root' || !step.unshares) return [];
  for (let before = op - 1; program.stepOfOp[before] === index; before -= 1) {
    if (decodeOp(program.bytes, before).name === 'mount_setattr') return [UNSHARED];
  }
  return [];
}

const UNSHARED =
  'the old tree is the root of the namespace again, but what is mounted below it was made private, and is in no peer ' +
  'group and follows no master any more: mount(8) --make-shared and --make-slave give each a new relation, not the old';
