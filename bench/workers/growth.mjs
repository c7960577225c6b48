/** One stage of a restore at one size: `{stage, mounts, quick}`. */
import { readFileSync } from 'node:fs';
import {
  compileRestore,
  inspectHost,
  parseMountinfo,
  planRestore,
  restoreTreeSync,
  verifyTree,
} from 'mountyard';
import { median } from 'simple-statistics';
import { tableOf } from '../trees.mjs';
import { answer, parameters, timed } from './answers.mjs';
import { readFields } from './fields.mjs';

const WARM_MS = 400;
const TIMED_MS = 400;

/** For each stage, what makes it ready and what it does. */
const STAGES = {
  /** Only the library is loaded. */
  nothing: () => () => undefined,
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

const text = Buffer.from(tableOf('binds', parameters.mounts));

function perform() {
  const { value, wall, cpu } = timed(STAGES[parameters.stage](text));
  for (const held of [value].flat()) held?.release?.();
  return { wall, cpu };
}

/** Again and again, until processors have worked so long: on a busy machine, too, code gets warm. */
function performFor(milliseconds) {
  const times = [];
  for (let worked = 0; times.length === 0 || worked < milliseconds; worked += times.at(-1).cpu)
    times.push(perform());
  return times;
}

/** MiB, from /proc/self/status. */
function peak() {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
}

answer(() => {
  perform();
  const mebibytes = peak(); // of a process that did this once
  performFor(parameters.quick ? 0 : WARM_MS);
  const times = performFor(parameters.quick ? 0 : TIMED_MS);
  return { wall: median(times.map(({ wall }) => wall)), cpu: median(times.map(({ cpu }) => cpu)), mebibytes };
});
