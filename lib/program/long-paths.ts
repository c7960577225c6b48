/** Paths that no one call can take. */
import { UsageError } from '../errors.ts';
import { encodeBytes } from '../model/bytes.ts';

/** PATH_MAX counts the NUL; a little is left for what a caller appends. */
const LONGEST_PATH = 4000;

/** One character is at most three bytes a unit. */
export function isTooLong(path: string): boolean {
  return path.length > LONGEST_PATH / 3 && encodeBytes(path).length > LONGEST_PATH;
}

/** The last slash within reach. A single name is at most 255 bytes, so there is one. */
export function cutAt(path: string): number {
  let cut = path.lastIndexOf('/', LONGEST_PATH);
  while (cut > 0 && encodeBytes(path.slice(0, cut)).length > LONGEST_PATH)
    cut = path.lastIndexOf('/', cut - 1);
  if (cut <= 0) {
    throw new UsageError(`a name is longer than a path may be: ${JSON.stringify(path.slice(0, 40))}…`);
  }
  return cut;
}
