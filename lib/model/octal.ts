import { decodeBytes, encodeBytes } from './bytes.ts';

const BACKSLASH = 0x5c;

/**
 * Text with each `\ooo` (exactly three octal digits, 001 to 377) replaced by its byte, once. What is no such escape
 * stays as it is. Neighbouring escapes may form one UTF-8 character.
 */
export function decodeOctal(text: string): string {
  if (!text.includes('\\')) return text;
  const from = encodeBytes(text);
  const to = Buffer.alloc(from.length);
  let length = 0;
  for (let i = 0; i < from.length; i += 1) {
    const byte = from[i] ?? 0;
    const escaped = byte === BACKSLASH ? octalAt(from, i + 1) : 0;
    to[length] = escaped || byte;
    length += 1;
    if (escaped) i += 3;
  }
  return decodeBytes(to.subarray(0, length));
}

/** The value of three octal digits at `i`, 0 when there are not three or they are no byte. */
function octalAt(bytes: Uint8Array, i: number): number {
  let value = 0;
  for (let k = 0; k < 3; k += 1) {
    const digit = (bytes[i + k] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) return 0;
    value = value * 8 + digit;
  }
  return value > 0xff ? 0 : value;
}
