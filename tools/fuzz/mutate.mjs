/** Whole numbers below a limit, the same ones for the same seed (xorshift32). */
export function randomFrom(seed) {
  let state = seed | 0 || 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

const EXTREMES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
const NUMBERS = ['0', '-1', '1e308', '0x1', '2147483647', '2147483648', '4294967295', '18446744073709551616'];
const LONGEST = 1 << 16;

/** Bytes that differ from those of a corpus in a few places. */
export class Mutator {
  #random;
  #dictionary;

  constructor(random, dictionary = []) {
    this.#random = random;
    this.#dictionary = dictionary.map((word) => Buffer.from(word, 'latin1'));
  }

  mutate(corpus) {
    let bytes = Buffer.from(this.#pick(corpus));
    for (let left = 1 + this.#random(4); left > 0; left -= 1) bytes = this.#once(bytes, corpus);
    return bytes.length > LONGEST ? bytes.subarray(0, LONGEST) : bytes;
  }

  #pick(list) {
    return list[this.#random(list.length)];
  }

  #once(bytes, corpus) {
    const at = this.#random(bytes.length + 1);
    const length = Math.min(1 + this.#random(this.#random(8) === 0 ? 4096 : 16), bytes.length - at);
    switch (this.#random(10)) {
      case 0:
        return this.#changeByte(bytes, at, (byte) => byte ^ (1 << this.#random(8)));
      case 1:
        return this.#changeByte(bytes, at, () => this.#random(256));
      case 2:
        return replaced(bytes, at, length, Buffer.alloc(0));
      case 3:
        return replaced(bytes, this.#random(bytes.length + 1), 0, bytes.subarray(at, at + length));
      case 4:
        return this.#splice(bytes, at, this.#pick(corpus));
      case 5:
        return this.#changeWord(bytes, at);
      case 6:
        return this.#changeNumber(bytes, at);
      case 7:
        return this.#moveLine(bytes);
      case 8:
        return this.#random(4) === 0 ? bytes.subarray(0, at) : this.#insertWord(bytes, at);
      default:
        return this.#insertWord(bytes, at);
    }
  }

  #changeByte(bytes, at, change) {
    if (at < bytes.length) bytes[at] = change(bytes[at]);
    return bytes;
  }

  #splice(bytes, at, other) {
    const from = this.#random(other.length + 1);
    return replaced(bytes, at, 0, other.subarray(from, from + this.#random(256)));
  }

  /** 32 bits become an extreme, at a place where a struct would have them. */
  #changeWord(bytes, at) {
    const aligned = at & ~3;
    if (aligned + 4 <= bytes.length) bytes.writeUInt32LE(this.#pick(EXTREMES), aligned);
    return bytes;
  }

  #changeNumber(bytes, at) {
    const digits = /\d+/g;
    digits.lastIndex = at;
    const found = digits.exec(bytes.toString('latin1'));
    return found ? replaced(bytes, found.index, found[0].length, Buffer.from(this.#pick(NUMBERS))) : bytes;
  }

  #moveLine(bytes) {
    const lines = bytes.toString('latin1').split('\n');
    const [line] = lines.splice(this.#random(lines.length), this.#random(3) === 0 ? 0 : 1);
    if (line !== undefined) lines.splice(this.#random(lines.length + 1), 0, line);
    return Buffer.from(lines.join('\n'), 'latin1');
  }

  #insertWord(bytes, at) {
    if (this.#dictionary.length === 0) return bytes;
    const word = this.#pick(this.#dictionary);
    return replaced(bytes, at, this.#random(2) === 0 ? word.length : 0, word);
  }
}

function replaced(bytes, at, length, by) {
  return Buffer.concat([bytes.subarray(0, at), by, bytes.subarray(at + length)]);
}
