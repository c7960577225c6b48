import { setImmediate } from 'node:timers/promises';

/** Work that pauses between its stages. */
export type Stages<T> = Generator<undefined, T, undefined>;

/** All stages, one after the other. */
export function atOnce<T>(stages: Stages<T>): T {
  for (;;) {
    const stage = stages.next();
    if (stage.done) return stage.value;
  }
}

/** The same, with a turn of the event loop between two stages. */
export async function inTurns<T>(stages: Stages<T>): Promise<T> {
  for (;;) {
    const stage = stages.next();
    if (stage.done) return stage.value;
    await setImmediate();
  }
}
