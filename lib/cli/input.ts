import { readFileSync } from 'node:fs';
import { UsageError } from '../errors.ts';
import { parseAny } from '../formats/detect.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { MountTree } from '../model/tree.ts';

const STDIN = 0;

/** SNAPSHOT, a file, or `-` for standard input, with all its namespaces. */
export function readSnapshot(name: string): Snapshot {
  return parseAny(readInput(name));
}

/** The tree of a SNAPSHOT of one namespace. @throws UsageError for one of several. */
export function readTree(name: string): MountTree {
  return onlyTree(readSnapshot(name), `${name} holds`);
}

/** @throws UsageError for a snapshot of several namespaces. */
export function onlyTree({ namespaces }: Snapshot, what: string): MountTree {
  const [tree, ...others] = namespaces;
  if (!tree || others.length > 0) {
    throw new UsageError(`${what} ${namespaces.length} mount namespaces, and this takes one`);
  }
  return tree;
}

/** @throws UsageError when the file cannot be read: it is the caller who named it. */
export function readInput(name: string): Buffer {
  try {
    return readFileSync(name === '-' ? STDIN : name);
  } catch (error) {
    throw new UsageError(
      `cannot read ${name === '-' ? 'standard input' : name}: ${(error as Error).message}`,
    );
  }
}
