import { readFileSync } from 'node:fs';
import * as sys from '../../lib/sys.ts';
import type { MountNamespace } from '../../lib/system/namespaces/namespace.ts';
import { inside } from '../support/inside.ts';
import type { Workshop } from './world.ts';

/**
 * A second opinion on what is the same, from the kernel's text and with no code of the library's model: every mount
 * is a line that names it by its place, and devices and groups are numbered in the order of the places.
 */

/** A line of mountinfo, undecoded. */
interface Line {
  readonly id: string;
  readonly parent: string;
  readonly device: string;
  readonly root: string;
  readonly place: string;
  readonly options: string;
  readonly shared: string | undefined;
  readonly master: string | undefined;
  readonly unbindable: boolean;
  /** Type, source, superblock options. */
  readonly filesystem: string;
}

/** The mountinfo of each namespace, as a process that enters it sees it. */
export function readRaw(namespaces: readonly MountNamespace[], { procfs }: Workshop): string[] {
  return namespaces.map((namespace) =>
    inside(namespace, () => {
      using file = sys.openat2({ at: procfs.root, path: 'thread-self/mountinfo' });
      return readFileSync(file.number, 'latin1');
    }),
  );
}

function parse(table: string): Line[] {
  return table
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const fields = line.split(' ');
      const end = fields.indexOf('-', 6);
      const [id = '', parent = '', device = '', root = '', place = '', options = ''] = fields;
      const tags = fields.slice(6, end);
      const tag = (name: string) => tags.find((text) => text.startsWith(name))?.slice(name.length);
      return {
        id,
        parent,
        device,
        root,
        place,
        options,
        shared: tag('shared:'),
        master: tag('master:'),
        unbindable: tags.includes('unbindable'),
        filesystem: fields.slice(end + 1).join(' '),
      };
    });
}

export interface Canonical {
  /** One line a mount, sorted by place. */
  readonly lines: readonly string[];
  /** The place that names each mount, by id. */
  readonly places: ReadonlyMap<string, string>;
  /** Device and group numbers as the kernel has them, to see that two sets of namespaces share none. */
  readonly numbers: ReadonlySet<string>;
}

/** With `dropOutsideMasters` masters of which no member is shown are left out. */
export function canonical(
  tables: readonly string[],
  { dropOutsideMasters = false }: { readonly dropOutsideMasters?: boolean } = {},
): Canonical {
  const placed = tables.flatMap((table, index) => nameByPlace(parse(table), `${index}`));
  placed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const known = new Set(placed.map(([, { shared }]) => shared));
  const device = numbering();
  const group = numbering();
  const lines = placed.map(([name, line]) => {
    const follows = line.master !== undefined && !(dropOutsideMasters && !known.has(line.master));
    return [
      `${name}:`,
      line.root,
      line.options,
      line.filesystem,
      `superblock ${device(line.device)}`,
      line.shared === undefined ? '' : `group ${group(line.shared)}`,
      follows ? `slave of ${group(line.master as string)}` : '',
      line.unbindable ? 'unbindable' : '',
    ]
      .filter(Boolean)
      .join(' ');
  });
  const numbers = placed.flatMap(([, { device, shared }]) => [
    `device ${device}`,
    ...(shared === undefined ? [] : [`group ${shared}`]),
  ]);
  return { lines, places: new Map(placed.map(([name, { id }]) => [id, name])), numbers: new Set(numbers) };
}

/** Each mount after the way to it: the mount points from the root, each as seen from the mount that it is on. */
function nameByPlace(lines: readonly Line[], namespace: string): [string, Line][] {
  const byId = new Map(lines.map((line) => [line.id, line]));
  const names = new Map<Line, string>();
  const nameOf = (line: Line): string => {
    const known = names.get(line);
    if (known !== undefined) return known;
    const parent = byId.get(line.parent);
    const name =
      parent && parent !== line ? `${nameOf(parent)} > ${relative(parent.place, line.place)}` : namespace;
    names.set(line, name);
    return name;
  };
  return lines.map((line) => [nameOf(line), line]);
}

function relative(parent: string, place: string): string {
  if (place === parent) return '.';
  const prefix = parent === '/' ? '/' : `${parent}/`;
  return place.startsWith(prefix) ? place.slice(prefix.length) : `elsewhere ${place}`;
}

function numbering(): (name: string) => number {
  const numbers = new Map<string, number>();
  return (name) => {
    const number = numbers.get(name) ?? numbers.size + 1;
    numbers.set(name, number);
    return number;
  };
}

/** Lines that only one of the two has, as `- …` and `+ …`. */
export function lineDifferences(expected: readonly string[], actual: readonly string[]): string[] {
  const left = new Set(expected);
  const right = new Set(actual);
  const found = [
    ...expected.filter((line) => !right.has(line)).map((line) => `- ${line}`),
    ...actual.filter((line) => !left.has(line)).map((line) => `+ ${line}`),
  ];
  if (found.length === 0 && expected.length !== actual.length) {
    found.push(`- ${expected.length} mounts`, `+ ${actual.length} mounts`);
  }
  return found;
}
