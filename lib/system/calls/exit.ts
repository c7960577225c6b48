/** What becomes of work that nobody was told the outcome of when its process exits. */
import { MountyardError } from '../../errors.ts';
import type { AsyncRun } from './async-run.ts';

/** Work whose promise is not settled. */
export interface Unfinished {
  /** The run that it is or was waiting for. */
  readonly run?: AsyncRun | undefined;
  /** Takes back what the work has done, when no run of it goes on; what could not be. */
  giveUp(): readonly string[];
}

/** A call may hang, of a FUSE server that is dead: then the process ends as if it had been killed. */
const LONGEST_EXIT_MS = 2_000;

const unfinished = new Set<Unfinished>();

/**
 * When the process exits meanwhile, by process.exit() or by an error that nobody catches, the work is stopped and
 * taken back, because nobody else would undo what it had done on the host. Dispose of it when all is told.
 */
export function undoneByExit(work: Unfinished): Disposable {
  if (unfinished.size === 0) process.on('exit', giveUpAll);
  unfinished.add(work);
  return {
    [Symbol.dispose]() {
      unfinished.delete(work);
      if (unfinished.size === 0) process.off('exit', giveUpAll);
    },
  };
}

function giveUpAll(): void {
  for (const { run } of unfinished) run?.cancel();
  const deadline = performance.now() + LONGEST_EXIT_MS;
  for (const { run } of unfinished) run?.waitUntil(deadline);
  const left = [...unfinished].flatMap(leftOf);
  if (left.length > 0) warn(left);
}

function leftOf(work: Unfinished): readonly string[] {
  try {
    return work.giveUp();
  } catch (error) {
    return [error instanceof MountyardError ? error.message : String(error)];
  }
}

/** Told at once: what emitWarning() puts off until later, an exiting process never does. */
function warn(left: readonly string[]): void {
  const lines = left.map((line) => `\n  - ${line}`).join('');
  const warning = new Error(`the process exited, and what follows could not be taken back:${lines}`);
  process.emit('warning', Object.assign(warning, { name: 'MountyardWarning', code: 'MOUNTYARD_EXIT' }));
}
