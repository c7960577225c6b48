import type { Mount, PathString } from '../../model/mount.ts';

/**
 * What mounts are cloned from, while a plan is made: one filesystem made here, one stand-in, one host path (`whole`: with
 * all that is mounted below it, for one mount alone), or the root of the mount that a host path lies on, which no mount
 * of the tree is cloned from. A layout has one object for each.
 */
export interface LayoutOrigin {
  readonly kind: 'fresh' | 'stand-in' | 'host' | 'whole' | 'mount-of';
  /** A device number, with the source name of a window, or a host path. */
  readonly of: string;
  /** Counted from 0 in a layout. */
  readonly index: number;
  /** The first mount, in walking order, that shows it, or a part of it. */
  readonly first: Mount;
}

/** The host path of an origin. */
export function hostSource({ kind, of }: LayoutOrigin): PathString | undefined {
  return kind === 'host' || kind === 'whole' ? of : undefined;
}

/** The host path of an origin that is the root of a mount of the host. */
export function mountOriginSource({ kind, of }: LayoutOrigin): PathString | undefined {
  return kind === 'mount-of' ? of : undefined;
}

/** What people are told of it. */
export function originName(origin: LayoutOrigin): string {
  return hostSource(origin) ?? `${origin.kind}:${origin.of}`;
}
