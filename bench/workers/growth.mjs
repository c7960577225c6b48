/** One stage of a restore at one size, once, and the memory that it took at its height: `{stage, mounts}`. */
import { readFileSync, writeFileSync } from 'node:fs';
import {
  compileRestore,
  inspectHost,
  parseMountinfo,
  planRestore,
  restoreTreeSync,
  verifyTree,
} from 'mountyard';
import { tableOf } from '../trees.mjs';
import { answer, parameters, timed } from './answers.mjs';
import { readFields } from './fields.mjs';

const WARM_UP = 10;
const FEW = 1000;

/** For each stage, what makes it ready and what it does. */
const STAGES = {
  parse: (text) => () => {
    const tree = parseMountinfo(text);
    return [tree, readFields(tree)];
  },
  plan: (text) => {
    const tree = parseMountinfo(text);
    const facts = inspectHost(tree, {});
    return () => planRestore(tree, {}, facts);
  },
  compile: (text) => {
    const plan = STAGES.plan(text)();
    return () => compileRestore(plan);
  },
  restore: (text) => {
    const tree = parseMountinfo(text);
    return () => restoreTreeSync(tree, { verify: false });
  },
  verify: (text) => {
    const restored = STAGES.restore(text)();
    return () => [restored, verifyTree(restored.target, restored.namespace.capture())];
  },
};

function prepare(mounts) {
  return STAGES[parameters.stage](Buffer.from(tableOf('binds', mounts)));
}

/** KiB, from /proc/self/status. */
function memory(field) {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))[1]);
}

function release(value) {
  for (const held of [value].flat()) held.release?.();
}

for (let time = 0; time < WARM_UP; time += 1) release(prepare(Math.min(FEW, parameters.mounts))());

answer(() => {
  const work = prepare(parameters.mounts);
  globalThis.gc();
  writeFileSync('/proc/self/clear_refs', '5'); // the peak so far is forgotten: proc_pid_clear_refs(5)
  const before = memory('VmRSS');
  const { value, wall, cpu } = timed(work);
  const peak = memory('VmHWM');
  release(value);
  return { wall, cpu, mebibytes: (peak - before) / 1024, whole: peak / 1024 };
});
