import { UsageError } from '../errors.ts';

const REPLACEMENT = '\ufffd';
/** With the `u` flag only surrogates that are not part of a pair match. */
const LONE_SURROGATE = /[\ud800-\udfff]/u;
const ESCAPED = 0xdc00;

/**
 * Bytes as text that loses nothing: UTF-8 where it is valid, and any other byte as a lone surrogate U+DC80–U+DCFF,
 * as Python's PEP 383 does. Overlong forms and encoded surrogates are not valid UTF-8.
 */
export function decodeBytes(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return text.includes(REPLACEMENT) ? decodeByteWise(bytes) : text;
}

/**
 * The bytes that `decodeBytes` made the text of.
 * @throws {UsageError} when the text holds a lone surrogate outside U+DC80–U+DCFF, which stands for no byte.
 */
export function encodeBytes(text: string): Buffer {
  return LONE_SURROGATE.test(text) ? encodeUnitWise(text) : Buffer.from(text, 'utf8');
}

function decodeByteWise(bytes: Uint8Array): string {
  const parts: string[] = [];
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let start = 0;
  for (let i = 0; i < view.length; ) {
    const length = sequenceLength(view, i);
    if (length > 0) {
      i += length;
      continue;
    }
    if (i > start) parts.push(view.toString('utf8', start, i));
    parts.push(String.fromCharCode(ESCAPED + (view[i] ?? 0)));
    i += 1;
    start = i;
  }
  parts.push(view.toString('utf8', start));
  return parts.join('');
}

/** How many bytes the well-formed UTF-8 sequence at `i` has; 0 when there is none (Unicode, table 3-7). */
function sequenceLength(bytes: Uint8Array, i: number): number {
  const first = bytes[i] ?? 0;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  let low = 0x80;
  let high = 0xbf;
  if (first === 0xe0) low = 0xa0;
  else if (first === 0xed) high = 0x9f;
  else if (first === 0xf0) low = 0x90;
  else if (first === 0xf4) high = 0x8f;
  for (let k = 1; k < length; k += 1) {
    const next = bytes[i + k];
    if (next === undefined || next < low || next > high) return 0;
    low = 0x80;
    high = 0xbf;
  }
  return length;
}

function encodeUnitWise(text: string): Buffer {
  const parts: Buffer[] = [];
  let start = 0;
  for (let i = 0; i < text.length; ) {
    const point = text.codePointAt(i) ?? 0;
    if (point < 0xd800 || point > 0xdfff) {
      i += point > 0xffff ? 2 : 1;
      continue;
    }
    if (point < 0xdc80 || point > 0xdcff) {
      throw new UsageError(
        `the text has the lone surrogate U+${point.toString(16).toUpperCase()}, which stands for no byte: ` +
          'only U+DC80 to U+DCFF do',
      );
    }
    if (i > start) parts.push(Buffer.from(text.slice(start, i), 'utf8'));
    parts.push(Buffer.of(point - ESCAPED));
    i += 1;
    start = i;
  }
  parts.push(Buffer.from(text.slice(start), 'utf8'));
  return Buffer.concat(parts);
}
