import { native, type RunRequest, type RunResult, type StartedRun } from './native.ts';

/** The words that a run and its caller share. */
const WORD = { cancel: 0, done: 1, over: 2 } as const;

const POLL_MS = 1;

/** A program that runs while JavaScript goes on. */
export class AsyncRun {
  readonly #control = new Int32Array(
    new SharedArrayBuffer(Object.keys(WORD).length * Int32Array.BYTES_PER_ELEMENT),
  );
  readonly #started: StartedRun;

  constructor(request: Omit<RunRequest, 'control'>) {
    this.#started = native.start({ ...request, control: this.#control });
  }

  /** Settles when there is something to take. */
  get over(): Promise<void> {
    return this.#started.over;
  }

  /** What came of it, for the first who asks; it is theirs to close. */
  take(): RunResult | undefined {
    return this.#started.take();
  }

  get callsDone(): number {
    return Atomics.load(this.#control, WORD.done);
  }

  /** It stops before its next call, and takes everything back. */
  cancel(): void {
    Atomics.store(this.#control, WORD.cancel, 1);
  }

  /** Blocks the thread until it is over, but no longer than until `deadline`, on the clock of `performance.now`. */
  waitUntil(deadline: number): void {
    while (Atomics.load(this.#control, WORD.over) === 0 && performance.now() < deadline)
      Atomics.wait(this.#control, WORD.over, 0, POLL_MS);
  }
}
