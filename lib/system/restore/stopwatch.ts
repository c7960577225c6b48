import type { Timings } from './restored.ts';

/** Milliseconds of each stage of a restore, one after the other. */
export class Stopwatch {
  #last = performance.now();
  readonly #laps = { inspect: 0, plan: 0, compile: 0, run: 0, readBack: 0, verify: 0 };

  /** The stage that ends now. */
  lap(stage: keyof Timings): void {
    const now = performance.now();
    this.#laps[stage] = now - this.#last;
    this.#last = now;
  }

  get timings(): Timings {
    return { ...this.#laps };
  }
}
