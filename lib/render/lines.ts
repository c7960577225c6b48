import type { Paint } from './paint.ts';

/** A heading and its lines, after an empty line; nothing when there are none. */
export function section(lines: readonly string[], heading: string, paint: Paint): string[] {
  return lines.length === 0 ? [] : ['', heading, ...lines.map((line) => `  ${paint.quiet('-')} ${line}`)];
}

/** `1 step`, `2 steps`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
