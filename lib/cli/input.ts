import { readFileSync } from 'node:fs';
import { UsageError } from '../errors.ts';
import { parseAny } from '../formats/detect.ts';
import type { MountTree } from '../model/tree.ts';

const STDIN = 0;

/** The tree of SNAPSHOT: a file, or `-` for standard input. */
export function readTree(name: string): MountTree {
  const { namespaces } = parseAny(readInput(name));
  const [tree, ...others] = namespaces;
  if (!tree || others.length > 0) {
    throw new UsageError(`${name} holds ${namespaces.length} mount namespaces, and this command takes one`);
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
