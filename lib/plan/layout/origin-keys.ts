/** What names an origin while a plan is made. */
import type { PathString } from '../../model/mount.ts';

/** One filesystem made here, one stand-in, or one host path: what mounts are cloned from. */
export type OriginKey = string;

const HOST = 'host:';
const WHOLE = 'whole:';
const MOUNT_OF = 'mount-of:';

export function hostOrigin(source: PathString): OriginKey {
  return HOST + source;
}

/** A host path with all that is mounted below it, which is one mount's alone. */
export function wholeOrigin(mount: number, source: PathString): OriginKey {
  return `${WHOLE}${mount}:${source}`;
}

/** The host path of an origin. */
export function hostSource({ origin }: { readonly origin: OriginKey }): PathString | undefined {
  if (origin.startsWith(HOST)) return origin.slice(HOST.length);
  return origin.startsWith(WHOLE) ? origin.slice(origin.indexOf(':', WHOLE.length) + 1) : undefined;
}

/** The origin that is the root of the mount that a host path lies on; no mount of the tree is cloned from it. */
export function mountOrigin(source: PathString): OriginKey {
  return MOUNT_OF + source;
}

/** The host path of such an origin. */
export function mountOriginSource(origin: OriginKey): PathString | undefined {
  return origin.startsWith(MOUNT_OF) ? origin.slice(MOUNT_OF.length) : undefined;
}
