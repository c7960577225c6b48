import type { Pausing } from '../../model/pausing.ts';
import { type Fd, fdNumber } from '../calls/fd.ts';
import { native } from '../calls/native.ts';

/** What native/binding/queries.cpp writes for each mount, in words of 4 and of 8 bytes. */
const RECORD = { words: 8, oldId: 2, idmapped: 3, peerGroup: 4, error: 7 };
const LONG_RECORD = { words: 4, id: 0 };
/** Peer group, master, and whether it is unbindable. */
export const SHARING_WORDS = 3;
/** Looked at by one thread: each has to enter the namespace, which takes as long as some 50 of them. */
const STRETCH = 2048;

/** Of every mount of a namespace, in the order of mountinfo, as much as takes the kernel no string to tell. */
export class Briefs {
  readonly count: number;
  readonly #words: Int32Array;
  readonly #longs: BigUint64Array;

  private constructor(records: ArrayBuffer) {
    this.#words = new Int32Array(records);
    this.#longs = new BigUint64Array(records);
    this.count = this.#longs.length / LONG_RECORD.words;
  }

  /** Told to threads that enter the namespace and a root directory in it; `undefined` when that is refused. */
  static *inside(namespace: Fd, root: Fd): Pausing<Briefs | undefined> {
    const stretches: Uint8Array[] = [];
    for (let after = 0n; ; ) {
      const records = native.sys.briefsInside(fdNumber(namespace), fdNumber(root), after, STRETCH);
      if (typeof records === 'number') return undefined;
      stretches.push(new Uint8Array(records));
      const some = new Briefs(records);
      if (some.count < STRETCH) break;
      after = some.id(STRETCH - 1);
      yield;
    }
    return new Briefs(joined(stretches));
  }

  /** The id that is never reused. */
  id(index: number): bigint {
    return this.#longs[LONG_RECORD.words * index + LONG_RECORD.id] ?? 0n;
  }

  get ids(): BigUint64Array {
    return BigUint64Array.from({ length: this.count }, (_, index) => this.id(index));
  }

  /** Whether it is the mount that mountinfo shows with this id, and has no idmap. */
  isPlain(index: number, oldId: number): boolean {
    const at = RECORD.words * index;
    const word = (name: 'oldId' | 'idmapped' | 'error') => this.#words[at + RECORD[name]];
    return word('error') === 0 && word('oldId') === oldId && word('idmapped') === 0;
  }

  /** As {@link NativeSys.sharing} answers. */
  get sharing(): Int32Array {
    const answers = new Int32Array(SHARING_WORDS * this.count);
    let to = 0;
    for (let from = RECORD.peerGroup; to < answers.length; from += RECORD.words) {
      for (let word = 0; word < SHARING_WORDS; word += 1) answers[to + word] = this.#words[from + word] ?? 0;
      to += SHARING_WORDS;
    }
    return answers;
  }
}

function joined(parts: readonly Uint8Array[]): ArrayBuffer {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all.buffer;
}
