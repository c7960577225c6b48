import type { CgroupPath } from './cgroups.ts';
import type { IdMap, Kind, Mount, PathString } from './mount.ts';

/** The calls that an engine may need, by their names in `man 2`, and what they can be used for. */
export const CAPABILITY_NAMES = [
  'open_tree',
  'move_mount',
  'set_group', // MOVE_MOUNT_SET_GROUP
  'beneath', // MOVE_MOUNT_BENEATH
  'detached_trees', // mounting onto a mount of a detached tree
  'fsopen',
  'mount_setattr',
  'open_tree_attr',
  'openat2',
  'statmount',
  'listmount',
] as const;
export type CapabilityName = (typeof CAPABILITY_NAMES)[number];

/** What this kernel and this user can do: found by trying, never from a version number. */
export interface Capabilities {
  /** `uname -r`, for people to read. */
  readonly kernel: string;
  /** `true`, or the errno name of the trial's answer. */
  readonly calls: { readonly [name in CapabilityName]: true | string };
  readonly privileges: {
    readonly uid: number;
    readonly gid?: number;
    /** CAP_SYS_ADMIN over the current mount namespace. */
    readonly mount: boolean;
    /** CAP_MKNOD in the initial user namespace: device nodes can be made. */
    readonly mknod: boolean;
    /** The process lives in a user namespace other than the initial one. */
    readonly inUserNamespace: boolean;
    /** Of that user namespace: which ids are mapped, and to which of the one above. */
    readonly idMap?: IdMap;
    /** A new user namespace can be made. */
    readonly userNamespace: true | string;
  };
  /** `true`, or why the engine cannot run here. */
  readonly engines: {
    readonly detached: true | string;
    readonly yard: true | string;
    readonly classic: true | string;
  };
}

/** What is at a path: nothing, a directory, or anything else; `unknown` where it could not be looked at. */
export type PathFact = Kind | 'absent' | 'symlink';

/** Which file it is: the S_IFMT part of its st_mode, and st_dev and st_ino as decimal numbers. */
export interface FileIdentity {
  readonly type: number;
  readonly device: string;
  readonly inode: string;
}

/** What a more privileged user namespace keeps from being changed (mount_namespaces(7)). */
export interface SourceLocks {
  /** Of the options of the mount those that cannot be cleared; `atime`: its mode cannot be changed. */
  readonly options: readonly string[];
  /** The path cannot be cloned without what is mounted below it. */
  readonly below: boolean;
  /** Nor can the root of its mount. */
  readonly mountBelow: boolean;
}

/** A host path that the caller named, as it was found. */
export interface SourceFact {
  readonly path: PathString;
  readonly kind: PathFact;
  /** Errno name, when the path could not be opened. */
  readonly error?: string;
  /** The path inside its filesystem. */
  readonly root?: PathString;
  /** The mount it lies on; its `mountPoint` is in the caller's view. */
  readonly mount?: Mount;
  /** The root of that mount can be reached, so that its propagation can be changed and followed from there. */
  readonly mountRootReachable?: boolean;
  /** Mounts stand below the path (in a user namespace they are locked, and the path cannot be bound alone). */
  readonly submounts?: boolean;
  /** What is locked there, where the caller lives in a user namespace and could clone it. */
  readonly locks?: SourceLocks;
  /** What to know the file at the path by, and the root of that mount, where they are looked up a second time. */
  readonly identity?: FileIdentity;
  readonly mountRootIdentity?: FileIdentity;
  /** Paths below it that the tree needs, relative, without a leading slash. */
  readonly paths: { readonly [relative: PathString]: PathFact };
}

/** A filesystem that mountyard would make here, as a trial showed it. */
export interface FilesystemFact {
  /** `true`; `unknown` where a trial was not possible; else the errno name. */
  readonly creatable: true | 'unknown' | string;
  /** What the kernel said in words when it refused. */
  readonly log?: readonly string[];
  /** The device number of a window's superblock. */
  readonly device?: string;
  /** Options in force on a window, as the kernel prints them. */
  readonly superOptions?: string;
  /** Paths inside it that the tree needs, absolute. */
  readonly paths: { readonly [path: PathString]: PathFact };
}

/** The place where `into` attaches; `/` where the tree is to be the root of a namespace that exists. */
export interface DestinationFact {
  readonly path: PathString;
  readonly kind: PathFact;
  readonly error?: string;
  readonly mount?: Mount;
  /** In a namespace that exists: other mounts of it are in peer groups or follow masters. */
  readonly hasSharing?: true;
  /** The map of the user namespace that its namespace belongs to, where that is not the caller's. */
  readonly idMap?: IdMap;
}

/** All that a plan needs to know of a host: plain data, gathered without changing anything. */
export interface HostFacts {
  readonly format: 'mountyard-host-facts';
  readonly version: 1;
  readonly capabilities: Capabilities;
  readonly sources: { readonly [path: PathString]: SourceFact };
  /** By `filesystemKey` of `plan/filesystems`: `tmpfs`, `tmpfs mode=755,size=4k`, `cgroup memory`. */
  readonly filesystems: { readonly [key: string]: FilesystemFact };
  readonly destination?: DestinationFact;
  /** Whether the namespaces that the options ask for can be made: `true`, or why not. */
  readonly namespaces?: true | string;
  /** Where the caller sees the root of the cgroup namespace that the tree is for, where that is another. */
  readonly cgroups?: readonly CgroupPath[];
  /** The caller's own mount table, which `--auto` proposes from. */
  readonly hostMounts?: readonly Mount[];
}

/** The value under a key of a plain record, never one of its prototype: the keys come from outside. */
export function own<T>(record: { readonly [key: string]: T }, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
