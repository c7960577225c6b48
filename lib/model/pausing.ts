/**
 * Work that pauses every few milliseconds, where something else may go on: one description of it for those who wait and
 * those who do not.
 */
export type Pausing<T> = Generator<undefined, T, undefined>;

/** How much of a list is worked through between two pauses, where each takes a few µs. */
export const STRETCH = 2048;

/** All of it without a pause. */
export function atOnce<T>(work: Pausing<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** What is done for a stretch of a list, for one after the other, with a pause behind each. */
export function* inStretches(
  length: number,
  size: number,
  work: (start: number, end: number) => void,
): Pausing<void> {
  for (let start = 0; start < length; start += size) {
    work(start, Math.min(start + size, length));
    yield;
  }
}
