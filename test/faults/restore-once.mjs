// A process that restores one tree and comes to an early end: by MOUNTYARD_FAULT at a call, by a signal from outside, or
// by itself; or that has little memory. It prints how many calls there were; one that exits by itself prints "told" when
// it knew of its tree.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseMountinfo, restoreTree, restoreTreeSync } from '../../dist/index.js';

const { table, options, exit, short } = JSON.parse(readFileSync(0, 'utf8'));
const COUNT = 1;
const leave = () => process.exit(7);

const isAttached = () => readFileSync('/proc/self/mountinfo', 'latin1').includes(` ${options.into.at}/m499 `);

/** Exits when the run is over in its thread, before JavaScript has had a turn to take what came of it. */
function leaveWhenAttached() {
  const deadline = performance.now() + 200;
  while (!isAttached()) if (performance.now() > deadline) return void setImmediate(leaveWhenAttached);
  leave();
}

function onProgress({ done, total }) {
  if (done < total) return; // else the tree was read back, and not compared yet
  if (exit === 'read back') leave();
  if (exit === 'thrown') throw undefined; // nobody catches it
}

/** Takes effect at once. */
function limitMemory({ addressSpace, cgroup }) {
  if (cgroup) return writeFileSync(`${cgroup}/cgroup.procs`, String(process.pid));
  const inUse = 1024 * Number(/^VmSize:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'))[1]);
  execFileSync('prlimit', [`--as=${inUse + addressSpace}`, '--pid', String(process.pid)]);
}

if (short) {
  const tree = parseMountinfo(table);
  limitMemory(short);
  try {
    globalThis.restored = restoreTreeSync(tree, options);
    writeSync(1, 'done');
  } catch (error) {
    writeSync(1, `${error.code}: ${error.message}`);
  }
} else if (exit === undefined) {
  globalThis.restored = restoreTreeSync(parseMountinfo(table), options); // kept, or garbage collection would warn
  const { faultWord } = createRequire(import.meta.url)(process.env.MOUNTYARD_ADDON);
  console.log(faultWord(COUNT));
} else {
  restoreTree(parseMountinfo(table), { ...options, onProgress }).then((restored) => {
    globalThis.restored = restored;
    console.log('told');
  });
  if (exit === 'attached') leaveWhenAttached();
  if (typeof exit === 'number') setTimeout(leave, exit);
}
