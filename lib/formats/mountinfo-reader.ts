import type { Mount, Propagation } from '../model/mount.ts';
import type { Pausing } from '../model/pausing.ts';
import { propagationOf } from '../model/propagation.ts';
import { ReadMount } from '../model/read-mount.ts';
import { KnownSpans } from './known-spans.ts';
import { decoded, LineCursor, quote } from './line-cursor.ts';
import { DELETED, formatFields } from './mountinfo-line.ts';

/** Ids are positive `int`s in the kernel. */
const LARGEST_ID = 0x7fffffff;
const LARGEST_DEVICE = 0xffffffff;
const DASH = 0x2d;
const SPACE = 0x20;
/** From one pause to the next. */
const LINES = 2048;
const NONE: readonly string[] = Object.freeze([]);
const PRIVATE = propagationOf({});

/** In the order in which the kernel prints them. */
const TAGS = [
  ['shared:', 'shared'],
  ['master:', 'master'],
  ['propagate_from:', 'propagateFrom'],
] as const;

/** What the optional fields of a line tell. */
type Tags = { [key in (typeof TAGS)[number][1]]: number | undefined };

/** What mounts of one filesystem have in common. */
interface Filesystem {
  readonly type: string;
  readonly subtype: string | undefined;
  readonly source: string;
  readonly superOptions: string;
  /** Whether the kernel might print it in another way. */
  readonly odd: boolean;
}

/**
 * Reads the lines of a /proc/PID/mountinfo text, whose fields are (proc(5), fs/proc_namespace.c):
 *
 *     36   35    98:0    /mnt1 /mnt2        rw,noatime shared:1 …  -  ext3[.sub] /dev/root rw,errors=continue
 *     id   parent device root  mount point  options    optional       type       source    superblock options
 *
 * One space separates two fields, so that a source can be empty. The separator is the first `-` after the options; a
 * source may be `-` too. All that follows the source is superblock options, since some filesystems print spaces.
 *
 * What repeats from line to line is found again by its bytes and not read again, and a line is compared with what the
 * kernel would have printed only when something in it might differ.
 */
export class MountinfoReader {
  readonly #cursor: LineCursor;
  readonly #strings = new Map<string, string>();
  readonly #devices: KnownSpans<string>;
  readonly #options: KnownSpans<readonly string[]>;
  readonly #filesystems: KnownSpans<Filesystem>;
  /** Of the line that was read last. */
  #unknownTags = NONE;

  /** The text ends in a line feed. */
  constructor(bytes: Buffer) {
    this.#cursor = new LineCursor(bytes);
    this.#devices = new KnownSpans(bytes);
    this.#options = new KnownSpans(bytes);
    this.#filesystems = new KnownSpans(bytes);
  }

  /** The mounts of all lines. @throws {ParseError} */
  *all(): Pausing<Mount[]> {
    const cursor = this.#cursor;
    const mounts: Mount[] = [];
    while (cursor.nextLine()) {
      const mount = this.#mount();
      mounts.push(cursor.odd ? withVerbatim(mount, cursor.lineSoFar()) : mount);
      if (mounts.length % LINES === 0) yield;
    }
    return mounts;
  }

