/** Small numbers by index, 0 where none was set. It grows by doubling, and is nothing that a garbage collector moves. */
export class ByteList {
  #bytes: Uint8Array;

  /** @param expected how many there will be, about. */
  constructor(expected: number) {
    this.#bytes = new Uint8Array(expected);
  }

  at(index: number): number {
    return this.#bytes[index] ?? 0;
  }

  set(index: number, value: number): void {
    if (index >= this.#bytes.length) this.#grow(2 * index + 1);
    this.#bytes[index] = value;
  }

  #grow(length: number): void {
    const grown = new Uint8Array(length);
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
