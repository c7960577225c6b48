import type { Mount } from './mount.ts';
import type { Pair } from './pair.ts';
import { parentPath } from './paths.ts';

const ABOVE_THE_READER = /^(?:\/\.\.)+$/;

/**
 * The roots of stand-ins, which may have other names than what they stand for (`net:[4026531833]` became a file,
 * `/../..` a directory) as long as equal roots stay equal and what was inside another root still is.
 */
export class RootRenaming {
  readonly #renamed = new Map<string, Bijection>();

  constructor(standIns: readonly Pair[]) {
    for (const { expected, actual } of standIns) {
      const key = `${expected.device} ${actual.device}`;
      let names = this.#renamed.get(key);
      if (!names) {
        names = { there: new Map(), back: new Map() };
        this.#renamed.set(key, names);
      }
      const [a, b] = [nameOf(expected), nameOf(actual)];
      if (!names.there.has(a) && !names.back.has(b)) {
        names.there.set(a, b);
        names.back.set(b, a);
      }
    }
  }

  matches({ expected, actual }: Pair): boolean {
    const names = this.#renamed.get(`${expected.device} ${actual.device}`);
    if (!names || names.there.get(nameOf(expected)) !== nameOf(actual)) return false;
    const outer = nearest(expected, names.there);
    return (outer === undefined ? undefined : names.there.get(outer)) === nearest(actual, names.back);
  }
}

interface Bijection {
  readonly there: Map<string, string>;
  readonly back: Map<string, string>;
}

/** A deleted root is not the one that was made again at its path. */
function nameOf({ root, deleted }: Pick<Mount, 'root' | 'deleted'>): string {
  return deleted ? `${root}//deleted` : root;
}

/** The innermost of the roots that the mount's root is inside of. */
function nearest(mount: Mount, roots: ReadonlyMap<string, string>): string | undefined {
  for (let root = outerRoot(mount.root); root !== undefined; root = outerRoot(root)) {
    if (roots.has(root)) return root;
    // Nothing tells how far up a cgroup namespace can look: no further than a path can be long.
    if (root.length > mount.root.length + 64 * '/..'.length) return undefined;
  }
  return undefined;
}

/** What a root is directly inside of. Above `/` is `/..`, which a cgroup namespace shows of its surroundings. */
function outerRoot(root: string): string | undefined {
  if (!root.startsWith('/')) return undefined;
  if (root === '/') return '/..';
  return ABOVE_THE_READER.test(root) ? `${root}/..` : parentPath(root);
}
