/** The code under test, which would be your own. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The directories below `top` that are another filesystem than the one they lie in, each before what lies in it.
 * @param {string} top
 * @returns {string[]}
 */
export function otherFilesystems(top) {
  /** @type {string[]} */
  const found = [];
  const walk = (directory) => {
    const { dev } = statSync(directory);
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      const path = join(directory, entry.name);
      if (statSync(path).dev !== dev) found.push(path);
      walk(path);
    }
  };
  walk(top);
  return found;
}
