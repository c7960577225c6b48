/** Runs a compiled program once: `{program: FILE}`. */
import { closeSync, readFileSync } from 'node:fs';
import { native } from '../../dist/system/calls/native.js';
import { Procfs } from '../../dist/system/calls/procfs.js';
import { answer, parameters, timed } from './answers.mjs';

const program = readFileSync(parameters.program);
const imports = Int32Array.of(Procfs.open().root.number);

answer(() => {
  const { value, wall, cpu } = timed(() => native.runSync({ program, imports, place: { kind: 'thread' } }));
  if (value.status !== 'done') throw new Error(`op ${value.op}: errno ${value.errno}`);
  for (const fd of value.exports) closeSync(fd);
  return { wall, cpu };
});
