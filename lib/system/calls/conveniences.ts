import { MS } from '../../flags.ts';
import { type Asked, bitsOf, type Flags, quote } from './arguments.ts';
import { type MountFlag, mountAs } from './mount.ts';

export interface Recursion {
  /** Takes all mounts below too. */
  readonly recursive?: boolean;
}

/**
 * Makes the directory or file `source` appear at `target` too (MS_BIND); `recursive` brings the mounts below it.
 * @throws {MountError} ENOENT, ENOTDIR; EINVAL for what is unbindable or locked by a user namespace.
 */
export function bind(source: string, target: string, options: Recursion = {}): void {
  mountAs(asked('bind', [source, target], options), source, target, { flags: MS.BIND | recursion(options) });
}

/**
 * Moves the mount at `source`, with all below it, to `target` (MS_MOVE).
 * @throws {MountError} EINVAL when `source` is not the root of a mount, or lies below a shared one.
 */
export function move(source: string, target: string): void {
  mountAs(asked('move', [source, target]), source, target, { flags: MS.MOVE });
}

/** Puts the mount at `target` into a peer group, a new one when it is in none. @throws {MountError} EINVAL. */
export function makeShared(target: string, options: Recursion = {}): void {
  setPropagation('makeShared', target, options, MS.SHARED);
}

/** Makes the mount at `target` a slave of the peer group it is in. @throws {MountError} EINVAL. */
export function makeSlave(target: string, options: Recursion = {}): void {
  setPropagation('makeSlave', target, options, MS.SLAVE);
}

/** Takes the mount at `target` out of its peer group and from its master. @throws {MountError} EINVAL. */
export function makePrivate(target: string, options: Recursion = {}): void {
  setPropagation('makePrivate', target, options, MS.PRIVATE);
}

/** As {@link makePrivate}, and it cannot be bound. @throws {MountError} EINVAL. */
export function makeUnbindable(target: string, options: Recursion = {}): void {
  setPropagation('makeUnbindable', target, options, MS.UNBINDABLE);
}

/**
 * Gives the mount at `target` exactly these flags: of the mount alone (MS_REMOUNT|MS_BIND), or with `superblock`
 * of the filesystem, with its `options`.
 * @throws {MountError} EINVAL when `target` is not the root of a mount; EPERM for what a user namespace locks.
 */
export function remount(
  target: string,
  flags: Flags<MountFlag>,
  { superblock = false, options }: { readonly superblock?: boolean; readonly options?: string } = {},
): void {
  const bits = bitsOf(flags, MS) | MS.REMOUNT | (superblock ? 0 : MS.BIND);
  mountAs(asked('remount', [target]), null, target, {
    flags: bits,
    ...(options === undefined ? {} : { options }),
  });
}

function setPropagation(name: string, target: string, options: Recursion, flag: number): void {
  mountAs(asked(name, [target], options), null, target, { flags: flag | recursion(options) });
}

function recursion(options: Recursion): number {
  return options.recursive ? MS.REC : 0;
}

function asked(name: string, paths: readonly string[], options: Recursion = {}): Asked {
  return `${name}(${paths.map(quote).join(', ')}${options.recursive ? ', {recursive: true}' : ''})`;
}
