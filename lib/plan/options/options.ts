import type { IdMap, PathString } from '../../model/mount.ts';

/** A mount of the tree: its mount point (the topmost there), or `#ID`. */
export type TargetName = string;

/** An object that holds a mount namespace: a `MountNamespace`. */
export interface HeldNamespace {
  readonly fd: { readonly number: number };
}

/**
 * Where a restored tree goes: into a new namespace, which is the default; to a directory of the caller's; or into a
 * namespace that exists, that of a process or one that is held, to a directory there or as its new root.
 */
export type Into =
  | { readonly namespace: 'new'; readonly at?: never }
  | { readonly at: PathString; readonly namespace?: never }
  | { readonly namespace: number | HeldNamespace; readonly at?: PathString };

/** A kind of namespace besides mount and user namespaces. */
export type OtherNamespace = 'pid' | 'net' | 'ipc' | 'cgroup';

/** How a tree is built where nobody sees it: as a detached tree, or in a private namespace. */
export type Engine = 'detached' | 'yard';

/** What the caller grants, supplies and asks for; see "Asking what a restore needs" in docs/command.md. */
export interface RestoreOptions {
  /** A directory of this host that supplies the root mount. */
  readonly root?: PathString;
  /** Mounts that the host supplies: each is a bind of the path given. */
  readonly external?: { readonly [target: TargetName]: PathString };
  /**
   * Mounts that a recursive bind supplies: with what is mounted below the path on the host, as `mount --rbind` does.
   * What comes along stays as it is, and supplies the mounts of the tree that are the same.
   */
  readonly recursive?: readonly TargetName[];
  /** Slaves of host mounts: the path whose mount's peer group is followed, or `true`: the mount that supplies it. */
  readonly slaves?: { readonly [target: TargetName]: PathString | true };
  /** Lets a private host mount named in `slaves` be made MS_SHARED, which stays. */
  readonly shareSources?: boolean;
  /** Drops masters that lie outside the tree. */
  readonly ignoreHostPropagation?: boolean;
  /** Instance types made anew and empty where the tree shows no `/` root of them. */
  readonly fresh?: readonly TargetName[] | 'all';
  /** An empty tmpfs in place of these superblocks, or of all that cannot be made here for real. */
  readonly standIn?: readonly TargetName[] | 'all';
  /** Mounts left out, with all that is mounted below them. */
  readonly skip?: readonly TargetName[];
  /** Creates missing mount points in host filesystems too. */
  readonly makeMountPoints?: boolean;
  /** The fresh tmpfs that gets the default device nodes and links of the OCI runtime specification. */
  readonly dev?: TargetName;
  /** The maps of idmapped mounts; of the root and of any other mount that is to be one, too. */
  readonly idmap?: { readonly [target: TargetName]: IdMap };
  readonly into?: Into;
  /** With `into.at` below a shared mount: binds the destination on itself and makes it private first. */
  readonly makeDestinationPrivate?: boolean;
  /** Forces one engine. */
  readonly engine?: Engine | 'classic';
  /**
   * Builds in a new user namespace: the caller mapped to 0, or these maps (`INSIDE OUTSIDE LENGTH`), which an ordinary
   * user has written by newuidmap(1) and newgidmap(1).
   */
  readonly userNamespace?:
    | 'self'
    | { readonly uidMap: readonly string[]; readonly gidMap: readonly string[] };
  /**
   * Namespaces that are new besides the mount namespace, because a proc (pid), sysfs (net), mqueue (ipc) or cgroup2
   * (cgroup) that is made in a user namespace shows one of its own. Commands in the tree run in them, too.
   */
  readonly newNamespaces?: readonly OtherNamespace[];
}
