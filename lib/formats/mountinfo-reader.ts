import type { Mount, Propagation } from '../model/mount.ts';
import type { Pausing } from '../model/pausing.ts';
import { propagationOf } from '../model/propagation.ts';
import { type Fields, ReadMount } from '../model/read-mount.ts';
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
/** A device number as the kernel prints it, and so small that it fits whatever its digits are. */
const USUAL_DEVICE = /^(?:0|[1-9]\d{0,8}):(?:0|[1-9]\d{0,8})$/;

/** In the order in which the kernel prints them. */
const TAGS = [
  { prefix: 'shared:', key: 'shared' },
  { prefix: 'master:', key: 'master' },
  { prefix: 'propagate_from:', key: 'propagateFrom' },
] as const;

/** What the optional fields of a line tell. */
type Tags = { [key in (typeof TAGS)[number]['key']]: number | undefined } & { unbindable: boolean };

type Line = { -readonly [key in keyof Fields]: Fields[key] };

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
  readonly #roots: KnownSpans<string>;
  readonly #options: KnownSpans<readonly string[]>;
  readonly #filesystems: KnownSpans<Filesystem>;
  /** These two are of the line that is being read: tables are long, and each would be left behind with every line. */
  readonly #line = emptyLine();
  readonly #tags: Tags = {
    shared: undefined,
    master: undefined,
    propagateFrom: undefined,
    unbindable: false,
  };

  /** The text ends in a line feed. */
  constructor(bytes: Buffer) {
    this.#cursor = new LineCursor(bytes);
    this.#devices = new KnownSpans(bytes);
    this.#roots = new KnownSpans(bytes);
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
    const line = this.#line;
    line.id = cursor.number('mount id', LARGEST_ID);
    line.parentId = cursor.number('parent id', LARGEST_ID);
    line.device = this.#device();
    cursor.field('root');
    line.deleted = cursor.text.startsWith(DELETED, cursor.end - DELETED.length);
    line.root = line.deleted ? cursor.unescaped(cursor.raw(DELETED.length)) || '/' : this.#root();
    cursor.field('mount point');
    line.mountPoint = cursor.unescaped();
    line.options = this.#optionWords();
    line.unknownTags = NONE;
    line.propagation = this.#optionalFields();
    const { type, subtype, source, superOptions } = this.#filesystem();
    line.type = type;
    line.source = source;
    line.superOptions = superOptions;
    const mount = new ReadMount(line);
    return subtype === undefined ? mount : ReadMount.of({ ...mount, subtype });
  }

  #device(): string {
    const cursor = this.#cursor;
    cursor.field('device number');
    const { hash, start, end } = cursor;
    const known = this.#devices.find(hash, start, end);
    if (known !== undefined) return known;
    const field = cursor.raw();
    return USUAL_DEVICE.test(field)
      ? this.#devices.keep(hash, start, end, field)
      : this.#unusualDevice(field);
  }

  #unusualDevice(field: string): string {
    const cursor: LineCursor = this.#cursor;
    const { start } = cursor;
    const colon = field.indexOf(':');
    if (colon < 0) cursor.fail(start, `the device number ${quote(field)} is not major:minor`);
    const minorAt = start + colon + 1;
    const major = cursor.toNumber(field.slice(0, colon), start, 'major device number', LARGEST_DEVICE);
    const minor = cursor.toNumber(field.slice(colon + 1), minorAt, 'minor device number', LARGEST_DEVICE);
    return `${major}:${minor}`;
  }

  #root(): string {
    const cursor = this.#cursor;
    const { hash, start, end, plain } = cursor;
    const known = this.#roots.find(hash, start, end);
    if (known !== undefined) return known;
    const root = cursor.unescaped();
    return plain ? this.#roots.keep(hash, start, end, root) : root;
  }

  #optionWords(): readonly string[] {
    const cursor = this.#cursor;
    cursor.field('mount options');
    const { hash, start, end, plain } = cursor;
    const known = this.#options.find(hash, start, end);
    if (known) return known;
    const options = this.#newOptionWords();
    return plain ? this.#options.keep(hash, start, end, options) : options;
  }

  #newOptionWords(): readonly string[] {
    const cursor = this.#cursor;
    const words = cursor.raw().split(',');
    return Object.freeze(words.map((word) => this.#intern(cursor.unescaped(word))));
  }

  /** Ends behind the separator; `unknownTags` gets the fields that tell nothing of propagation. */
  #optionalFields(): Propagation {
    const cursor = this.#cursor;
    const { bytes, at } = cursor;
    if (bytes[at] !== DASH || bytes[at + 1] !== SPACE || cursor.ended) return this.#propagation();
    cursor.at += 2;
    return PRIVATE;
  }

  #propagation(): Propagation {
    const cursor = this.#cursor;
    const tags = this.#tags;
    tags.shared = tags.master = tags.propagateFrom = undefined;
    tags.unbindable = false;
    let unknown: string[] | undefined;
    let highest = -1;
    for (;;) {
      if (cursor.ended) cursor.failAtEnd('there is no separator, a field that is "-"');
      const rank = this.#rankOfTag();
      const tag = TAGS[rank];
      if (tag) {
        if (tags[tag.key] !== undefined) this.#failAtSecond();
        tags[tag.key] = cursor.numberBehind(tag.prefix, 'peer group', LARGEST_ID);
        if (rank < highest || tags.unbindable) cursor.odd = true;
        highest = rank;
        continue;
      }
      cursor.fieldOrNothing('optional field');
      const field = cursor.raw();
      if (field === '-') break;
      if (field !== 'unbindable' || tags.unbindable) cursor.odd = true;
      if (field === 'unbindable') tags.unbindable = true;
      else if (field !== '') {
        unknown ??= [];
        unknown.push(this.#intern(cursor.unescaped()));
      }
    }
    if (unknown) this.#line.unknownTags = unknown;
    return propagationOf(tags);
  }

  /** Which tag is next; as many as there are when none is. */
  #rankOfTag(): number {
    const { text, at } = this.#cursor;
    let rank = 0;
    for (const { prefix } of TAGS) {
      if (text.startsWith(prefix, at)) break;
      rank += 1;
    }
    return rank;
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

function emptyLine(): Line {
  return {
    id: 0,
    parentId: 0,
    device: '',
    root: '',
    deleted: false,
    mountPoint: '',
    options: NONE,
    propagation: PRIVATE,
    unknownTags: NONE,
    type: '',
    source: '',
    superOptions: '',
  };
}

function withVerbatim(mount: Mount, line: string): Mount {
  return formatFields(mount) === line ? mount : ReadMount.of({ ...mount, verbatim: line });
}
