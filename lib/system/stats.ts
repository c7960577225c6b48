import { encodeBytes } from '../model/bytes.ts';
import type { PathString } from '../model/mount.ts';
import { type NativeStat, native } from './native.ts';

export type NodeStat = Omit<NativeStat, 'mountRoot'>;

/** What native/binding/stats.cpp writes for each path, in words of 4 and of 8 bytes. */
const RECORD = { words: 12, error: 0, mode: 1, uid: 2, gid: 3 };
const LONG_RECORD = { words: 6, device: 2, special: 3, mountId: 4, inode: 5 };
const WORD = 2 ** 32;

/** statx(2) of many paths below a directory, which are looked at in one go. */
export class Stats {
  readonly #words: Uint32Array;
  readonly #longs: BigUint64Array;

  /** `unique`: with the ids of mounts that are never reused. */
  constructor(directory: number, paths: readonly PathString[], flags: number, unique = false) {
    const bytes = encodeBytes(paths.map((path) => `${path}\0`).join(''));
    const records = native.sys[unique ? 'statxUniqueEach' : 'statxEach'](directory, bytes, flags);
    this.#words = new Uint32Array(records);
    this.#longs = new BigUint64Array(records);
  }

  /** Of the path of that index; `undefined` when the call was refused. */
  at(index: number): NodeStat | undefined {
    const isRefused = this.#words[RECORD.words * index + RECORD.error] !== 0;
    return isRefused ? undefined : new StatAt(this.#words, this.#longs, index);
  }

  /** The same where the path leads onto that mount. Ids count the mounts since the machine started: 53 bits hold them. */
  onMount(index: number, mountId: number): NodeStat | undefined {
    const at = RECORD.words * index + 2 * LONG_RECORD.mountId;
    const found = (this.#words[at] ?? 0) + (this.#words[at + 1] ?? 0) * WORD;
    return found === mountId ? this.at(index) : undefined;
  }
}

/** One of them: its 64-bit numbers are made when they are asked for, since few are. */
class StatAt implements NodeStat {
  readonly #longs: BigUint64Array;
  readonly #longAt: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;

  constructor(words: Uint32Array, longs: BigUint64Array, index: number) {
    const at = RECORD.words * index;
    this.mode = words[at + RECORD.mode] ?? 0;
    this.uid = words[at + RECORD.uid] ?? 0;
    this.gid = words[at + RECORD.gid] ?? 0;
    this.#longs = longs;
    this.#longAt = LONG_RECORD.words * index;
  }

  get device(): bigint {
    return this.#longs[this.#longAt + LONG_RECORD.device] ?? 0n;
  }

  get special(): bigint {
    return this.#longs[this.#longAt + LONG_RECORD.special] ?? 0n;
  }

  get mountId(): bigint {
    return this.#longs[this.#longAt + LONG_RECORD.mountId] ?? 0n;
  }

  get inode(): bigint {
    return this.#longs[this.#longAt + LONG_RECORD.inode] ?? 0n;
  }
}
