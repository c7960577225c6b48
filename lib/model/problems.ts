import type { Mount } from './mount.ts';

/** Why a list of mounts is no tree that a kernel can hold. */
export type ProblemCode =
  | 'empty' // no mount at all
  | 'duplicate-id'
  | 'cycle'
  | 'two-roots' // two mounts that each are their own root
  | 'absent-parents' // top mounts whose absent parents differ
  | 'same-place' // two mounts with one parent and one mount point
  | 'outside-parent' // a mount point that is not at or below its parent's
  | 'dot-dot' // `..`, `.` or an empty component where the kernel prints none
  | 'relative-path'
  | 'long-path' // longer than any that a kernel was seen to print, by far
  | 'deleted-whole' // a `/` that was deleted: a filesystem's own root cannot be
  | 'on-deleted' // a mount on, or in, a directory that was deleted: its removal would have taken the mount away
  | 'superblock-types' // one device number, two filesystem types
  | 'group-superblocks' // a peer group over two superblocks
  | 'group-masters' // members of one peer group with different masters
  | 'master-cycle'; // a group that is, through its masters, its own slave

export interface Problem {
  readonly code: ProblemCode;
  readonly mounts: readonly Mount[];
  /** A sentence naming the mounts by id and mount point. */
  readonly reason: string;
}
