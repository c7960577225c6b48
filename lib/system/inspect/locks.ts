/** What a more privileged user namespace has locked on a mount: nothing tells it but a trial. */
import { MountError } from '../../errors.ts';
import type { SourceLocks } from '../../model/facts.ts';
import type { Mount } from '../../model/mount.ts';
import type { OwnedFd } from '../calls/fd.ts';
import { type AttributeChange, mountSetattr, openTree } from '../calls/tree.ts';

const CLEARING: { readonly [word: string]: AttributeChange } = {
  ro: { clear: ['RDONLY'] },
  nosuid: { clear: ['NOSUID'] },
  nodev: { clear: ['NODEV'] },
  noexec: { clear: ['NOEXEC'] },
};

/**
 * Tries on a private, detached clone, which goes at once, what a restore would do with one. Where the path cannot be
 * cloned alone, the clone has all that is mounted below.
 *
 * @throws {MountError} where it could not be tried: ENOMEM, EMFILE, ENOSPC.
 * @param fd at the path; `root`: of the root of its mount.
 */
export function locksOf(fd: number, root: number | undefined, mount: Mount): SourceLocks {
  const alone = tryClone(fd, false);
  using clone = alone ?? tryClone(fd, true);
  const below = alone === undefined && clone !== undefined;
  return {
    options: clone ? lockedOptions(clone, mount) : [],
    below,
    mountBelow: root === undefined || root === fd ? below : isLockedBelow(root),
  };
}

function isLockedBelow(root: number): boolean {
  using alone = tryClone(root, false);
  if (alone) return false;
  using whole = tryClone(root, true);
  return whole !== undefined;
}

function tryClone(fd: number, recursive: boolean): OwnedFd | undefined {
  let clone: OwnedFd | undefined;
  try {
    clone = openTree(fd, recursive ? ['CLONE', 'RECURSIVE'] : ['CLONE']);
    mountSetattr(clone, { propagation: 'PRIVATE' }, recursive ? ['RECURSIVE'] : []);
    return clone;
  } catch (error) {
    clone?.close();
    if (isUncloneable(error)) return undefined;
    throw error;
  }
}

/** Nobody may clone what is there, the caller may not, or the kernel has no such call; all else is a shortage. */
const UNCLONEABLE = new Set(['EINVAL', 'EPERM', 'ENOSYS']);

export function isUncloneable(error: unknown): boolean {
  return error instanceof MountError && UNCLONEABLE.has(error.code);
}

function lockedOptions(clone: OwnedFd, { options }: Mount): string[] {
  const locked = Object.keys(CLEARING).filter(
    (word) => options.includes(word) && isRefused(clone, CLEARING[word] as AttributeChange),
  );
  const otherMode: AttributeChange = options.includes('noatime') ? {} : { set: ['NOATIME'] };
  return isRefused(clone, { ...otherMode, clear: ['__ATIME'] }) ? [...locked, 'atime'] : locked;
}

function isRefused(clone: OwnedFd, change: AttributeChange): boolean {
  try {
    mountSetattr(clone, change);
    return false;
  } catch (error) {
    if (error instanceof MountError && error.code === 'EPERM') return true;
    throw error;
  }
}
