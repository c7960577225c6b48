import type { FileIdentity } from '../model/facts.ts';
import type { PathString } from '../model/mount.ts';

/** A path of the host to hold by O_PATH fd: `path` itself, or the root of the mount that it lies on. */
export interface HostPath {
  readonly path: PathString;
  readonly of: 'path' | 'mount';
  /** Looked up again by the program, in a copy of the caller's mounts; it must be the file that inspection saw. */
  readonly inCopy?: { readonly path: PathString; readonly identity?: FileIdentity };
}
