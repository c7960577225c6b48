import { ParseError } from '../errors.ts';
import { decodeBytes } from '../model/bytes.ts';
import type { Mount, Propagation } from '../model/mount.ts';
import { decodeOctal } from '../model/octal.ts';
import { escapeName, escapePath } from './escape.ts';

/** Ids are positive `int`s in the kernel. */
const LARGEST_ID = 0x7fffffff;
const LARGEST_DEVICE = 0xffffffff;
const DELETED = '//deleted';
const NOT_PLAIN = /[\\\x80-\xff]/;
const NONE: readonly string[] = Object.freeze([]);
const PRIVATE: Propagation = Object.freeze({ unbindable: false });

/**
 * Reads lines of /proc/PID/mountinfo, whose fields are (proc(5), fs/proc_namespace.c):
 *
 *     36   35    98:0    /mnt1 /mnt2        rw,noatime shared:1 …  -  ext3[.sub] /dev/root rw,errors=continue
 *     id   parent device root  mount point  options    optional       type       source    superblock options
 *
 * One space separates two fields, so that a source can be empty. The separator is the first `-` after the options; a
 * source may be `-` too. All that follows the source is superblock options, since some filesystems print spaces.
 */
export class LineReader {
  readonly #strings = new Map<string, string>();
  readonly #options = new Map<string, readonly string[]>();
  #text = '';
  #line = 0;
  #start = 0;
  #end = 0;
  #at = 0;

  /** The mount of the line in `text` from `start` to `end`; `text` has a character for each byte (latin1). */
  read(text: string, start: number, end: number, line: number): Mount {
    this.#text = text;
    this.#line = line;
    this.#start = start;
    this.#end = end;
    this.#at = start;
    const mount = this.#mount();
    const read = this.#decode(text.slice(start, end));
    return formatFields(mount) === read ? mount : { ...mount, verbatim: read };
  }

  #mount(): Mount {
    const id = this.#number('mount id', LARGEST_ID);
    const parentId = this.#number('parent id', LARGEST_ID);
    const device = this.#device();
    const { root, deleted } = splitDeleted(this.#field('root'));
    const mountPoint = this.#unescape(this.#field('mount point'));
    const options = this.#optionWords(this.#field('mount options'));
    const { propagation, unknownTags } = this.#optionalFields();
    const { type, subtype } = this.#type(this.#field('filesystem type'));
    const source = this.#intern(this.#unescape(this.#field('source', true)));
    const superOptions = this.#superOptions();
    return {
      id,
      parentId,
      device,
      root: this.#intern(this.#unescape(root)),
      deleted,
      mountPoint,
      options,
      propagation,
      unknownTags,
      type,
      ...(subtype === undefined ? undefined : { subtype }),
      source,
      superOptions,
      kind: 'unknown',
    };
  }

  /** The next field up to one space; only a source and an optional field may be empty. */
  #field(name: string, mayBeEmpty = false): string {
    if (this.#at > this.#end) this.#fail(this.#end, `the line ends before the ${name}`);
    const start = this.#at;
    const space = this.#text.indexOf(' ', start);
    const end = space < 0 || space > this.#end ? this.#end : space;
    this.#at = end + 1;
    if (start === end && !mayBeEmpty) this.#fail(start, `the ${name} is empty`);
    return this.#text.slice(start, end);
  }

