/** Figures as tables that read the same in a terminal and in Markdown. */
import { markdownTable } from 'markdown-table';

/** @param {{name: string, align?: 'r', of: (row) => string}[]} columns */
export function table(title, columns, rows) {
  const cells = [columns.map(({ name }) => name), ...rows.map((row) => columns.map(({ of }) => of(row)))];
  return `### ${title}\n\n${markdownTable(cells, { align: columns.map(({ align }) => align) })}\n`;
}

/** Three digits that count. */
export function figure(value) {
  if (value === undefined || Number.isNaN(value)) return '–';
  const digits = value === 0 ? 0 : Math.min(Math.max(2 - Math.floor(Math.log10(Math.abs(value))), 0), 4);
  return grouped(value.toFixed(digits));
}

/** A count, with its thousands apart. */
export function grouped(value) {
  const [whole, fraction] = String(value).split('.');
  return `${whole.replace(/\B(?=(\d{3})+$)/g, ',')}${fraction === undefined ? '' : `.${fraction}`}`;
}

export function milliseconds({ median }) {
  return figure(median);
}

/** Half of the middle half of the samples, as a part of the median. */
export function spread({ median, lower, upper }) {
  return `±${Math.round(((upper - lower) / 2 / median) * 100)} %`;
}

export function goalText({ goal, met }) {
  if (!goal) return '';
  const bound = goal.atMost === undefined ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`;
  return `${bound}: ${met ? 'met' : 'not met'}`;
}

/** Columns of comparisons, after those of what is compared. */
export const COMPARISON = [
  { name: 'measured', of: ({ ours }) => ours.name },
  { name: 'ms', align: 'r', of: ({ ours }) => milliseconds(ours) },
  { name: '', align: 'r', of: ({ ours }) => spread(ours) },
  { name: 'against', of: ({ theirs }) => theirs.name },
  { name: 'ms', align: 'r', of: ({ theirs }) => milliseconds(theirs) },
  { name: '', align: 'r', of: ({ theirs }) => spread(theirs) },
  { name: 'ratio', align: 'r', of: ({ ratio }) => figure(ratio.median) },
  { name: 'quartiles', of: ({ ratio }) => `${figure(ratio.lower)} … ${figure(ratio.upper)}` },
  { name: 'goal', of: goalText },
];

export const MOUNTS = { name: 'mounts', align: 'r', of: ({ mounts }) => grouped(mounts) };
export const TREE = { name: 'tree', of: ({ tree }) => tree };
