import type { Mount } from './mount.ts';

/** Two mounts that stand at the same place of two trees. */
export interface Pair {
  readonly expected: Mount;
  readonly actual: Mount;
}