  #number(name: string, largest: number): number {
    const start = this.#at;
    return this.#toNumber(this.#field(name), start, name, largest);
  }

  #toNumber(digits: string, at: number, name: string, largest: number): number {
    if (!/^[0-9]+$/.test(digits)) this.#fail(at, `the ${name} ${quote(digits)} is not a number`);
    const value = Number(digits);
    if (value > largest)
      this.#fail(at, `the ${name} ${digits} is larger than ${largest}, the largest there is`);
    return value;
  }

  #device(): string {
    const start = this.#at;
    const field = this.#field('device number');
    const colon = field.indexOf(':');
    if (colon < 0) this.#fail(start, `the device number ${quote(field)} is not major:minor`);
    const major = this.#toNumber(field.slice(0, colon), start, 'major device number', LARGEST_DEVICE);
    const minor = this.#toNumber(
      field.slice(colon + 1),
      start + colon + 1,
      'minor device number',
      LARGEST_DEVICE,
    );
    return this.#intern(`${major}:${minor}`);
  }

  #optionWords(field: string): readonly string[] {
    const known = this.#options.get(field);
    if (known) return known;
    const words = Object.freeze(field.split(',').map((word) => this.#intern(this.#unescape(word))));
    this.#options.set(field, words);
    return words;
  }

  #optionalFields(): { propagation: Propagation; unknownTags: readonly string[] } {
    const tags: { shared?: number; master?: number; propagateFrom?: number } = {};
    let unbindable = false;
    let unknown: string[] | undefined;
    let any = false;
    for (;;) {
      if (this.#at > this.#end) this.#fail(this.#end, 'there is no separator, a field that is "-"');
      const start = this.#at;
      const field = this.#field('optional field', true);
      if (field === '-') break;
      if (field === '') continue;
      const key = TAGS[field.slice(0, field.indexOf(':') + 1)];
      if (key !== undefined) {
        if (tags[key] !== undefined)
          this.#fail(start, `${quote(field)} is the second of its kind on this line`);
        const colon = field.indexOf(':');
        tags[key] = this.#toNumber(field.slice(colon + 1), start + colon + 1, 'peer group', LARGEST_ID);
        any = true;
      } else if (field === 'unbindable') {
        unbindable = true;
        any = true;
      } else {
        unknown ??= [];
        unknown.push(this.#intern(this.#unescape(field)));
      }
    }
    return { propagation: any ? { ...tags, unbindable } : PRIVATE, unknownTags: unknown ?? NONE };
  }

  /** The kernel prints `type.subtype`; the subtype may have dots, the type has none. */
  #type(field: string): { type: string; subtype?: string } {
    const dot = field.indexOf('.', 1);
    if (dot < 0) return { type: this.#intern(this.#unescape(field)) };
    return {
      type: this.#intern(this.#unescape(field.slice(0, dot))),
      subtype: this.#intern(this.#unescape(field.slice(dot + 1))),
    };
  }

  #superOptions(): string {
    if (this.#at > this.#end) this.#fail(this.#end, 'the line ends before the superblock options');
    return this.#intern(this.#decode(this.#text.slice(this.#at, this.#end)));
  }

  #decode(raw: string): string {
    return NOT_PLAIN.test(raw) ? decodeBytes(Buffer.from(raw, 'latin1')) : raw;
  }

  #unescape(raw: string): string {
    if (!NOT_PLAIN.test(raw)) return raw;
    const nul = raw.indexOf('\\000');
    if (nul >= 0) {
      const at = this.#text.indexOf('\\000', this.#start);
      this.#fail(at, 'the escape \\000 stands for a NUL byte, which no name can hold');
    }
    return decodeOctal(this.#decode(raw));
  }

  #intern(text: string): string {
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    this.#strings.set(text, text);
    return text;
  }

  #fail(at: number, reason: string): never {
    throw new ParseError(reason, this.#line, at - this.#start + 1);
  }
}

const TAGS: { readonly [tag: string]: 'shared' | 'master' | 'propagateFrom' | undefined } = Object.assign(
  Object.create(null),
  { 'shared:': 'shared', 'master:': 'master', 'propagate_from:': 'propagateFrom' },
);

/** A line as the kernel would print these fields, without regard to `verbatim`. */
export function formatFields(mount: Mount): string {
  const { propagation, subtype } = mount;
  let line = `${mount.id} ${mount.parentId} ${mount.device} ${escapePath(mount.root)}`;
  if (mount.deleted) line += DELETED;
  line += ` ${escapePath(mount.mountPoint)} ${mount.options.map(escapePath).join(',')}`;
  if (propagation.shared !== undefined) line += ` shared:${propagation.shared}`;
  if (propagation.master !== undefined) line += ` master:${propagation.master}`;
  if (propagation.propagateFrom !== undefined) line += ` propagate_from:${propagation.propagateFrom}`;
  if (propagation.unbindable) line += ' unbindable';
  for (const tag of mount.unknownTags) line += ` ${tag === '-' ? '\\055' : escapePath(tag)}`;
  line += ` - ${escapeName(mount.type)}`;
  if (subtype !== undefined) line += `.${escapeName(subtype)}`;
  return `${line} ${escapeName(mount.source)} ${mount.superOptions.replaceAll('\n', '\\012')}`;
}

/** The kernel ends the root of an unlinked directory or file in `//deleted`, which no path can end in. */
function splitDeleted(field: string): { root: string; deleted: boolean } {
  if (!field.endsWith(DELETED)) return { root: field, deleted: false };
  return { root: field.slice(0, -DELETED.length) || '/', deleted: true };
}

function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
