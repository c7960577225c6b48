import { defined } from './defined.ts';
import type { Propagation } from './mount.ts';

/** What a table tells of a mount's propagation. */
export interface PropagationTags {
  readonly shared?: number | undefined;
  readonly master?: number | undefined;
  readonly propagateFrom?: number | undefined;
  readonly unbindable?: boolean | undefined;
}

const PRIVATE: Propagation = Object.freeze({ unbindable: false });
const UNBINDABLE: Propagation = Object.freeze({ unbindable: true });

/**
 * A value of few shapes: an object that another is spread into has one of its own each time, and V8 takes ten times as
 * long to look at tables of such.
 */
export function propagationOf(tags: PropagationTags): Propagation {
  const { shared, master, propagateFrom, unbindable = false } = tags;
  if (propagateFrom !== undefined) return { ...defined(tags), unbindable };
  if (master !== undefined)
    return shared === undefined ? { master, unbindable } : { shared, master, unbindable };
  if (shared !== undefined) return { shared, unbindable };
  return unbindable ? UNBINDABLE : PRIVATE;
}
