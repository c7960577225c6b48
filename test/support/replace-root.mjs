/**
 * Restores a tree as the new root of a namespace in which a process lives; prints the error and whether the namespace
 * is as it was: its table, and that process's root and working directory.
 */
import { once } from 'node:events';
import { readFileSync, readlinkSync } from 'node:fs';

const { MountNamespace, parseMountinfo } = await import(process.env.LIBRARY);
const tree = parseMountinfo(
  '1 0 0:1 / / rw shared:1 - tmpfs root rw\n2 1 0:2 / /a rw shared:2 - tmpfs a rw\n3 1 0:3 / /b rw - tmpfs b rw\n',
);
const namespace = MountNamespace.create();
const child = namespace.spawn(
  'sh',
  ['-c', 'mount --make-rshared /; mount -t tmpfs own /mnt; echo ready; exec sleep 600'],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
await once(child.stdout, 'data');
const closed = once(child, 'close');
const state = () => [
  readFileSync(`/proc/${child.pid}/mountinfo`, 'utf8'),
  readlinkSync(`/proc/${child.pid}/root`),
  readlinkSync(`/proc/${child.pid}/cwd`),
];
const before = state();
let error = null;
try {
  namespace.restoreSync(tree, { engine: process.env.ENGINE }).release();
} catch (thrown) {
  error = `${thrown.name}: ${thrown.message}`;
}
const after = state();
child.kill('SIGKILL');
await closed;
namespace.close();
console.log(JSON.stringify({ error, same: before.join() === after.join(), before, after }));
