import { Difference } from './difference.ts';
import { type Mount, nameOf } from './mount.ts';
import type { Pair } from './pair.ts';

const NONE: readonly Difference[] = [];

/** The mount that showed a root first, and what it was in the other tree. */
interface First {
  readonly other: string;
  readonly mount: Mount;
}

/** Deleted roots of one filesystem that had one path: the same ones are to be the same again, and no others. */
export function matchDeletedRoots(): (pair: Pair) => readonly Difference[] {
  const there = new Map<string, First>();
  const back = new Map<string, First>();
  return ({ expected, actual }) => {
    const [left, right] = [expected.rootInode, actual.rootInode];
    if (!expected.deleted || !actual.deleted || left === undefined || right === undefined) return NONE;
    const keys = { there: keyOf(expected, left), back: keyOf(actual, right) };
    const same = there.get(keys.there);
    const other = back.get(keys.back);
    if (!same) there.set(keys.there, { other: keys.back, mount: expected });
    if (!other) back.set(keys.back, { other: keys.there, mount: expected });
    if (same && same.other !== keys.back) return [differ(expected, same.mount, SAME, ANOTHER)];
    if (other && other.other !== keys.there) return [differ(expected, other.mount, ANOTHER, SAME)];
    return [];
  };
}

const SAME = 'the one';
const ANOTHER = 'another than the one';

function differ(mount: Mount, first: Mount, expected: string, actual: string): Difference {
  const text = (which: string) => `deleted, ${which} that ${nameOf(first)} shows`;
  return new Difference('deleted', mount, text(expected), text(actual));
}

function keyOf({ device, root }: Mount, inode: string): string {
  return `${device} ${inode} ${root}`;
}