  #mount(): Mount {
    const cursor = this.#cursor;
    const id = cursor.number('mount id', LARGEST_ID);
    const parentId = cursor.number('parent id', LARGEST_ID);
    const device = this.#device();
    cursor.field('root');
    const deleted = cursor.text.startsWith(DELETED, cursor.end - DELETED.length);
    const root = deleted ? cursor.unescaped(cursor.raw(DELETED.length)) || '/' : cursor.unescaped();
    cursor.field('mount point');
    const mountPoint = cursor.unescaped();
    const options = this.#optionWords();
    const propagation = this.#optionalFields();
    const { type, subtype, source, superOptions } = this.#filesystem();
    // No spreading: to spread one object into another and add a field takes longer than to read the line.
    const mount = new ReadMount({
      id,
      parentId,
      device,
      root,
      deleted,
      mountPoint,
      options,
      propagation,
      unknownTags: this.#unknownTags,
      type,
      source,
      superOptions,
    });
    return subtype === undefined ? mount : ReadMount.of({ ...mount, subtype });
  }

  #device(): string {
    const cursor = this.#cursor;
    cursor.field('device number');
    const { hash, start, end } = cursor;
    const known = this.#devices.find(hash, start, end);
    if (known !== undefined) return known;
    const field = cursor.raw();
    const colon = field.indexOf(':');
    if (colon < 0) cursor.fail(start, `the device number ${quote(field)} is not major:minor`);
    const minorAt = start + colon + 1;
    const major = cursor.toNumber(field.slice(0, colon), start, 'major device number', LARGEST_DEVICE);
    const minor = cursor.toNumber(field.slice(colon + 1), minorAt, 'minor device number', LARGEST_DEVICE);
    const device = `${major}:${minor}`;
    return device === field ? this.#devices.keep(hash, start, end, device) : device;
  }

  #optionWords(): readonly string[] {
    const cursor = this.#cursor;
    cursor.field('mount options');
    const { hash, start, end, plain } = cursor;
    const known = this.#options.find(hash, start, end);
    if (known) return known;
    const words = cursor.raw().split(',');
    const options = Object.freeze(words.map((word) => this.#intern(cursor.unescaped(word))));
    return plain ? this.#options.keep(hash, start, end, options) : options;
  }

  /** Ends behind the separator; `#unknownTags` has the fields that tell nothing of propagation. */
  #optionalFields(): Propagation {
    const cursor = this.#cursor;
    const { bytes, at } = cursor;
    this.#unknownTags = NONE;
    if (bytes[at] !== DASH || bytes[at + 1] !== SPACE || cursor.ended) return this.#propagation();
    cursor.at += 2;
    return PRIVATE;
  }

  #propagation(): Propagation {
    const cursor = this.#cursor;
    const tags: Tags = { shared: undefined, master: undefined, propagateFrom: undefined };
    const unknown: string[] = [];
    let unbindable = false;
    let highest = -1;
    for (;;) {
      if (cursor.ended) cursor.failAtEnd('there is no separator, a field that is "-"');
      const rank = TAGS.findIndex(([prefix]) => cursor.text.startsWith(prefix, cursor.at));
      const [prefix, key] = TAGS[rank] ?? [];
      if (prefix !== undefined && key !== undefined) {
        if (tags[key] !== undefined) this.#failAtSecond();
        tags[key] = cursor.numberBehind(prefix, 'peer group', LARGEST_ID);
        if (rank < highest || unbindable) cursor.odd = true;
        highest = rank;
        continue;
      }
      cursor.fieldOrNothing('optional field');
      const field = cursor.raw();
      if (field === '-') break;
      if (field !== 'unbindable' || unbindable) cursor.odd = true;
      if (field === 'unbindable') unbindable = true;
      else if (field !== '') unknown.push(this.#intern(cursor.unescaped()));
    }
    if (unknown.length > 0) this.#unknownTags = unknown;
    const { shared, master, propagateFrom } = tags;
    return propagationOf({ shared, master, propagateFrom, unbindable });
  }

  #failAtSecond(): never {
    const cursor: LineCursor = this.#cursor;
    cursor.fieldOrNothing('optional field');
    cursor.fail(cursor.start, `${quote(cursor.raw())} is the second of its kind on this line`);
  }

  /** All behind the separator. */
  #filesystem(): Filesystem {
    const cursor = this.#cursor;
    if (cursor.ended) cursor.failAtEnd('the line ends before the filesystem type');
    const { at } = cursor;
    cursor.restOfLine();
    const { hash, start, end } = cursor;
    const known = this.#filesystems.find(hash, start, end);
    if (known) {
      if (known.odd) cursor.odd = true;
      return known;
    }
    cursor.back(at);
    return this.#filesystems.keep(hash, start, end, this.#newFilesystem());
  }

  #newFilesystem(): Filesystem {
    const cursor = this.#cursor;
    const wasOdd = cursor.odd;
    cursor.odd = false;
    cursor.field('filesystem type');
    const { type, subtype } = this.#type();
    cursor.fieldOrNothing('source');
    const source = cursor.unescaped();
    if (cursor.ended) cursor.failAtEnd('the line ends before the superblock options');
    cursor.restOfLine();
    const { odd } = cursor;
    cursor.odd ||= wasOdd;
    return { type, subtype, source, superOptions: decoded(cursor.raw()), odd };
  }

  /** The kernel prints `type.subtype`; the subtype may have dots, the type has none. */
  #type(): { type: string; subtype: string | undefined } {
    const cursor = this.#cursor;
    const field = cursor.raw();
    const dot = field.indexOf('.', 1);
    if (dot < 0) return { type: this.#intern(cursor.unescaped()), subtype: undefined };
    return {
      type: this.#intern(cursor.unescaped(field.slice(0, dot))),
      subtype: cursor.unescaped(field.slice(dot + 1)),
    };
  }

  #intern(text: string): string {
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    this.#strings.set(text, text);
    return text;
  }
}

function withVerbatim(mount: Mount, line: string): Mount {
  return formatFields(mount) === line ? mount : ReadMount.of({ ...mount, verbatim: line });
}
