import type { Snapshot } from '../model/snapshot.ts';
import { parseMountinfo } from './mountinfo.ts';
import { parseSnapshot } from './snapshot.ts';

const OPENING_BRACE = 0x7b;
const JSON_SPACE = new Set([0x20, 0x09, 0x0a, 0x0d]);

/**
 * Reads a snapshot in any format, recognised by content: JSON starts with `{`, and all else is mountinfo text, which
 * is a snapshot of one namespace.
 * @throws {ParseError}
 */
export function parseAny(bytes: Uint8Array): Snapshot {
  const first = bytes.find((byte) => !JSON_SPACE.has(byte));
  return first === OPENING_BRACE ? parseSnapshot(bytes) : { namespaces: [parseMountinfo(bytes)] };
}
