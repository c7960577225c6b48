import { ParseError } from '../errors.ts';
import { decodeBytes } from '../model/bytes.ts';
import { decodeOctal } from '../model/octal.ts';
import { hashWith, NO_BYTES } from './known-spans.ts';

const FEED = 0x0a;
const SPACE = 0x20;
const ZERO = 0x30;
const NOT_ASCII = /[\x80-\xff]/;

/** What the bytes of a field ask for: nothing; decoding; a look at whether the kernel would print them so, too. */
const PLAIN = 0;
const ENCODED = 1;
const ODD = 2;
const END = 3;
const CLASSES = new Uint8Array(256).fill(ENCODED, 0x80);
for (const character of '\t\\#') CLASSES[character.charCodeAt(0)] = ODD;
for (const byte of [FEED, SPACE]) CLASSES[byte] = END;

/** Goes through a text of lines and fields, one space between two, and looks at each byte once. */
export class LineCursor {
  readonly bytes: Uint8Array;
  /** A character for each byte (latin1). */
  readonly text: string;
  /** Where the next field begins. */
  at = 0;
  /** Whether the line was read to its end. */
  ended = false;
  /** Whether the kernel might print what was read of the line in another way. */
  odd = false;
  /** Of the field that was read last. */
  start = 0;
  end = 0;
  hash = NO_BYTES;
  #class = PLAIN;
  #line = 0;
  #lineStart = 0;

  /** The text ends in a line feed. */
  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.text = bytes.toString('latin1');
  }

  /** Begins the next line, if there is one. */
  nextLine(): boolean {
    this.#line += 1;
    this.#lineStart = this.at;
    this.ended = false;
    this.odd = false;
    return this.at < this.bytes.length;
  }

  /** The line up to the end of what was read. */
  lineSoFar(): string {
    return decoded(this.text.slice(this.#lineStart, this.at - 1));
  }

  /** Goes over the next field. */
  field(name: string): void {
    this.fieldOrNothing(name);
    if (this.start === this.end) this.fail(this.start, `the ${name} is empty`);
  }

  /** The same for a field that may be empty. */
  fieldOrNothing(name: string): void {
    if (this.ended) this.failAtEnd(`the line ends before the ${name}`);
    const { bytes, at } = this;
    let end = at;
    let hash = NO_BYTES;
    let highest = PLAIN;
    for (;;) {
      const byte = bytes[end] as number;
      const found = CLASSES[byte] as number;
      if (found === END) break;
      if (found > highest) highest = found;
      hash = hashWith(hash, byte);
      end += 1;
    }
    this.#class = highest;
    this.hash = hash;
    this.#goBehind(at, end);
  }

  /** Goes over all that is left of the line, spaces too. */
  restOfLine(): void {
    const { bytes, at } = this;
    let end = at;
    let hash = NO_BYTES;
    for (let byte = bytes[end] as number; byte !== FEED; byte = bytes[end] as number) {
      hash = hashWith(hash, byte);
      end += 1;
    }
    this.hash = hash;
    this.#goBehind(at, end);
  }

  /** Goes back to a place of the line, at which a field begins. */
  back(at: number): void {
    this.at = at;
    this.ended = false;
  }

  #goBehind(start: number, end: number): void {
    this.start = start;
    this.end = end;
    this.at = end + 1;
    this.ended = this.bytes[end] === FEED;
  }

  /** Whether the field that was read last is ASCII, and as the kernel prints it. */
  get plain(): boolean {
    return this.#class === PLAIN;
  }

  /** The bytes of the field that was read last as latin1, without so many at its end. */
  raw(without = 0): string {
    return this.text.slice(this.start, this.end - without);
  }

  /** The text of the field that was read last, or of that part of it. */
  unescaped(raw = this.raw()): string {
    if (this.#class === PLAIN) return raw;
    if (this.#class === ODD) this.odd = true;
    if (raw.includes('\\000')) {
      const at = this.text.indexOf('\\000', this.#lineStart);
      this.fail(at, 'the escape \\000 stands for a NUL byte, which no name can hold');
    }
    return decodeOctal(decoded(raw));
  }

  /** A number that is a field. */
  number(name: string, largest: number): number {
    const value = this.#digits(largest);
    if (value >= 0) return value;
    this.field(name);
    return this.toNumber(this.raw(), this.start, name, largest);
  }

  /** A number that is what a field has behind `prefix`. */
  numberBehind(prefix: string, name: string, largest: number): number {
    const start = this.at;
    this.at += prefix.length;
    const value = this.#digits(largest);
    if (value >= 0) return value;
    this.at = start;
    this.fieldOrNothing(name);
    return this.toNumber(this.raw().slice(prefix.length), start + prefix.length, name, largest);
  }

  /** The number that ends the field; -1, and nothing gone over, for whatever else there is. */
  #digits(largest: number): number {
    const { bytes, at } = this;
    let end = at;
    let value = 0;
    for (;;) {
      const digit = (bytes[end] as number) - ZERO;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
      end += 1;
    }
    if (end === at || this.ended || value > largest || CLASSES[bytes[end] as number] !== END) return -1;
    if (bytes[at] === ZERO && end > at + 1) this.odd = true;
    this.#goBehind(at, end);
    return value;
  }

  /** The number that `digits`, found at `at`, are. */
  toNumber(digits: string, at: number, name: string, largest: number): number {
    if (!/^[0-9]+$/.test(digits)) this.fail(at, `the ${name} ${quote(digits)} is not a number`);
    const value = Number(digits);
    if (value > largest)
      this.fail(at, `the ${name} ${digits} is larger than ${largest}, the largest there is`);
    if (String(value) !== digits) this.odd = true;
    return value;
  }

  fail(at: number, reason: string): never {
    throw new ParseError(reason, this.#line, at - this.#lineStart + 1);
  }

  failAtEnd(reason: string): never {
    this.fail(this.at - 1, reason);
  }
}

/** The text of bytes given as latin1. */
export function decoded(raw: string): string {
  return NOT_ASCII.test(raw) ? decodeBytes(Buffer.from(raw, 'latin1')) : raw;
}

export function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
