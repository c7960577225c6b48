import type { Difference } from '../model/difference.ts';
import { type Cell, layOut } from './columns.ts';
import { lineText, nameText } from './escape.ts';
import { NO_PAINT, type RenderOptions } from './paint.ts';

/** A line for each difference: what it is about, what was expected, what is there. */
export function renderDifferences(differences: readonly Difference[], options: RenderOptions = {}): string {
  const paint = options.paint ?? NO_PAINT;
  if (differences.length === 0) return paint.good('no differences');
  return layOut(differences.map(row), paint).join('\n');
}

function row(difference: Difference): Cell[] {
  const { kind, mount, expected, actual } = difference;
  const place: Cell[] = [
    { text: nameText(mount.mountPoint), role: 'name' },
    { text: `#${mount.id}`, role: 'quiet' },
  ];
  if (kind === 'missing')
    return [{ text: '-', role: 'bad' }, ...place, { text: 'missing' }, { text: lineText(expected) }];
  if (kind === 'extra')
    return [{ text: '+', role: 'bad' }, ...place, { text: 'not expected' }, { text: lineText(actual) }];
  return [
    { text: '~', role: 'warning' },
    ...place,
    { text: kind.replaceAll('-', ' ') },
    { text: `expected ${lineText(expected) || '""'}, is ${lineText(actual) || '""'}` },
  ];
}
