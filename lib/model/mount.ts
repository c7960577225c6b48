/** A path or name as Linux has it: bytes, decoded by `model/bytes` so that no byte is lost. */
export type PathString = string;

/**
 * The mount point of a mount that no path leads to: what it is on was moved out of what the mount below shows, or is
 * under a cover. The kernel does not tell where that is; getcwd(2) has the same word for it.
 */
export const UNREACHABLE: PathString = '(unreachable)';

/** What a mount's root is. A mountinfo text does not say which: the kind is then unknown, and never differs. */
export type Kind = 'directory' | 'file' | 'unknown';

/** How mount and unmount events travel; see mount_namespaces(7). */
export interface Propagation {
  /** The peer group that the mount is a member of. */
  readonly shared?: number;
  /** The peer group that the mount is a slave of. */
  readonly master?: number;
  /** The nearest dominant peer group under the reader's root; shown only beside `master`. */
  readonly propagateFrom?: number;
  readonly unbindable: boolean;
}

/** One line of a user namespace's map: `inside outside length`. */
export interface IdRange {
  readonly inside: number;
  readonly outside: number;
  readonly length: number;
}

export interface IdMap {
  readonly uid: readonly IdRange[];
  readonly gid: readonly IdRange[];
}

export type FileKind = 'directory' | 'file' | 'symlink' | 'fifo' | 'socket' | 'character' | 'block';

/** What is at a path of a filesystem, as far as it takes to make it again. */
export interface NodeStatus {
  readonly kind: FileKind;
  /** The permissions, with the setuid, setgid and sticky bits: the lower 12 bits of `st_mode`. */
  readonly mode: number;
  /** Its owners; absent where only an idmapped mount shows it, whose map does not have them. */
  readonly uid?: number;
  readonly gid?: number;
  /** `major:minor` of what a device node stands for. */
  readonly device?: string;
  /** Where a symlink points. */
  readonly target?: PathString;
}

/** A node whose owners are known. */
export interface OwnedNode extends NodeStatus {
  readonly uid: number;
  readonly gid: number;
}

/** A directory of a filesystem, by its path in it. */
export interface DirectoryStatus extends Pick<NodeStatus, 'mode' | 'uid' | 'gid'> {
  readonly path: PathString;
}

/**
 * One mount, as proc(5) describes a line of mountinfo, plus what only other readings know (`kind`, `uniqueId`,
 * `idmap`). Escapes are decoded, except in `superOptions`, whose inner syntax belongs to the filesystem.
 */
export interface Mount {
  readonly id: number;
  readonly parentId: number;
  /** `major:minor` of the superblock. */
  readonly device: string;
  /** The directory or file of the filesystem that the mount shows, without the kernel's `//deleted`. */
  readonly root: PathString;
  /** The root was removed after it was mounted. */
  readonly deleted: boolean;
  /** The inode number of a deleted root (decimal): several can have had one path, one after the other. */
  readonly rootInode?: string;
  readonly mountPoint: PathString;
  /** The words of the per-mount options, in the kernel's order: `rw`, `nosuid`, … */
  readonly options: readonly string[];
  readonly propagation: Propagation;
  /** Optional fields that no kernel known here prints. */
  readonly unknownTags: readonly string[];
  readonly type: string;
  readonly subtype?: string;
  /** What the mount call was given as its source; `none` for NULL, possibly empty. */
  readonly source: string;
  /** The superblock's options as printed, undecoded: see `superOptionWords`. */
  readonly superOptions: string;
  readonly kind: Kind;
  /** The id that is never reused (decimal), where the kernel told it. */
  readonly uniqueId?: string;
  /** The map of an idmapped mount. */
  readonly idmap?: IdMap;
  /** What its root is; absent where it is ordinary (see `isOrdinaryNode`), or could not be looked at. */
  readonly rootNode?: NodeStatus;
  /** What it is mounted on, likewise. */
  readonly placeNode?: NodeStatus;
  /**
   * Directories below its root that are not ordinary, on the way to what is mounted on it or to the roots of other
   * mounts of its filesystem.
   */
  readonly directories?: readonly DirectoryStatus[];
  /** The line as it was read, where the kernel of today would print it differently. */
  readonly verbatim?: string;
}

/** Whether it shows other owners than its filesystem has; which, only its `idmap` tells. */
export function isIdmapped({ options }: Mount): boolean {
  return options.includes('idmapped');
}

/** A mount that nobody else has yet, such as one of a tree that is being captured: what is found out is filled in. */
export type MountDraft = { -readonly [Key in keyof Mount]: Mount[Key] };

/** `mount 44 at /proc`, as all sentences name a mount. */
export function nameOf(mount: Mount): string {
  return `mount ${mount.id} at ${mount.mountPoint}`;
}
