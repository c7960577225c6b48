// What mountyard does on a kernel that lacks calls: run by the launcher, it does a list of things and prints for each,
// as one line of JSON, whether it was done as ever, or the error.
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as y from '../../dist/index.js';

const TABLE = [
  '1 0 0:1 / / rw,relatime - tmpfs root rw',
  '2 1 0:2 / /a rw,relatime shared:1 - tmpfs disk rw',
  '3 1 0:2 /x /b ro,nosuid,relatime master:1 - tmpfs disk rw',
  '4 1 0:3 / /s rw,relatime - tmpfs below rw',
  '5 4 0:4 / /s rw,noexec,relatime - tmpfs above rw',
  '6 5 0:2 /gone//deleted /s/d rw,relatime - tmpfs disk rw',
  '7 1 0:5 / /proc rw,relatime - proc proc rw',
  '',
].join('\n');
/** For a user namespace, where no proc may be mounted. */
const UNPRIVILEGED = TABLE.replace(/^7 .*\n/m, '');

const mountTable = () => readFileSync('/proc/self/mountinfo', 'latin1');
const folder = mkdtempSync(join(tmpdir(), 'mountyard-missing-'));
const at = join(folder, 'at');
mkdirSync(at);
const exited = (child) => new Promise((resolve) => child.once('close', resolve));

async function restored(options, table = TABLE) {
  const { tree, differences } = await y.restoreTree(y.parseMountinfo(table), options).then((restored) => {
    restored.release();
    return restored;
  });
  return { size: tree.size, differences };
}

async function inNamespace(use) {
  const namespace = y.MountNamespace.create();
  try {
    return await use(namespace);
  } finally {
    namespace.close();
  }
}

const OPERATIONS = {
  probe: () => Object.keys(y.probe().calls).length,
  'capture of the own table': () =>
    y
      .captureTree()
      .mounts.map((mount) => mount.mountPoint)
      .join(),
  'capture of a process': () => y.captureTree({ pid: process.ppid }).size,
  'capture of a namespace': () =>
    inNamespace((namespace) => namespace.capture().size === y.captureTree().size),
  inspection: () => Object.keys(y.inspectHost(y.parseMountinfo(TABLE)).filesystems).length,
  'a restore': () => restored({}),
  'a restore by the detached engine': () => restored({ engine: 'detached' }),
  'a restore by the yard engine': () => restored({ engine: 'yard' }),
  'a restore with --at': () => restored({ into: { at } }),
  'a restore in a user namespace': () => restored({ userNamespace: 'self' }, UNPRIVILEGED),
  'a command in a namespace': () =>
    inNamespace((namespace) => exited(namespace.spawn('true', [], { stdio: 'ignore' }))),
  'a pin': () =>
    inNamespace(async (namespace) => {
      const file = join(folder, 'pin');
      await namespace.pin(file);
      y.sys.umount(file);
      rmSync(file);
      return 'pinned';
    }),
};

for (const [name, run] of Object.entries(OPERATIONS)) {
  const before = mountTable();
  let outcome;
  try {
    outcome = { name, value: await run() };
  } catch (error) {
    const kinds = error.requirements?.map(({ kind }) => kind);
    outcome = { name, error: error.name, code: error.code, message: error.message, kinds };
  }
  console.log(JSON.stringify({ ...outcome, unchanged: mountTable() === before }));
}
rmdirSync(at);
rmdirSync(folder); // refused when anything was left in it
