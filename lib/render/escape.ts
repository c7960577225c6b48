/**
 * Names come from mount tables, and anyone who may mount chooses them: none goes to a terminal raw. What is shown as
 * `\ooo` can be given back to the command's options as it is shown.
 */
import { encodeBytes } from '../model/bytes.ts';

/** Controls, what reorders or hides text, line separators, and lone surrogates (bytes that are no text). */
const UNSAFE = String.raw`\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\u2028\u2029\ufffd`;
const UNSAFE_IN_TEXT = new RegExp(`[${UNSAFE}]`, 'gu');
/** Blanks would forge a column, and a backslash would forge an escape. */
const UNSAFE_IN_NAME = new RegExp(String.raw`[${UNSAFE}\p{Zs}\\]`, 'gu');

/** A name as one word: a mount point, a source, a type. */
export function nameText(name: string): string {
  return name === '' ? '""' : name.replace(UNSAFE_IN_NAME, octalOf);
}

/** A sentence, or text with an inner syntax of its own, on one line: blanks and backslashes stay. */
export function lineText(text: string): string {
  return text.replace(UNSAFE_IN_TEXT, octalOf);
}

/** Text of several lines that mountyard composed. */
export function blockText(text: string): string {
  return text.split('\n').map(lineText).join('\n');
}

function octalOf(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  // A lone surrogate that stands for no byte cannot be encoded; it is no name that Linux gave.
  if ((point >= 0xd800 && point < 0xdc80) || (point > 0xdcff && point <= 0xdfff)) {
    return `\\u${point.toString(16)}`;
  }
  return [...encodeBytes(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}
