import { type Fd, fdNumber } from '../calls/fd.ts';
import { native } from '../calls/native.ts';

/** What native/binding/queries.cpp writes for each mount, in words of 4 and of 8 bytes. */
const RECORD = { words: 8, oldId: 2, idmapped: 3, peerGroup: 4, error: 7 };
const LONG_RECORD = { words: 4, id: 0 };
/** Peer group, master, and whether it is unbindable. */
const SHARING_WORDS = 3;

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

  /** Told to a thread that enters the namespace and a root directory in it; `undefined` when that is refused. */
  static inside(namespace: Fd, root: Fd): Briefs | undefined {
    const records = native.sys.briefsInside(fdNumber(namespace), fdNumber(root));
    return typeof records === 'number' ? undefined : new Briefs(records);
  }

  /** The id that is never reused. */
  id(index: number): bigint {
    return this.#longs[LONG_RECORD.words * index + LONG_RECORD.id] ?? 0n;
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
    for (let index = 0; index < this.count; index += 1) {
      const at = RECORD.words * index + RECORD.peerGroup;
      answers.set(this.#words.subarray(at, at + SHARING_WORDS), SHARING_WORDS * index);
    }
    return answers;
  }
}
