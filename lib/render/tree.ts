import type { Mount, Propagation } from '../model/mount.ts';
import { relativePath } from '../model/paths.ts';
import type { MountTree } from '../model/tree.ts';
import { type Cell, layOut, narrowed } from './columns.ts';
import { lineText, nameText } from './escape.ts';
import { markWords, optionText, propagationWords, sourceText, typeText } from './mount.ts';
import { NO_PAINT, type RenderOptions } from './paint.ts';
import { type Branch, drawingOrder, hiddenMounts } from './tree-order.ts';

export interface TreeRenderOptions extends RenderOptions {
  /** Mount points as seen from the mount above; whole paths otherwise. */
  readonly relative?: boolean;
}

const HEADINGS = ['MOUNT POINT', 'ID', 'TYPE', 'SOURCE', 'OPTIONS', 'PROPAGATION', ''];
/** Columns that give way on a narrow terminal, the first one first, and what is left of each at least. */
const GIVING_WAY = [
  { column: 3, narrowest: 12 }, // SOURCE
  { column: 4, narrowest: 12 }, // OPTIONS
];
/** Deeper levels are drawn at this one, with their number. */
const DEEPEST = 24;

/** The tree as people read it: one line a mount, below its parent; then what is wrong with it. */
export function renderTree(tree: MountTree, options: TreeRenderOptions = {}): string {
  const paint = options.paint ?? NO_PAINT;
  if (tree.size === 0) return paint.quiet('no mounts');

  const hidden = hiddenMounts(tree);
  const rows: Cell[][] = [];
  const drawn = new Set<Mount>();
  for (const branch of drawingOrder(tree)) {
    drawn.add(branch.mount);
    rows.push(row(tree, branch, hidden.get(branch.mount), options.relative ?? false));
  }
  // Members of a cycle hang below no top.
  for (const mount of tree.mounts) {
    if (drawn.has(mount)) continue;
    rows.push(row(tree, { mount, goesOn: [], below: undefined, covers: undefined }, undefined, false));
  }

  // A column without an entry has no heading, and so no width.
  const headings = HEADINGS.map((text, i): Cell => {
    const used = rows.some((cells) => cells[i]?.text !== '');
    return { text: used ? text : '', role: 'heading' };
  });
  const table = [headings, ...rows];
  const shown = narrowed(table, options.width, GIVING_WAY);
  const notes = topNotes(tree).map((note) => paint.quiet(note));
  return [...layOut(shown, paint), ...notes, ...problemNotes(tree)].join('\n');
}

function row(tree: MountTree, branch: Branch, hiddenBy: Mount | undefined, relative: boolean): Cell[] {
  const { mount } = branch;
  return [
    {
      text: guides(branch.goesOn) + label(branch, relative),
      ...(hiddenBy ? { role: 'quiet' as const } : {}),
    },
    { text: `#${mount.id}`, role: 'quiet' },
    {
      text: typeText(mount),
      role: 'type',
    },
    { text: sourceText(mount) },
    { text: optionText(mount) },
    { text: propagationText(tree, mount.propagation), role: 'name' },
    { text: marks(branch, hiddenBy).join(', '), role: 'warning' },
  ];
}

function guides(goesOn: readonly boolean[]): string {
  if (goesOn.length === 0) return '';
  const shown = goesOn.slice(0, DEEPEST);
  const lines = shown.slice(0, -1).map((more) => (more ? '│  ' : '   '));
  const number = goesOn.length > DEEPEST ? `(${goesOn.length}) ` : '';
  return `${lines.join('')}${goesOn.at(-1) ? '├─ ' : '└─ '}${number}`;
}

function label({ mount, below }: Branch, relative: boolean): string {
  const name = relative && below !== undefined ? relativePath(below, mount.mountPoint) : undefined;
  return nameText(name ?? mount.mountPoint);
}

/** `shared:1 master:2 → host`: a master of which no member is in the tree is on the host. */
function propagationText(tree: MountTree, propagation: Propagation): string {
  return propagationWords(propagation, (master) => (tree.groups.has(master) ? '' : ' → host')).join(' ');
}

function marks({ mount, covers }: Branch, hiddenBy: Mount | undefined): string[] {
  const words: string[] = [];
  if (covers) words.push(`on top of #${covers.id}`);
  if (hiddenBy) words.push(`hidden by #${hiddenBy.id}`);
  return [...words, ...markWords(mount)];
}

function topNotes(tree: MountTree): string[] {
  const top = tree.roots[0];
  if (tree.isForest && top) {
    return [
      '',
      `The top mounts share the parent #${top.parentId}, which is not shown: a task chrooted into a directory.`,
    ];
  }
  return [];
}

function problemNotes(tree: MountTree): string[] {
  if (tree.problems.length === 0) return [];
  return [
    '',
    'No namespace can hold this tree:',
    ...tree.problems.map((problem) => `  - ${lineText(problem.reason)}`),
  ];
}
