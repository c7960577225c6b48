/**
 * Loads the addon and states its interface. Nothing else imports it but `system/`.
 *
 * Every function of {@link NativeSys} is one syscall: it returns the call's value, or `-errno`, which is -ENOMEM
 * where there was no memory to make it with. It runs in the calling thread. Paths and strings are bytes without
 * their NUL; `null` stands for NULL.
 */
import { createRequire } from 'node:module';
import { addonPath } from './addon.ts';

export type Bytes = Uint8Array;

/** What statx(2) says of one file: mode and attributes as bits, ids as BigInt where they need 64 bits. */
export interface NativeStat {
  readonly mode: number;
  readonly device: bigint; // as st_dev
  readonly inode: bigint;
  readonly mountId: bigint; // stx_mnt_id: the reused id that mountinfo shows
  readonly mountRoot: boolean; // STATX_ATTR_MOUNT_ROOT
  readonly uid: number;
  readonly gid: number;
  readonly special: bigint; // st_rdev: what a device node stands for
}

/** Those of open_tree_attr(2) and mount_setattr(2): `attributes` has the four words of struct mount_attr. */
type SetattrArguments = [dirfd: number, path: Bytes, flags: number, attributes: BigUint64Array];

export interface NativeSys {
  mount(
    source: Bytes | null,
    target: Bytes,
    type: Bytes | null,
    flags: bigint,
    options: Bytes | null,
  ): number;
  umount2(target: Bytes, flags: number): number;
  openTree(dirfd: number, path: Bytes, flags: number): number;
  openTreeAttr(...setattr: SetattrArguments): number;
  moveMount(from: number, fromPath: Bytes, to: number, toPath: Bytes, flags: number): number;
  mountSetattr(...setattr: SetattrArguments): number;
  fsopen(type: Bytes, flags: number): number;
  fsconfig(fs: number, command: number, key: Bytes | null, value: Bytes | null, aux: number): number;
  fsmount(fs: number, flags: number, attributes: number): number;
  fspick(dirfd: number, path: Bytes, flags: number): number;
  openat2(dirfd: number, path: Bytes, flags: bigint, mode: bigint, resolve: bigint): number;
  mkdirat(dirfd: number, path: Bytes, mode: number): number;
  mknodat(dirfd: number, path: Bytes, mode: number, device: bigint): number;
  symlinkat(target: Bytes, dirfd: number, path: Bytes): number;
  unlinkat(dirfd: number, path: Bytes, flags: number): number;
  pivotRoot(newRoot: Bytes, oldRoot: Bytes): number;
  setns(fd: number, type: number): number;
  unshare(flags: number): number;
  fchdir(fd: number): number;
  chroot(path: Bytes): number;
  close(fd: number): number;
  /** statx(2) with STATX_BASIC_STATS | STATX_MNT_ID. */
  statx(dirfd: number, path: Bytes, flags: number): NativeStat | number;
  /** `f_type` of fstatfs(2). */
  fstatfsType(fd: number): bigint | number;
  /** The raw answer of statmount(2), or -errno. `namespace` 0n is the caller's. */
  statmount(mountId: bigint, namespace: bigint, mask: bigint): Bytes | number;
  /** The ids that listmount(2) gives, or -errno. `mountId` -1n (LSMT_ROOT) is the whole namespace. */
  listmount(mountId: bigint, namespace: bigint, flags: number): BigUint64Array | number;
  /**
   * The raw answers of statmount(2) for these mounts of a namespace, without those that are gone, read by a thread that
   * enters it and a root directory in it, from which the mount points are told; or -errno.
   */
  statmountsInside(
    namespace: number,
    root: number,
    mountIds: BigUint64Array,
    mask: bigint,
  ): readonly Bytes[] | number;
  /**
   * A little of the mounts of a namespace, whatever covers them, in the order of their ids, so many of those that
   * follow the id `after`, read in the same way: 32 bytes for each, see `system/briefs`; or -errno.
   */
  briefsInside(namespace: number, root: number, after: bigint, most: number): ArrayBuffer | number;
  /**
   * Of each of these mounts by statmount(2): its peer group and its master, 0 for none, and 1 when it is unbindable,
   * else 0. One that is gone has only -1; -errno when the first is.
   */
  sharing(mountIds: BigUint64Array, namespace: bigint): Int32Array | number;
  /** An ioctl that takes no argument or a zero: nsfs NS_GET_USERNS and the like return an fd. */
  ioctl(fd: number, request: number): number;
  pidfdOpen(pid: number, flags: number): number;
  /** Two connected stream sockets (AF_UNIX), close-on-exec, or -errno. */
  socketpair(): readonly [number, number] | number;
  /** statx(2) with STATX_MNT_ID_UNIQUE: `mountId` is the id that is never reused. EOPNOTSUPP before Linux 6.8. */
  statxUnique(dirfd: number, path: Bytes, flags: number): NativeStat | number;
  /** statx of many paths, each with its NUL: 56 bytes for each, see `system/stats`. */
  statxEach(dirfd: number, paths: Bytes, flags: number): ArrayBuffer | number;
  statxUniqueEach(dirfd: number, paths: Bytes, flags: number): ArrayBuffer | number;
  /** openat2 of many paths, each with its NUL, and statx of what was opened: each fd, or -errno, and 56 bytes. */
  openEach(
    paths: Bytes,
    flags: bigint,
    resolve: bigint,
  ): { readonly fds: Int32Array; readonly records: ArrayBuffer } | number;
  /** Closes each that is none of an -errno. */
  closeEach(fds: Int32Array): number;
  /** Each that is none of an -errno is closed when this thread is terminated, or -ENOMEM. */
  holdEach(fds: Int32Array): number;
  /** Not this one any more; one that is closed needs no word. */
  letGo(fd: number): number;
  readlinkat(dirfd: number, path: Bytes): Bytes | number;
  /** The next entries of an open directory as getdents64(2) gives them, none at its end; or -errno. */
  getdents(fd: number): Bytes | number;
  /** The 64-bit id of a mount namespace (ioctl_nsfs(2), NS_GET_MNTNS_ID), or -errno. */
  namespaceId(fd: number): bigint | number;
  /**
   * How many mounts a namespace has, without the one at its bottom, wherever they are (NS_MNT_GET_INFO); or -errno:
   * ENOTTY before Linux 6.12, EPERM without privilege over it.
   */
  namespaceMounts(fd: number): number;
  /** The events that poll(2) finds on one fd at once, or -errno. */
  pollNow(fd: number, events: number): number;
}

