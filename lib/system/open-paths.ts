import { constants } from 'node:os';
import { O, RESOLVE } from '../flags.ts';
import type { PathString } from '../model/mount.ts';
import { refusal } from './arguments.ts';
import { type HeldFd, OwnedFds } from './fd.ts';
import { type NativeStat, native } from './native.ts';
import { joinedPaths, Stats } from './stats.ts';

/** What an open file of the host is. */
export interface OpenedPath {
  readonly fd: HeldFd;
  /** Or the errno of why it could not be looked at. */
  readonly status: NativeStat | number;
  /** The path leads through no symlink, and is the one that /proc would tell. */
  readonly isReal: boolean;
}

interface Opened {
  readonly fds: OwnedFds;
  readonly stats: Stats;
}

/** O_PATH without O_DIRECTORY triggers no automount. */
const LOOK = BigInt(O.PATH | O.CLOEXEC);

/** Host paths, which are opened and looked at in one go. */
export class OpenedPaths implements Disposable {
  readonly #indices: ReadonlyMap<PathString, number>;
  readonly #straight: Opened;
  /** Those that lead through symlinks, in their order. */
  readonly #followed: Opened;
  readonly #followedIndices: ReadonlyMap<PathString, number>;

  /** @throws {MountError} ENOMEM */
  constructor(paths: readonly PathString[]) {
    this.#indices = indicesOf(paths);
    this.#straight = openEach(paths, RESOLVE.NO_SYMLINKS);
    const through = paths.filter((_, index) => this.#straight.fds.at(index) === -constants.errno.ELOOP);
    this.#followedIndices = indicesOf(through);
    try {
      this.#followed = openEach(through, 0);
    } catch (error) {
      this.#straight.fds.close();
      throw error;
    }
  }

  /** What was opened, or the errno of why it could not be. */
  get(path: PathString): OpenedPath | number {
    const followed = this.#followedIndices.get(path);
    const { fds, stats } = followed === undefined ? this.#straight : this.#followed;
    const index = followed ?? this.#indices.get(path) ?? -1;
    const number = fds.at(index);
    if (number < 0) return -number;
    return {
      fd: { number, name: path },
      status: stats.at(index) ?? stats.errno(index),
      isReal: followed === undefined && isPlain(path),
    };
  }

  close(): void {
    this.#straight.fds.close();
    this.#followed.fds.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function openEach(paths: readonly PathString[], resolve: number): Opened {
  const opened = native.sys.openEach(joinedPaths(paths), LOOK, BigInt(resolve));
  if (typeof opened === 'number')
    throw refusal(opened, { syscall: 'openat2', arguments: ['AT_FDCWD', `${paths.length} paths`] });
  const { fds, records } = opened;
  return { fds: new OwnedFds(fds, `${paths[0]} and others`), stats: new Stats(records) };
}

function indicesOf(paths: readonly PathString[]): Map<PathString, number> {
  return new Map(paths.map((path, index) => [path, index]));
}

/** Absolute, of names alone, each after one slash. */
function isPlain(path: PathString): boolean {
  return path === '/' || (path.startsWith('/') && !NOT_PLAIN.test(path));
}

const NOT_PLAIN = /\/(?:\.{0,2}\/|\.{0,2}$)/;
