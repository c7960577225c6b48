import type { IdMap, IdRange } from './mount.ts';

/** How an id that is not mapped shows (/proc/sys/kernel/overflowuid, whose default nobody changes). */
export const OVERFLOW_ID = 65534;

/** What an id outside of a map is inside; `undefined` where it is not mapped. */
export function idInside(ranges: readonly IdRange[], id: number): number | undefined {
  const range = ranges.find(({ outside, length }) => id >= outside && id < outside + length);
  return range && range.inside + (id - range.outside);
}

/** Whether an id inside is mapped to any outside. */
export function isMappedInside(ranges: readonly IdRange[], id: number): boolean {
  return ranges.some(({ inside, length }) => id >= inside && id < inside + length);
}

/** The lines of /proc/PID/uid_map or gid_map: `inside outside length`, padded with blanks. */
export function idRanges(lines: readonly string[]): IdRange[] {
  return lines
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([inside, outside, length]) =>
      inside === undefined || outside === undefined || length === undefined
        ? []
        : [{ inside, outside, length }],
    );
}

/** Whether all ids are the same inside as outside. */
export function isIdentity({ uid, gid }: IdMap): boolean {
  return [...uid, ...gid].every(({ inside, outside }) => inside === outside);
}
