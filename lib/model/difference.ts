import type { Mount } from './mount.ts';

/** What two trees can differ in, by DESIGN's definition of "the same tree". */
export type DifferenceKind =
  | 'missing' // expected, not there
  | 'extra' // there, not expected
  | 'root' // another directory or file of the filesystem
  | 'deleted' // whether the root is deleted
  | 'kind' // a directory here, a file there
  | 'type'
  | 'subtype'
  | 'source'
  | 'attributes' // ro, nosuid, nodev, noexec, nosymfollow, the atime family, idmapped
  | 'idmap'
  | 'superblock-options'
  | 'superblock' // which mounts share one
  | 'peer-group' // which mounts share one, or whether there is one
  | 'master' // whose slave, or whether it is one
  | 'unbindable';

/** One difference: plain data, that prints as a line. */
export class Difference {
  constructor(
    readonly kind: DifferenceKind,
    /** The expected mount; for `extra`, the actual one. */
    readonly mount: Mount,
    /** In words, as `actual` is. */
    readonly expected: string,
    readonly actual: string,
  ) {}
}
