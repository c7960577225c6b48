import { CLONE, formatFlags, MNT, MS } from '../../flags.ts';
import { type Asked, bitsOf, callString, checked, type Flags, nullableString, quote } from './arguments.ts';
import { type Fd, fdNumber, fdText } from './fd.ts';
import { native } from './native.ts';

export type MountFlag = keyof typeof MS;
export type UnmountFlag = keyof typeof MNT;
export type NamespaceFlag = keyof typeof CLONE;

export interface MountOptions {
  /** The filesystem type; none for a bind, a move, a remount and a change of propagation. */
  readonly type?: string;
  /** MS_ flags: `['BIND', 'REC']`. */
  readonly flags?: Flags<MountFlag>;
  /** The options of the filesystem, comma separated: `size=4k,mode=755`. */
  readonly options?: string;
}

/**
 * mount(2): makes, binds, moves or changes a mount, by flags. `source` is `null` where none is needed.
 * Runs in the calling thread, as everything in `mountyard/sys`.
 * @throws {MountError} as mount(2) fails.
 */
export function mount(source: string | null, target: string, options: MountOptions = {}): void {
  mountAs(undefined, source, target, options);
}

/** {@link mount}, with what was asked for in front of its errors. */
export function mountAs(asked: Asked, source: string | null, target: string, options: MountOptions): void {
  const flags = bitsOf(options.flags, MS);
  const answer = native.sys.mount(
    nullableString(source),
    callString(target),
    nullableString(options.type),
    BigInt(flags),
    nullableString(options.options),
  );
  checked(
    answer,
    () => ({
      syscall: 'mount',
      arguments: [
        quote(source),
        quote(target),
        quote(options.type),
        formatFlags(flags, MS, 'MS_'),
        quote(options.options),
      ],
      path: source ?? target,
      dest: source === null ? undefined : target,
    }),
    asked,
  );
}

/**
 * umount2(2): takes the topmost mount at `target` off.
 * @throws {MountError} EBUSY while it is in use (without `DETACH`), EINVAL where nothing is mounted.
 */
export function umount2(target: string, flags: Flags<UnmountFlag> = 0): void {
  const bits = bitsOf(flags, MNT);
  checked(native.sys.umount2(callString(target), bits), () => ({
    syscall: 'umount2',
    arguments: [quote(target), formatFlags(bits, { ...MNT, UMOUNT_NOFOLLOW: 0 }, 'MNT_')],
    path: target,
  }));
}

/**
 * pivot_root(2): makes `newRoot` the root of the mount namespace and moves the old root to `oldRoot`.
 * @throws {MountError} EINVAL when the new root is no mount's root or is shared; EBUSY when it is the root already.
 */
export function pivotRoot(newRoot: string, oldRoot: string): void {
  checked(native.sys.pivotRoot(callString(newRoot), callString(oldRoot)), () => ({
    syscall: 'pivot_root',
    arguments: [quote(newRoot), quote(oldRoot)],
    path: newRoot,
    dest: oldRoot,
  }));
}

/**
 * unshare(2), of the calling thread alone: after `['NEWNS']` on Node's main thread, synchronous `fs` calls see
 * the new mount namespace and `fs.promises`, which run on libuv's threads, the old one.
 * @throws {MountError} EPERM; ENOSPC at a limit; EINVAL for `NEWUSER`, which a process of several threads cannot have.
 */
export function unshare(flags: Flags<NamespaceFlag>): void {
  const bits = bitsOf(flags, CLONE);
  checked(native.sys.unshare(bits), () => ({
    syscall: 'unshare',
    arguments: [formatFlags(bits, CLONE, 'CLONE_')],
  }));
}

/**
 * setns(2), of the calling thread alone: enters the namespace that the fd is. A mount namespace can be entered
 * only after `unshare(['FS'])`.
 * @throws {MountError} EINVAL when the fd is no such namespace; EPERM.
 */
export function setns(namespace: Fd, type: Flags<NamespaceFlag> = 0): void {
  const bits = bitsOf(type, CLONE);
  checked(native.sys.setns(fdNumber(namespace), bits), () => ({
    syscall: 'setns',
    arguments: [fdText(namespace), formatFlags(bits, CLONE, 'CLONE_')],
  }));
}