/** Namespaces to enter first: pairs of an fd and its CLONE_NEW bit, the user namespace before the others. */
type Enter = Int32Array;

/** Where a program runs: a fresh thread of this process, or a forked child, which may have a user namespace. */
export type RunPlace =
  | { readonly kind: 'thread'; readonly enter?: Enter }
  | {
      readonly kind: 'fork';
      readonly enter?: Enter;
      /** Flags of the child's first unshare(2): CLONE_NEWUSER and what else it should have of its own. */
      readonly unshare: number;
      /** The bytes to write to uid_map, setgroups and gid_map of the child; empty: not written. */
      readonly uidMap: Bytes;
      readonly setgroups: Bytes;
      readonly gidMap: Bytes;
    };

export interface RunRequest {
  readonly program: Bytes;
  readonly imports: Int32Array; // fds, in slot order
  readonly place: RunPlace;
  /** Shared words: [0] set to 1 cancels between ops; [1] counts the ops done; [2], if there, is 1 when all is over. */
  readonly control?: Int32Array;
}

export interface RunResult {
  readonly status: 'done' | 'failed' | 'cancelled' | 'refused';
  /** Index of the op that failed, or before which it was cancelled. -1: the place could not be set up. */
  readonly op: number;
  readonly errno: number;
  /** When `op` is -1: what could not be had ('thread', 'fork', 'unshare', 'uid_map', 'setgroups', 'gid_map', 'socketpair', …). */
  readonly stage: string;
  /** 'refused': what the byte checker found, and at which op. */
  readonly defect: string;
  /** Messages of the filesystem context, when fsopen, fsconfig or fsmount failed. */
  readonly log: readonly string[];
  /** Undo ops that failed, with their errno. At most 16 are kept; `undoFailures` counts all. */
  readonly undo: readonly { readonly op: number; readonly errno: number }[];
  readonly undoFailures: number;
  /** 'done': the undo ops that take back what was made, for a caller that has to give up after all. */
  readonly undoable: readonly number[];
  /** Fds of the export slots, -1 for a slot left empty. Empty unless 'done'. The caller owns them. */
  readonly exports: readonly number[];
}

/** A program that runs, or ran, in a thread of its own. */
export interface StartedRun {
  /** Settles when the run is over; never rejects. */
  readonly over: Promise<void>;
  /** The result, once, when the run is over; else nothing. Fds in a result that nobody takes are closed. */
  take(): RunResult | undefined;
}

export interface Native {
  readonly sys: NativeSys;
  /** Checks the program, runs it, joins. Throws only when an argument has the wrong type. */
  runSync(request: RunRequest): RunResult;
  /** The same without blocking the event loop. Throws only when an argument has the wrong type. */
  start(request: RunRequest): StartedRun;
  /** A user namespace with these maps, held by the fd returned, or { stage, errno }. */
  userNamespace(uidMap: Bytes, gidMap: Bytes): number | { readonly stage: string; readonly errno: number };
  /** The op codes and sizes compiled into the addon, for the test that compares them with `program/format`. */
  readonly format: { readonly [name: string]: number };
}

export const native = createRequire(import.meta.url)(addonPath()) as Native;
