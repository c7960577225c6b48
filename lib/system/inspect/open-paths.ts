import { constants } from 'node:os';
import { MountError } from '../../errors.ts';
import { O, RESOLVE } from '../../flags.ts';
import type { PathString } from '../../model/mount.ts';
import { isCleanAbsolute } from '../../model/paths.ts';
import { callStrings, refusal } from '../calls/arguments.ts';
import { type HeldFd, type OwnedFd, OwnedFds } from '../calls/fd.ts';
import { native } from '../calls/native.ts';
import { type FileStat, Stats } from '../calls/stats.ts';
import { openat2 } from '../calls/tree.ts';

/** An open file of the host, and what it is. */
export interface OpenedPath extends HeldFd {
  /** Or the errno of why it could not be looked at. */
  readonly status: FileStat | number;
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
  readonly #paths: readonly PathString[];
  readonly #places = new Map<PathString, number>();
  readonly #straight: Opened;
  /** Those that lead through symlinks, in their order, and by their place among all. */
  readonly #followed: Opened;
  readonly #through = new Map<number, number>();

  /** @throws {MountError} ENOMEM */
  constructor(paths: readonly PathString[]) {
    this.#paths = paths;
    for (const path of paths) this.#places.set(path, this.#places.size);
    this.#straight = openEach(paths, RESOLVE.NO_SYMLINKS);
    const through = paths.filter((_, index) => {
      if (this.#straight.fds.at(index) !== -constants.errno.ELOOP) return false;
      this.#through.set(index, this.#through.size);
      return true;
    });
    try {
      this.#followed = openEach(through, 0);
    } catch (error) {
      this.#straight.fds.close();
      throw error;
    }
  }

  /** What was opened of the path at that place in the list, or the errno of why it could not be. */
  at(place: number): OpenedPath | number {
    const path = this.#paths[place] ?? '';
    const [{ fds, stats }, index] = this.#find(place);
    const number = fds.at(index);
    if (number < 0) return -number;
    return {
      number,
      name: path,
      status: stats.file(index) ?? stats.errno(index),
      isReal: stats === this.#straight.stats && isCleanAbsolute(path),
    };
  }

  /** {@link at}, by the path; `undefined` where it could not be opened. */
  find(path: PathString): OpenedPath | undefined {
    const place = this.#places.get(path);
    const opened = place === undefined ? undefined : this.at(place);
    return typeof opened === 'number' ? undefined : opened;
  }

  /** The fd of what could be opened. */
  fdOf(path: PathString): HeldFd | undefined {
    const [{ fds }, index] = this.#find(this.#places.get(path) ?? -1);
    const number = fds.at(index);
    return number < 0 ? undefined : { number, name: path };
  }

  #find(place: number): [opened: Opened, index: number] {
    const followed = this.#through.get(place);
    return followed === undefined ? [this.#straight, place] : [this.#followed, followed];
  }

  close(): void {
    this.#straight.fds.close();
    this.#followed.fds.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The fd of one, through symlinks too, or the errno's name. */
export function openHostPath(path: PathString): OwnedFd | string {
  try {
    return openat2(path, { flags: ['PATH'] });
  } catch (error) {
    if (error instanceof MountError) return error.code;
    throw error;
  }
}

function openEach(paths: readonly PathString[], resolve: number): Opened {
  if (paths.length === 0)
    return { fds: new OwnedFds(new Int32Array(0), 'nothing'), stats: new Stats(new ArrayBuffer(0)) };
  const opened = native.sys.openEach(callStrings(paths), LOOK, BigInt(resolve));
  if (typeof opened === 'number')
    throw refusal(opened, { syscall: 'openat2', arguments: ['AT_FDCWD', `${paths.length} paths`] });
  const { fds, records } = opened;
  const owned = new OwnedFds(fds, paths.length === 1 ? `${paths[0]}` : `${paths[0]} and others`);
  if (fds.length === paths.length) return { fds: owned, stats: new Stats(records) };
  owned.close();
  throw new TypeError(`${paths.length} paths were to be opened, and ${fds.length} were`);
}

/** So many fds that stand for nothing but their numbers. @throws {MountError} EMFILE, where there are no more. */
export function spareFds(count: number): OwnedFds {
  const { fds } = openEach(
    Array.from({ length: count }, () => '/'),
    0,
  );
  for (let index = 0; index < count; index += 1) {
    const answer = fds.at(index);
    if (answer >= 0) continue;
    fds.close();
    throw refusal(answer, { syscall: 'openat2', arguments: ['AT_FDCWD', '"/"', '{flags=O_PATH}'] });
  }
  return fds;
}
