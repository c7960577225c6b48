import type { MountTree } from './tree.ts';

/** What was captured at one time: the mount trees of one or more mount namespaces, the first the one asked for. */
export interface Snapshot {
  readonly namespaces: readonly MountTree[];
}
