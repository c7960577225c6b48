// A process that restores one tree and comes to an early end: by MOUNTYARD_FAULT at a call, by a signal from outside, or
// by itself. It prints how many calls there were.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseMountinfo, restoreTree, restoreTreeSync } from '../../dist/index.js';

const { table, options, exitAfter } = JSON.parse(readFileSync(0, 'utf8'));
const COUNT = 1;
const EXIT_STATUS = 7;

if (exitAfter === undefined) {
  globalThis.restored = restoreTreeSync(parseMountinfo(table), options); // kept, or garbage collection would warn
  const { faultWord } = createRequire(import.meta.url)(process.env.MOUNTYARD_ADDON);
  console.log(faultWord(COUNT));
} else {
  restoreTree(parseMountinfo(table), options);
  setTimeout(() => process.exit(EXIT_STATUS), exitAfter);
}
