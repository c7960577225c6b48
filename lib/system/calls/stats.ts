import { S_IFMT } from '../../flags.ts';
import type { FileIdentity } from '../../model/facts.ts';
import type { PathString } from '../../model/mount.ts';
import { callStrings, refusal } from './arguments.ts';
import { fdText } from './fd.ts';
import { type NativeStat, native } from './native.ts';

/** STATX_ATTR_MOUNT_ROOT (linux/stat.h). */
const MOUNT_ROOT = 0x2000;

/** What native/binding/stats.cpp writes for each path, in words of 4 and of 8 bytes. */
const RECORD = { words: 14, error: 0, mode: 1, uid: 2, gid: 3 };
const LONG_RECORD = { words: 7, device: 2, special: 3, mountId: 4, inode: 5, attributes: 6 };
const WORD = 2 ** 32;

/** statx(2) of many paths, which are looked at in one go. */
export class Stats {
  readonly #words: Uint32Array;
  readonly #longs: BigUint64Array;

  /** Of paths below a directory; `unique`: with the ids of mounts that are never reused. @throws {MountError} ENOMEM */
  static of(directory: number, paths: readonly PathString[], flags: number, unique = false): Stats {
    const call = unique ? 'statxUniqueEach' : 'statxEach';
    const records = native.sys[call](directory, callStrings(paths), flags);
    if (typeof records !== 'number') return new Stats(records);
    throw refusal(records, { syscall: 'statx', arguments: [fdText(directory), `${paths.length} paths`] });
  }

  /** @param records as the calls for many paths give them. */
  constructor(records: ArrayBuffer) {
    this.#words = new Uint32Array(records);
    this.#longs = new BigUint64Array(records);
  }

  /** Of the path of that index; `undefined` when the call was refused. */
  at(index: number): NativeStat | undefined {
    return this.errno(index) === 0 ? new StatAt(this.#words, this.#longs, index) : undefined;
  }

  /** Why the call was refused; 0 when it was not. */
  errno(index: number): number {
    return this.#words[RECORD.words * index + RECORD.error] ?? 0;
  }

  /** The same where the path leads onto that mount. Ids count the mounts since the machine started: 53 bits hold them. */
  onMount(index: number, mountId: number): NativeStat | undefined {
    return this.#long(index, LONG_RECORD.mountId) === mountId ? this.at(index) : undefined;
  }

  /** What tells the file of that index; `undefined` when the call was refused. */
  file(index: number): FileStat | undefined {
    if (this.errno(index) !== 0) return undefined;
    const mode = this.#words[RECORD.words * index + RECORD.mode] ?? 0;
    const device = this.#text(index, LONG_RECORD.device);
    const inode = this.#text(index, LONG_RECORD.inode);
    return {
      mode,
      mountId: this.#long(index, LONG_RECORD.mountId),
      mountRoot: (this.#long(index, LONG_RECORD.attributes) & MOUNT_ROOT) !== 0,
      identity: { type: mode & S_IFMT, device, inode },
    };
  }

  #long(index: number, field: number): number {
    const at = RECORD.words * index + 2 * field;
    return (this.#words[at] ?? 0) + (this.#words[at + 1] ?? 0) * WORD;
  }

  #text(index: number, field: number): string {
    const number = this.#long(index, field);
    return String(Number.isSafeInteger(number) ? number : this.#longs[LONG_RECORD.words * index + field]);
  }
}

/** What an open file of the host is known by. */
export interface FileStat {
  readonly mode: number;
  readonly mountId: number;
  /** It is the root of that mount. */
  readonly mountRoot: boolean;
  readonly identity: FileIdentity;
}

/** One of them: its 64-bit numbers are made when they are asked for, since few are. */
class StatAt implements NativeStat {
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

  get mountRoot(): boolean {
    return ((this.#longs[this.#longAt + LONG_RECORD.attributes] ?? 0n) & BigInt(MOUNT_ROOT)) !== 0n;
  }

  get inode(): bigint {
    return this.#longs[this.#longAt + LONG_RECORD.inode] ?? 0n;
  }
}
