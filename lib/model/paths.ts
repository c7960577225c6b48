import type { PathString } from './mount.ts';

/** `relative` (as `relativePath` gives it; a leading slash does no harm) below `base`. */
export function joinPath(base: PathString, relative: PathString): PathString {
  const tail = relative.startsWith('/') ? relative.slice(1) : relative;
  if (tail === '') return base;
  return base.endsWith('/') ? base + tail : `${base}/${tail}`;
}

/** `path` as seen from `base`, without a leading slash: `''` when equal, `undefined` when it is not inside. */
export function relativePath(base: PathString, path: PathString): PathString | undefined {
  if (path === base) return '';
  if (!isInside(base, path)) return undefined;
  return path.slice(base.endsWith('/') ? base.length : base.length + 1);
}

/** Whether `path` is `base` or below it. */
export function isInside(base: PathString, path: PathString): boolean {
  if (!path.startsWith(base)) return false;
  return path.length === base.length || base.endsWith('/') || path[base.length] === '/';
}

/** The names of a path, from the top; none for `/`. */
export function pathComponents(path: PathString): string[] {
  return path.split('/').filter((name) => name !== '');
}

/** The path without its last name; `/` for `/` and what is directly below it. */
export function parentPath(path: PathString): PathString {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

/** Whether the path starts at `/` and no component is `.`, `..` or empty. */
export function isCleanAbsolute(path: PathString): boolean {
  if (path === '/') return true;
  return path.startsWith('/') && !path.endsWith('/') && !hasOddComponent(path);
}

/** Whether a component is `.`, `..`, or empty between two slashes. */
export function hasOddComponent(path: PathString): boolean {
  return path.includes('//') || (path.includes('.') && /(?:^|\/)\.{1,2}(?:\/|$)/.test(path));
}
