/** Prints what fs, fs.promises, a worker, a child process and every thread see, at four times. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdtempSync,
  promises,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

const { MountNamespace, parseMountinfo } = await import(process.env.LIBRARY);
const folder = mkdtempSync(join(tmpdir(), 'mountyard-threads-'));
const path = join(folder, 'file');
const FILE = '/proc/thread-self/ns/mnt';
writeFileSync(path, 'ours');
const IN_WORKER = `
  const { readFileSync, readlinkSync } = require('node:fs');
  require('node:worker_threads').parentPort.postMessage([readFileSync(process.env.SEEN, 'utf8'), readlinkSync('${FILE}')]);
`;

/** Node's own, when it has started them all: not the one that works in the namespace. */
let threads = [];

async function views() {
  const worker = new Worker(IN_WORKER, { eval: true, env: { SEEN: path } });
  const [[fromWorker]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
  const child = spawnSync('sh', ['-c', `cat "$1"; echo; readlink ${FILE}`, 'sh', path], { encoding: 'utf8' });
  const all = [
    [readFileSync(path, 'utf8'), readlinkSync(FILE)],
    [await promises.readFile(path, 'utf8'), await promises.readlink(FILE)],
    fromWorker,
    child.stdout.trim().split('\n'),
    ...threads.map((task) => ['ours', readlinkSync(`/proc/self/task/${task}/ns/mnt`)]),
  ];
  return [...new Set(all.map((view) => view.join(' ')))];
}

const tree = parseMountinfo('1 0 0:1 / / rw - tmpfs root rw\n2 1 0:2 / /a rw - tmpfs a rw\n');
await views();
threads = readdirSync('/proc/self/task');
const before = await views();
const namespace = MountNamespace.create();
const child = namespace.spawn('sh', [
  '-c',
  'mount -t tmpfs over "$1"; ls "$1" | wc -l; read line',
  'sh',
  folder,
]);
const [inThere] = await once(child.stdout, 'data');
const [restored, during] = await Promise.all([namespace.restore(tree, { at: folder }), views()]);
const size = namespace.capture().size;
const later = await views();
restored.release();
child.stdin.end('\n');
await once(child, 'close');
namespace.close();
const after = await views();
rmSync(folder, { recursive: true });
console.log(JSON.stringify({ inThere: Number(inThere), grown: size > 2, before, during, later, after }));
