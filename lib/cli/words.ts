import { UsageError } from '../errors.ts';
import type { IdMap, IdRange, PathString } from '../model/mount.ts';
import { decodeOctal } from '../model/octal.ts';
import type { TargetName } from '../plan/options/options.ts';

/** Node turns a byte of an argument that is not UTF-8 into this, so that the byte is lost. */
const LOST_BYTE = '\ufffd';

/**
 * What an argument stands for: `\ooo` is a byte, `\=` and `\\` the character; any other backslash is itself.
 * @throws UsageError when the argument held a byte that is no text: Node does not hand it on.
 */
export function readWord(argument: string): string {
  if (argument.includes(LOST_BYTE)) {
    throw new UsageError(
      'it has a byte that is not UTF-8: write the byte as a backslash and three octal digits',
    );
  }
  return decodeOctal(
    argument.replace(/\\([0-7]{3}|[\\=])/g, (whole, what: string) => {
      if (what === '\\') return '\\134';
      return what === '=' ? '=' : whole;
    }),
  );
}

/** A mount point, or `#ID`. */
export function readTarget(argument: string): TargetName {
  const target = readWord(argument);
  if (!target.startsWith('/') && !/^#\d+$/.test(target)) {
    throw new UsageError('a mount is named by its mount point, which starts with /, or as #ID');
  }
  return target;
}

/** A path of this host; a relative one starts at the working directory. */
export function readHostPath(argument: string): PathString {
  const path = readWord(argument);
  if (path === '') throw new UsageError('the path is empty');
  if (path.startsWith('/')) return path;
  const base = process.cwd();
  return base.endsWith('/') ? base + path : `${base}/${path}`;
}

/** The two sides of the first `=` that no backslash escapes; one side when there is none. */
export function splitAtEquals(argument: string): readonly [string, string | undefined] {
  for (let i = 0; i < argument.length; i += 1) {
    if (argument[i] === '\\') i += 1;
    else if (argument[i] === '=') return [argument.slice(0, i), argument.slice(i + 1)];
  }
  return [argument, undefined];
}

/**
 * Ranges as mount(8) writes them for X-mount.idmap: `u:INSIDE:OUTSIDE:LENGTH`, `g:…` or `b:…` for both, with commas
 * or blanks between them.
 */
export function readIdMap(argument: string): IdMap {
  const uid: IdRange[] = [];
  const gid: IdRange[] = [];
  for (const word of argument.split(/[ ,]+/).filter((part) => part !== '')) {
    const [, kind, inside, outside, length] = /^([ugb]):(\d{1,10}):(\d{1,10}):(\d{1,10})$/.exec(word) ?? [];
    if (kind === undefined)
      throw new UsageError(`${word}: a range is u:INSIDE:OUTSIDE:LENGTH, g:… or b:… for both`);
    const range = { inside: Number(inside), outside: Number(outside), length: Number(length) };
    if (kind !== 'g') uid.push(range);
    if (kind !== 'u') gid.push(range);
  }
  if (uid.length === 0 || gid.length === 0)
    throw new UsageError('a map needs ranges for users and for groups');
  return { uid, gid };
}
