import { NO_SLOT, NO_STRING, OP, OP_SIZE } from './format.ts';

const OP_WORDS = OP_SIZE / 4;

/** Positions in an op of its 32-bit words; a 64-bit field has its low word first. */
export const WORD = {
  a: OP.a / 4,
  b: OP.b / 4,
  out: OP.out / 4,
  s1: OP.s1 / 4,
  s2: OP.s2 / 4,
  s3: OP.s3 / 4,
  n: OP.n / 4,
  f1: OP.f1 / 4,
  f2: OP.f2 / 4,
  f3: OP.f3 / 4,
} as const;

/**
 * Ops as the interpreter reads them, in one block that grows by doubling: memory that is not written to costs nothing,
 * and to copy megabytes takes as long as to write them. Little-endian, as the addon is.
 */
export class OpTable {
  words: Int32Array;
  count = 0;
  /** Which step the ops that are added belong to. */
  step = -1;
  readonly #head: number;
  #steps: Int32Array;

  /**
   * @param expected how many ops there will be, about.
   * @param headBytes left free before the first.
   */
  constructor(expected: number, headBytes = 0) {
    this.#head = headBytes / 4;
    this.words = new Int32Array(this.#head + expected * OP_WORDS);
    this.#steps = new Int32Array(expected);
  }

  /** Adds an op without arguments; returns where its words begin. */
  add(code: number, guard: number): number {
    const at = this.#head + this.count * OP_WORDS;
    if (at + OP_WORDS > this.words.length) this.#grow(2 * this.words.length + OP_WORDS);
    this.#steps[this.count] = this.step;
    this.count += 1;
    const { words } = this;
    words[at] = code;
    words[at + WORD.a] = NO_SLOT;
    words[at + WORD.b] = NO_SLOT;
    words[at + WORD.out] = NO_SLOT;
    words[at + OP.guard / 4] = guard;
    words[at + WORD.s1] = NO_STRING;
    words[at + WORD.s2] = NO_STRING;
    words[at + WORD.s3] = NO_STRING;
    return at;
  }

  setLong(at: number, value: number | bigint): void {
    if (typeof value === 'number') {
      this.words[at] = value;
      this.words[at + 1] = Math.floor(value / 2 ** 32);
    } else {
      this.words[at] = Number(value & 0xffffffffn);
      this.words[at + 1] = Number(value >> 32n);
    }
  }

  /** The step of each op. */
  get steps(): Int32Array {
    return this.#steps.subarray(0, this.count);
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.words.buffer, 4 * this.#head, this.count * OP_SIZE);
  }

  /** What is left free, the ops, and so many bytes after them, to be filled. */
  blockWith(more: number): Uint8Array {
    const size = 4 * this.#head + this.count * OP_SIZE + more;
    if (size > this.words.byteLength) this.#grow(Math.ceil(size / 4));
    return new Uint8Array(this.words.buffer, 0, size);
  }

  #grow(length: number): void {
    const grown = new Int32Array(length);
    grown.set(this.words);
    this.words = grown;
    const steps = new Int32Array(Math.floor((length - this.#head) / OP_WORDS));
    steps.set(this.steps);
    this.#steps = steps;
  }
}
