/** The words that a run and its caller share, and what becomes of a run when its process exits. */
const WORD = { cancel: 0, done: 1, ended: 2 } as const;

export type Control = Int32Array;

export function newControl(): Control {
  return new Int32Array(new SharedArrayBuffer(Object.keys(WORD).length * Int32Array.BYTES_PER_ELEMENT));
}

/** The run stops before its next call, and takes everything back. */
export function cancelRun(control: Control): void {
  Atomics.store(control, WORD.cancel, 1);
}

export function callsDone(control: Control): number {
  return Atomics.load(control, WORD.done);
}

/** A call may hang, of a FUSE server that is dead: then the process ends as if it had been killed. */
const LONGEST_EXIT_MS = 2_000;
const POLL_MS = 1;

const running = new Set<Control>();

/**
 * When the process exits while the run goes on, by process.exit() or by an error that nobody catches, the run is
 * cancelled and waited for, because nobody would undo on the host what it had done. Returns what ends that.
 */
export function endWithProcess(control: Control): () => void {
  if (running.size === 0) process.on('exit', cancelAll);
  running.add(control);
  return () => {
    running.delete(control);
    if (running.size === 0) process.off('exit', cancelAll);
  };
}

function cancelAll(): void {
  for (const control of running) cancelRun(control);
  const deadline = performance.now() + LONGEST_EXIT_MS;
  for (const control of running) {
    while (Atomics.load(control, WORD.ended) === 0 && performance.now() < deadline)
      Atomics.wait(control, WORD.ended, 0, POLL_MS);
  }
}
