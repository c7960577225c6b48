// Does one thing again and again while strace(1) makes some of the main thread's calls fail, and says at its end what
// was thrown, and what was left. It waits for strace without a call that strace would count.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as y from '../../dist/index.js';

const [what, rounds, signals, answer] = process.argv.slice(2);

const TREE = y.parseMountinfo(
  '1 0 0:1 / / rw,relatime - tmpfs root rw\n2 1 0:2 / /a rw,relatime shared:1 - tmpfs disk rw\n',
);
const OPERATIONS = {
  capture: () => y.captureTree({ pid: process.pid }),
  inspection: () => y.inspectHost(TREE, { root: '/' }),
  detached: () => y.restoreTreeSync(TREE, { engine: 'detached' }).release(),
  yard: () => y.restoreTreeSync(TREE, { engine: 'yard' }).release(),
  'user namespace': () => y.restoreTreeSync(TREE, { userNamespace: 'self' }).release(),
  'a namespace of each kind': () =>
    y.MountNamespace.create({ newNamespaces: ['pid', 'net', 'ipc'], userNamespace: 'self' }).close(),
};
const operation = OPERATIONS[what];

const state = () => ({
  mounts: readFileSync('/proc/self/mountinfo', 'latin1'),
  fds: readdirSync('/proc/self/fd').length,
});
const pause = new Int32Array(new SharedArrayBuffer(4));
function waitFor(file) {
  for (let tries = 30_000; tries > 0 && !existsSync(file); tries -= 1) Atomics.wait(pause, 0, 0, 2);
}

operation();
const before = state();
writeFileSync(`${signals}/ready`, '');
waitFor(`${signals}/go`);
const outcomes = [];
for (let round = 0; round < Number(rounds); round += 1) {
  try {
    operation();
    outcomes.push({});
  } catch (error) {
    const { name, code, message, hint } = error;
    outcomes.push({ name, code, message, hint, known: error instanceof y.MountyardError });
  }
}
mkdirSync(`${signals}/done`);
waitFor(`${signals}/detached`);
writeFileSync(answer, JSON.stringify({ outcomes, before, after: state() }));
