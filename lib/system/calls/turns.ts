import { setImmediate } from 'node:timers/promises';
import type { Pausing } from '../../model/pausing.ts';

/** For so long the event loop waits, and until the next pause. */
const TURN_MS = 5;

/** The work in turns with all else that the event loop has to do. @param turn the milliseconds of one. */
export async function inTurns<T>(work: Pausing<T>, turn = TURN_MS): Promise<T> {
  for (;;) {
    const end = performance.now() + turn;
    do {
      const { done, value } = work.next();
      if (done) return value;
    } while (performance.now() < end);
    await setImmediate();
  }
}
