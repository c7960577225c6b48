const FNV_PRIME = 0x01000193;
const FNV_BASIS = 0x811c9dc5 | 0;

const FEWEST_PLACES = 16;
const MOST_PLACES = 1024;
/** In bytes. */
const SHORT_LINE = 64;

/** The hash of no bytes; `hashWith` adds one. */
export const NO_BYTES = FNV_BASIS;

/** FNV-1a, 32 bits. */
export function hashWith(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, FNV_PRIME);
}

/**
 * What spans of one text were read as, found by their bytes: devices, roots, options and filesystems repeat from line to
 * line. There is one place for all hashes that end in the same bits, and the last span has it, so that no text makes
 * looking one up slower, and one in which nothing repeats takes no more room than another.
 */
export class KnownSpans<T> {
  readonly #bytes: Uint8Array;
  readonly #mask: number;
  readonly #starts: Int32Array;
  readonly #lengths: Int32Array;
  readonly #values: (T | undefined)[];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    const places = placesFor(bytes.length);
    this.#mask = places - 1;
    this.#starts = new Int32Array(places);
    this.#lengths = new Int32Array(places);
    this.#values = new Array(places);
  }

  find(hash: number, start: number, end: number): T | undefined {
    const place = hash & this.#mask;
    return this.#lengths[place] === end - start && this.#isSame(this.#starts[place] as number, start, end)
      ? this.#values[place]
      : undefined;
  }

  keep(hash: number, start: number, end: number, value: T): T {
    const place = hash & this.#mask;
    this.#starts[place] = start;
    this.#lengths[place] = end - start;
    this.#values[place] = value;
    return value;
  }

  #isSame(other: number, start: number, end: number): boolean {
    const bytes = this.#bytes;
    for (let i = start, j = other; i < end; i += 1, j += 1) if (bytes[i] !== bytes[j]) return false;
    return true;
  }
}

/** A power of two: about as many as there are lines. */
function placesFor(length: number): number {
  let places = FEWEST_PLACES;
  while (places < MOST_PLACES && places * SHORT_LINE < length) places *= 2;
  return places;
}
