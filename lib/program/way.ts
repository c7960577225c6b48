import { BENEATH, DIRECTORY_FLAGS, type Emitter, RETRIES } from './emitter.ts';

/** In characters. Each path is some bytes of a program, and one that is deep comes with all those above it. */
const STRIDE = 256;

interface OpenDirectory {
  readonly start: number;
  readonly path: string;
  readonly slot: number;
}

/** What is done at a path. It is no closure: there are as many paths as nodes. */
type Use<T> = (emitter: Emitter, directory: number, path: string, subject: T) => void;

/** V8 compares two strings many times as fast as it finds that one starts with the other. */
function isBelow(path: string, from: number, { start, path: above }: OpenDirectory): boolean {
  return from === start && path.slice(0, above.length) === above;
}

/**
 * Leads to one path after the other where each lies beside or below the one before, as nodes that are made or deleted
 * in order do: it goes on from a directory that it has open. So what a program takes grows as its paths do, not as
 * their squares.
 */
export class Way {
  readonly #emitter: Emitter;
  /** The directory that is open, with the path to it, a slash at its end. */
  #at: OpenDirectory | undefined;

  constructor(emitter: Emitter) {
    this.#emitter = emitter;
  }

  /** Calls `use` with what {@link Emitter.approach} gives; what it has open stays so. */
  lead<T>(start: number, path: string, use: Use<T>, subject: T): void {
    if (path.length <= STRIDE) {
      use(this.#emitter, start, path, subject);
      return;
    }
    if (this.#at && !isBelow(path, start, this.#at)) this.leave();
    for (;;) {
      const done = this.#at?.path.length ?? 0;
      const cut = path.length - done > STRIDE ? path.lastIndexOf('/', done + STRIDE) : -1;
      if (cut <= done) break; // near enough, or a name that no directory can hold
      this.#goTo(start, path.slice(done, cut), path.slice(0, cut + 1));
    }
    const { path: known = '', slot = start } = this.#at ?? {};
    this.#emitter.withinReach(slot, path.slice(known.length), (directory, name) => {
      use(this.#emitter, directory, name, subject);
    });
  }

  #goTo(start: number, name: string, path: string): void {
    const emitter = this.#emitter;
    const slot = emitter.temporary(name);
    const a = this.#at?.slot ?? start;
    emitter.op('openat2', { a, s1: name, f1: DIRECTORY_FLAGS, f3: BENEATH, out: slot, retries: RETRIES });
    this.leave();
    this.#at = { start, path, slot };
  }

  /** Closes what is open, before anything else is done. */
  leave(): void {
    if (this.#at) this.#emitter.close(this.#at.slot);
    this.#at = undefined;
  }
}
