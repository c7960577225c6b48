import { idInside, OVERFLOW_ID } from './id-maps.ts';
import type { IdMap } from './mount.ts';

/** `uid=` and `gid=` as whole words; neither is ever quoted or escaped. */
const OWNER = /(^|,)(uid|gid)=(\d+)(?=,|$)/g;

/**
 * The owners that a filesystem prints, seen through maps from the outermost inwards: root is left out, as the kernel
 * leaves its own out, and one that is not mapped reads as it looks to stat(2).
 */
export function ownersInside(superOptions: string, maps: readonly IdMap[]): string {
  if (maps.length === 0) return superOptions;
  return superOptions.replace(OWNER, (_word, comma: string, key: 'uid' | 'gid', id: string) => {
    const inside = maps.reduce((outer, map) => idInside(map[key], outer) ?? OVERFLOW_ID, Number(id));
    return inside === 0 ? '' : `${comma}${key}=${inside}`;
  });
}
