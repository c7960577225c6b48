import { MountyardError, ParseError, UsageError } from '../errors.ts';
import { encodeBytes } from '../model/bytes.ts';
import { type Mount, UNREACHABLE } from '../model/mount.ts';
import { atOnce, type Pausing } from '../model/pausing.ts';
import { MountTree } from '../model/tree.ts';
import { formatFields } from './mountinfo-line.ts';
import { MountinfoReader } from './mountinfo-reader.ts';

const FEED = 0x0a;
const CR = 0x0d;
const BYTE_ORDER_MARK = Buffer.of(0xef, 0xbb, 0xbf);

/**
 * The tree of a /proc/PID/mountinfo text. A text given as a string is encoded by `encodeBytes` first. The last line
 * may lack its line feed; an empty input is an empty tree. Whether the mounts make a tree is not asked here: see
 * `MountTree.problems`.
 * @throws {ParseError} with line, byte column and reason, for a line that breaks the format.
 */
export function parseMountinfo(input: Uint8Array | string): MountTree {
  return atOnce(parsing(input));
}

/** {@link parseMountinfo}, with pauses. */
export function* parsing(input: Uint8Array | string): Pausing<MountTree> {
  const bytes = typeof input === 'string' ? encodeBytes(input) : input;
  if (!(bytes instanceof Uint8Array)) throw new UsageError('a mountinfo text is a string or its bytes');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  refuseForeign(text);
  return new MountTree(yield* new MountinfoReader(withLastFeed(text)).all());
}

/**
 * The text that the kernel would print for the tree, each line ended by a line feed. A line that was read in another
 * form (`Mount.verbatim`) is given back as it was, unless a field was changed since. As the kernel does, it leaves out
 * mounts that no path leads to.
 */
export function formatMountinfo(tree: MountTree): Buffer {
  const shown = tree.mounts.filter(({ mountPoint }) => mountPoint !== UNREACHABLE);
  return encodeBytes(shown.map((mount) => `${formatMount(mount)}\n`).join(''));
}

function formatMount(mount: Mount): string {
  const line = formatFields(mount);
  return mount.verbatim !== undefined && readsAs(mount.verbatim, line) ? mount.verbatim : line;
}

/** Whether the line says what the canonical line says. */
function readsAs(verbatim: string, canonical: string): boolean {
  try {
    const [mount, ...more] = atOnce(new MountinfoReader(encodeBytes(`${verbatim}\n`)).all());
    return mount !== undefined && more.length === 0 && formatFields(mount) === canonical;
  } catch (error) {
    if (error instanceof MountyardError) return false;
    throw error;
  }
}

function withLastFeed(text: Buffer): Buffer {
  return text.length === 0 || text.at(-1) === FEED ? text : Buffer.concat([text, Buffer.of(FEED)]);
}

/** What no kernel prints, and would otherwise be refused for a less plain reason, or not at all. */
function refuseForeign(text: Buffer): void {
  if (text.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)) {
    throw new ParseError('the text starts with a byte order mark, which no kernel prints', 1, 1);
  }
  const nul = text.indexOf(0);
  if (nul >= 0) {
    const before = text.toString('latin1', 0, nul);
    throw new ParseError('there is a NUL byte', before.split('\n').length, nul - before.lastIndexOf('\n'));
  }
  // A CR is a byte like others, so one line may end in it (an overlay's `workdir=/a\r`); but not every line.
  const feed = text.indexOf(FEED);
  if (feed >= 0 && feed + 1 < text.length && everyLineEndsInCr(text)) {
    throw new ParseError('every line ends in CR LF: the kernel ends lines in LF alone', 1, feed);
  }
}

function everyLineEndsInCr(text: Buffer): boolean {
  for (let feed = text.indexOf(FEED); feed >= 0; feed = text.indexOf(FEED, feed + 1)) {
    if (text[feed - 1] !== CR) return false;
  }
  return true;
}
