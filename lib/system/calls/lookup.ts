import { AT, O, RESOLVE, S_IFDIR, S_IFLNK, S_IFMT } from '../../flags.ts';
import { encodeBytes } from '../../model/bytes.ts';
import type { PathFact } from '../../model/facts.ts';
import type { PathString } from '../../model/mount.ts';
import { refusal } from './arguments.ts';
import { errnoName } from './errno.ts';
import type { HeldFd } from './fd.ts';
import { type NativeStat, native } from './native.ts';

const NO_BYTES = new Uint8Array(0);
const STAY_BELOW = BigInt(RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_MAGICLINKS | RESOLVE.NO_XDEV);
/** Without O_DIRECTORY an automount point at the end of the path stays as it is. */
const LOOK = BigInt(O.PATH | O.NOFOLLOW | O.CLOEXEC);
const RENAMED_MEANWHILE = 8;

/** What a lookup found; `covered`: a mount stands in the way. */
export type LookupFact = PathFact | 'covered';

/** statx(2) of an open file; `undefined` when it is refused. */
export function statFd(fd: number): NativeStat | undefined {
  const status = native.sys.statx(fd, NO_BYTES, AT.EMPTY_PATH);
  return typeof status === 'number' ? undefined : status;
}

/** {@link statFd} of a file that must be there. @throws {MountError} */
export function statOpen(fd: HeldFd): NativeStat {
  const status = native.sys.statx(fd.number, NO_BYTES, AT.EMPTY_PATH);
  if (typeof status !== 'number') return status;
  const made = ['AT_EMPTY_PATH', 'STATX_BASIC_STATS|STATX_MNT_ID'];
  const shown = `${fd.number}<${fd.name}>`;
  throw refusal(status, { syscall: 'statx', arguments: [shown, '""', ...made], path: fd.name });
}

/** What a file is, by its mode. */
export function kindOfMode(mode: number): PathFact {
  const type = mode & S_IFMT;
  return type === S_IFDIR ? 'directory' : type === S_IFLNK ? 'symlink' : 'file';
}

/** What is at a relative path of a directory, through no symlink and no mount. */
export function lookUp(directory: number, path: PathString): LookupFact {
  const found = openBelow(directory, path);
  if (found < 0) return factOfErrno(-found);
  const status = statFd(found);
  native.sys.close(found);
  return status === undefined ? 'unknown' : kindOfMode(status.mode);
}

function openBelow(directory: number, path: PathString): number {
  const bytes = encodeBytes(path);
  // EAGAIN: something was renamed or mounted while the kernel checked that the path stays below.
  for (let tries = RENAMED_MEANWHILE; ; tries -= 1) {
    const answer = native.sys.openat2(directory, bytes, LOOK, 0n, STAY_BELOW);
    if (answer >= 0 || tries === 0 || errnoName(-answer) !== 'EAGAIN') return answer;
  }
}

function factOfErrno(errno: number): LookupFact {
  switch (errnoName(errno)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'absent';
    case 'ELOOP':
      return 'symlink';
    case 'EXDEV':
      return 'covered';
    default:
      return 'unknown';
  }
}

/** `major:minor` of a st_dev, as mountinfo prints it (glibc's gnu_dev_major). */
export function deviceText(device: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  return `${major}:${minor}`;
}
