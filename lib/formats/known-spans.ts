const FNV_PRIME = 0x01000193;
const FNV_BASIS = 0x811c9dc5 | 0;

interface Known<T> {
  readonly start: number;
  readonly length: number;
  readonly value: T;
}

/** The hash of no bytes; `hashWith` adds one. */
export const NO_BYTES = FNV_BASIS;

/** FNV-1a, 32 bits. */
export function hashWith(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, FNV_PRIME);
}

/**
 * What spans of one text were read as, found by their bytes: options, devices and filesystems repeat from line to line.
 * Of two spans with one hash only the first is kept, so that no text makes looking one up slower.
 */
export class KnownSpans<T> {
  readonly #bytes: Uint8Array;
  readonly #known = new Map<number, Known<T>>();

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  find(hash: number, start: number, end: number): T | undefined {
    const known = this.#known.get(hash);
    return known && known.length === end - start && this.#isSame(known.start, start, end)
      ? known.value
      : undefined;
  }

  keep(hash: number, start: number, end: number, value: T): T {
    if (!this.#known.has(hash)) this.#known.set(hash, { start, length: end - start, value });
    return value;
  }

  #isSame(other: number, start: number, end: number): boolean {
    const bytes = this.#bytes;
    for (let i = start, j = other; i < end; i += 1, j += 1) if (bytes[i] !== bytes[j]) return false;
    return true;
  }
}
