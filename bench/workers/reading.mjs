/** In a namespace with many mounts, reads its table in several ways: `{mounts, directory, quick}`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { captureTree, MountTree, parseMountinfo, restoreTreeSync, sys } from 'mountyard';
import { readMount } from '../../dist/system/capture/statmount-mount.js';
import { nativeTimes } from '../processes.mjs';
import { tableOf } from '../trees.mjs';
import { answer, parameters, timed, warmUp } from './answers.mjs';
import { readFields } from './fields.mjs';

const TABLE = '/proc/self/mountinfo';
const OWN = 0n;

sys.unshare(['NEWNS']);
sys.mount('bench', parameters.directory, { type: 'tmpfs' });
const at = join(parameters.directory, 'tree');
const file = join(parameters.directory, 'table');
mkdirSync(at);
const text = tableOf('binds', parameters.mounts);
const attached = restoreTreeSync(parseMountinfo(text), { into: { at }, verify: false });
process.on('disconnect', () => attached.release());
const bytes = readFileSync(TABLE);
writeFileSync(file, bytes);

/** Each reads a table whole, every field of every mount. */
const WAYS = {
  bytes: () => readFileSync(TABLE).length,
  parse: () => readFields(parseMountinfo(bytes)),
  mountinfo: () => readFields(captureTree()),
  statmount: () => readFields(new MountTree([...sys.listmount()].map((id) => readMount(id, OWN)))),
};

function read(way) {
  if (way === 'print') return nativeTimes('read-table', []);
  if (way === 'libmountParse') return byLibmount(file);
  if (way === 'libmount') return byLibmount(TABLE);
  const { value, wall, cpu } = timed(WAYS[way]);
  if (value < parameters.mounts) throw new Error(`${way} read too little`);
  return { wall, cpu };
}

function byLibmount(table) {
  const { wall, cpu, rest } = nativeTimes('libmount-table', [table]);
  if (!(rest[0] > parameters.mounts)) throw new Error(`libmount found ${rest[0]} mounts`);
  return { wall, cpu };
}

for (const way of Object.keys(WAYS)) warmUp(() => read(way));
answer(({ way }) => read(way));
