import type { IdMap, OwnedNode, PathString } from '../../model/mount.ts';
import type { GroupKey } from '../groups/groups.ts';
import type { Parameter } from '../questions.ts';

/** Index into `RestorePlan.origins`. */
export type OriginId = number;

/** Where mounts are cloned from: a filesystem made here, or a path of the host. */
export type Origin =
  | {
      readonly kind: 'filesystem';
      readonly type: string;
      readonly source: string;
      readonly parameters: readonly Parameter[];
      /** Why it stands in for another filesystem; absent when it is the real one. */
      readonly standInFor?: string;
    }
  | {
      readonly kind: 'host';
      readonly source: PathString;
      /** The path itself, or the root of the mount that it lies on. */
      readonly of: 'path' | 'mount';
    };

/** What a node in a filesystem made here is. */
export type NodeKind = 'directory' | 'file';

/** One thing to do; `mount` is the id of the mount that it serves. */
export type Action = { readonly mount?: number } & (
  | { readonly kind: 'make-filesystem'; readonly origin: OriginId }
  | {
      readonly kind: 'clone-source';
      readonly origin: OriginId;
      readonly source: PathString;
      readonly of: 'path' | 'mount';
      readonly node: NodeKind;
      /** With all that is mounted below it. */
      readonly recursive?: true;
      /** The host's mount is idmapped, and its map is not to be the tree's. */
      readonly clearsIdmap?: true;
    }
  | {
      readonly kind: 'make-node';
      readonly origin: OriginId;
      /** `/`: the root, which is there and only becomes as it is to be. */
      readonly path: PathString;
      readonly node: NodeKind;
      /** What it is to be, where that is told: a FIFO, a symlink, of another mode or owner. */
      readonly status?: OwnedNode;
    }
  /** Gives a directory its permissions. */
  | { readonly kind: 'set-mode'; readonly origin: OriginId; readonly path: PathString; readonly mode: number }
  | {
      readonly kind: 'make-device';
      readonly origin: OriginId;
      readonly path: PathString;
      readonly major: number;
      readonly minor: number;
      readonly permissions: number;
    }
  | {
      readonly kind: 'make-link';
      readonly origin: OriginId;
      readonly path: PathString;
      readonly target: PathString;
    }
  | {
      /** Gets the mount out of its origin (a clone of `path` in it; `take`: the origin itself) with its attributes. */
      readonly kind: 'clone';
      readonly mount: number;
      readonly origin: OriginId;
      readonly path: PathString;
      readonly take: boolean;
      /** MOUNT_ATTR bits. */
      readonly attributes: number;
      readonly unbindable: boolean;
      readonly idmap?: IdMap | undefined;
    }
  | {
      /** Gets the mount, and all that is mounted on it, by a recursive clone of one that is the same. */
      readonly kind: 'clone-image';
      readonly mount: number;
      /** The mount that it is cloned from, complete by then. */
      readonly of: number;
    }
  | {
      /** Makes a missing mount point in a host filesystem. */
      readonly kind: 'make-mount-point';
      readonly mount: number;
      readonly origin: OriginId;
      readonly path: PathString;
      readonly node: NodeKind;
    }
  | {
      /** Places the mount at a path of its parent, '' being the parent's own root. */
      readonly kind: 'place';
      readonly mount: number;
      readonly parent: number;
      readonly path: PathString;
      /** The parent's filesystem was made here and holds only what was put there: no symlink is in the way. */
      readonly ownNodes: boolean;
    }
  | {
      /** Lets a private host mount start a peer group. */
      readonly kind: 'share-source';
      readonly source: PathString;
      /** What it was before, and is made again on failure. */
      readonly before: 'private' | 'slave' | 'unbindable';
    }
  | {
      /** A detached mount that holds the group while its members are given it. */
      readonly kind: 'make-group';
      readonly group: GroupKey;
      /**
       * What it is a clone of: an origin's root, or the host mount that is followed (`of`: its root, or the path).
       * Absent: what started its master's group.
       */
      readonly from?:
        | { readonly origin: OriginId }
        | { readonly mountOf: PathString; readonly of: 'path' | 'mount' };
      readonly node: NodeKind;
      /** Has its master from what started this group. */
      readonly master?: GroupKey;
      /** Becomes a slave of the host mount that it was cloned from. */
      readonly followsHost: boolean;
      readonly shared: boolean;
    }
  | {
      /** Makes the mount with its group's sharing, which the other members are then given from it. */
      readonly kind: 'start-group';
      readonly mount: number;
      readonly group: GroupKey;
      /** A clone of this origin's root, or (`take`) the origin itself. Absent: of what started its master's group. */
      readonly from?: { readonly origin: OriginId; readonly take: boolean } | undefined;
      readonly node: NodeKind;
      readonly master?: GroupKey | undefined;
      readonly shared: boolean;
      /** MOUNT_ATTR bits. */
      readonly attributes: number;
    }
  | {
      /** Makes the mount as a clone of the one that started its group. */
      readonly kind: 'clone-member';
      readonly mount: number;
      readonly group: GroupKey;
      /** MOUNT_ATTR bits; absent: those of the mount that it is a clone of. */
      readonly attributes?: number | undefined;
    }
  | { readonly kind: 'set-group'; readonly mount: number; readonly group: GroupKey }
  | {
      /** Starts a peer group of its own: the mount, or what a recursive bind brought along at a path below it. */
      readonly kind: 'share';
      readonly mount: number;
      /** Relative; '' is the mount itself. */
      readonly path: PathString;
    }
  | {
      readonly kind: 'rename';
      readonly origin: OriginId;
      readonly from: PathString;
      readonly to: PathString;
    }
  | {
      /** A second name (a hard link). */
      readonly kind: 'link';
      readonly origin: OriginId;
      readonly from: PathString;
      readonly to: PathString;
    }
  | { readonly kind: 'delete'; readonly origin: OriginId; readonly path: PathString; readonly node: NodeKind }
  | { readonly kind: 'superblock-read-only'; readonly origin: OriginId }
  | {
      /** A fresh mount namespace, everything in it private, whose root the tree becomes. */
      readonly kind: 'become-root';
      readonly mount: number;
      /** Which of the namespaces that are made, counted from 0. */
      readonly namespace: number;
      /** It stands in the yard's namespace, which becomes its own; else it is detached and gets a new one. */
      readonly standing: boolean;
    }
  /** Lets go of all that was there before the tree became the root. */
  | {
      readonly kind: 'drop-old-root';
      readonly namespace: number;
      readonly standing: boolean;
      /** Groups that are joined after it, and whose holders would go with the yard. */
      readonly holders: readonly GroupKey[];
      /** It was the root of a namespace that existed, with peers that are to lose nothing. */
      readonly replaced?: true;
      /** It leaves groups that nothing gives back: mounts below it share or follow. */
      readonly unshares?: true;
    }
  /** A private namespace, and a tmpfs in it, where an engine that cannot build detached builds. */
  | { readonly kind: 'open-yard' }
  /** A clone of the whole tree, out of the yard. */
  | {
      readonly kind: 'lift';
      readonly mount: number;
      readonly namespace: number;
      /** The topmost mount on its root, when that still has to join its group. */
      readonly cover?: number;
    }
  /** Back to the caller's namespace; a yard that was left goes when nothing holds it. */
  | { readonly kind: 'go-home' }
  | { readonly kind: 'make-destination-private'; readonly at: PathString }
  | { readonly kind: 'attach'; readonly mount: number; readonly at: PathString }
  /** Into the namespace that exists and that the tree is for. */
  | { readonly kind: 'enter-namespace' }
  | {
      /** In a namespace that exists: the tree becomes its root, and what was there is about to go. */
      readonly kind: 'replace-root';
      readonly mount: number;
      /** The old root is in a peer group, which is not to see the tree: it leaves it first. */
      readonly leavesGroup: boolean;
    }
);

/** An action, with its reason for people. */
export type Step = Action & { readonly reason: string };

export type StepKind = Action['kind'];

/** The origin that an action makes, changes or clones from; most are of the first three kinds. */
export function originUsedBy(action: Action): OriginId | undefined {
  switch (action.kind) {
    case 'clone':
    case 'make-node':
    case 'make-filesystem':
      return action.origin;
    default:
      return 'origin' in action ? action.origin : undefined;
  }
}

export type ActionOf<K extends StepKind> = Extract<Action, { kind: K }>;
export type StepOf<K extends StepKind> = Extract<Step, { kind: K }>;

/** What a restore changes outside the tree, known before anything runs. */
export interface HostEffect {
  readonly kind: 'share-source' | 'make-mount-point' | 'make-destination-private' | 'attach' | 'replace-root';
  readonly path: PathString;
  /** What changes, and whether it stays. */
  readonly description: string;
  /** Taken back when the restore fails. */
  readonly undone: boolean;
}
