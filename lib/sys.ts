/**
 * The kernel's mount calls, synchronous and in the calling thread, and short forms for the REPL. Every failure is a
 * `MountError` that shows the call as made.
 */
export { MountError, UsageError } from './errors.ts';
export type { Flags, Place } from './system/calls/arguments.ts';
export {
  bind,
  makePrivate,
  makeShared,
  makeSlave,
  makeUnbindable,
  move,
  type Recursion,
  remount,
} from './system/calls/conveniences.ts';
export { type Fd, OwnedFd } from './system/calls/fd.ts';
export {
  fsconfigCreate,
  fsconfigFd,
  fsconfigFlag,
  fsconfigPath,
  fsconfigReconfigure,
  fsconfigString,
  fsmount,
  fsopen,
  fspick,
} from './system/calls/filesystem.ts';
export {
  type MountFlag,
  type MountOptions,
  mount,
  type NamespaceFlag,
  pivotRoot,
  setns,
  type UnmountFlag,
  umount2,
  umount2 as umount,
  unshare,
} from './system/calls/mount.ts';
export { type InNamespace, listmount, statmount } from './system/calls/query.ts';
export type { MountStatus } from './system/calls/statmount.ts';
export {
  type AttributeChange,
  type MountAttribute,
  type MoveMountFlag,
  mountSetattr,
  moveMount,
  type OpenFlag,
  type OpenTreeFlag,
  openat2,
  openTree,
  openTreeAttr,
  type PropagationName,
  type ResolveFlag,
  type SetattrFlag,
} from './system/calls/tree.ts';
