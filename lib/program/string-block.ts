import { UsageError } from '../errors.ts';
import { encodeBytes } from '../model/bytes.ts';
import { NO_STRING } from './format.ts';

const FIRST_BYTES = 4096;
/** A call into Node takes longer than copying so few characters. */
const SHORT = 64;

/** NUL-terminated strings. */
export class StringBlock {
  readonly #offsets = new Map<string, number>();
  #empty: number | undefined;
  #bytes = new Uint8Array(FIRST_BYTES);
  #size = 0;

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  /** Where the text begins in the block; it is kept once. */
  offset(text: string | undefined): number {
    if (text === undefined) return NO_STRING;
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const offset = this.#write(text);
    this.#offsets.set(text, offset);
    return offset;
  }

  /** The same for a path, of which there are many: to look for one takes longer than to write it again. */
  path(text: string): number {
    if (text !== '') return this.#write(text);
    this.#empty ??= this.offset('');
    return this.#empty;
  }

  #write(text: string): number {
    const offset = this.#size;
    if (!this.#appendShort(text)) this.#append(text);
    return offset;
  }

  /** Says whether it could: the text is short, and of characters that are one byte. */
  #appendShort(text: string): boolean {
    if (text.length > SHORT) return false;
    this.#reserve(SHORT + 1);
    const bytes = this.#bytes;
    const start = this.#size;
    for (let i = 0; i < text.length; i += 1) {
      const unit = text.charCodeAt(i);
      if (unit === 0 || unit > 0x7f) return false;
      bytes[start + i] = unit;
    }
    bytes[start + text.length] = 0;
    this.#size = start + text.length + 1;
    return true;
  }

  #append(text: string): void {
    if (text.includes('\0'))
      throw new UsageError(`a path or option holds a NUL byte: ${JSON.stringify(text)}`);
    const bytes = encodeBytes(text);
    this.#reserve(bytes.length + 1);
    this.#bytes.set(bytes, this.#size);
    this.#size += bytes.length;
    this.#bytes[this.#size] = 0;
    this.#size += 1;
  }

  #reserve(more: number): void {
    if (this.#size + more <= this.#bytes.length) return;
    const grown = new Uint8Array(2 * this.#bytes.length + more);
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
