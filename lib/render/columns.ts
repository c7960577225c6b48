import type { Paint, Role } from './paint.ts';

/** One cell; its text is already escaped, so that each code point takes one column, or two in wide scripts. */
export interface Cell {
  readonly text: string;
  readonly role?: Role;
}

/** A cell longer than this pushes its own line out and no other. */
const WIDEST = 56;
const GAP = 2;

const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uff01-\uff60]/u;
const COMBINING = /\p{M}/u;
const ASCII = /^[ -~]*$/;

/** The columns that a text takes on a terminal. */
function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += WIDE.test(character) ? 2 : COMBINING.test(character) ? 0 : 1;
  return width;
}

/** The text in at most so many columns, cut in the middle: both ends of a path tell more than its centre. */
function shorten(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  const characters = [...text];
  const keep = Math.max(width - 1, 2);
  const head = Math.ceil(keep / 2);
  return `${characters.slice(0, head).join('')}…${characters.slice(characters.length - (keep - head)).join('')}`;
}

/** Lines of cells under each other, without blanks at the end. */
export function layOut(rows: readonly (readonly Cell[])[], paint: Paint): string[] {
  const widths = columnWidths(rows);
  return rows.map((row) => {
    let line = '';
    let owed = 0;
    for (const [i, cell] of row.entries()) {
      if (cell.text !== '') {
        line += ' '.repeat(owed) + (cell.role ? paint[cell.role](cell.text) : cell.text);
        owed = 0;
      }
      owed += Math.max((widths[i] ?? 0) - widthOf(cell.text), 0) + ((widths[i] ?? 0) > 0 ? GAP : 0);
    }
    return line;
  });
}

/** The width of each column, by the cells that do not push their line out. */
function columnWidths(rows: readonly (readonly Cell[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) {
      const width = widthOf(cell.text);
      widths[i] = Math.max(widths[i] ?? 0, width > WIDEST ? 0 : width);
    }
  }
  return widths;
}

/** A column that gives way on a narrow terminal, and what is left of it at least. */
export interface GivingWay {
  readonly column: number;
  readonly narrowest: number;
}

/** The table with its long cells cut until it fits into `width`, one column after the other as far as each may be. */
export function narrowed(
  table: readonly (readonly Cell[])[],
  width: number | undefined,
  columns: readonly GivingWay[],
): readonly (readonly Cell[])[] {
  if (width === undefined) return table;
  return columns.reduce((rows, { column, narrowest }) => {
    const room = Math.max(roomFor(column, rows, width), narrowest);
    return rows.map((cells) =>
      cells.map((cell, i) => (i === column ? { ...cell, text: shorten(cell.text, room) } : cell)),
    );
  }, table);
}

/** The room that is left for one column when all columns have to fit into `total`. */
function roomFor(column: number, rows: readonly (readonly Cell[])[], total: number): number {
  const others = columnWidths(rows).reduce(
    (sum, width, i) => (i === column || width === 0 ? sum : sum + width + GAP),
    0,
  );
  return total - others;
}
