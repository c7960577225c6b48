import { Session } from 'node:inspector';

/** Which blocks of the library V8 has run, told once for each: precise block coverage of what `dist/` holds. */
export class Coverage {
  #session = new Session();
  #seen = new Set();

  /** Has to come before the library is loaded: what was compiled before has no block counters. */
  constructor() {
    this.#session.connect();
    this.#post('Profiler.enable');
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** The blocks that ran since the last call and never before; `keep` counts them as seen from now on. */
  takeNew({ keep }) {
    const fresh = [];
    for (const { scriptId, url, functions } of this.#post('Profiler.takePreciseCoverage').result) {
      if (!url.includes('/dist/')) continue;
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          const block = `${scriptId}:${startOffset}:${endOffset}`;
          if (count > 0 && !this.#seen.has(block)) fresh.push(block);
        }
      }
    }
    if (keep) for (const block of fresh) this.#seen.add(block);
    return fresh.length;
  }

  get size() {
    return this.#seen.size;
  }

  #post(method, parameters) {
    let answer;
    this.#session.post(method, parameters, (error, result) => {
      if (error) throw new Error(`${method}: ${error.message}`);
      answer = result;
    });
    return answer;
  }
}
