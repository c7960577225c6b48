import { encodeBytes } from '../model/bytes.ts';
import type { PathString } from '../model/mount.ts';
import { type NativeStat, native } from './native.ts';

export type NodeStat = Omit<NativeStat, 'mountRoot'>;

/** What native/binding/stats.cpp writes for each path, in words of 4 and of 8 bytes. */
const RECORD = { words: 12, error: 0, mode: 1, uid: 2, gid: 3 };
const LONG_RECORD = { words: 6, device: 2, special: 3, mountId: 4, inode: 5 };

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
    const at = RECORD.words * index;
    const longAt = LONG_RECORD.words * index;
    if (this.#words[at + RECORD.error] !== 0) return undefined;
    return {
      mode: this.#words[at + RECORD.mode] ?? 0,
      uid: this.#words[at + RECORD.uid] ?? 0,
      gid: this.#words[at + RECORD.gid] ?? 0,
      device: this.#longs[longAt + LONG_RECORD.device] ?? 0n,
      special: this.#longs[longAt + LONG_RECORD.special] ?? 0n,
      mountId: this.#longs[longAt + LONG_RECORD.mountId] ?? 0n,
      inode: this.#longs[longAt + LONG_RECORD.inode] ?? 0n,
    };
  }
}
