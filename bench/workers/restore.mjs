/** Restores a tree again and again, warm: `{tree, mounts, quick, verify}`. */
import { parseMountinfo, restoreTreeSync } from 'mountyard';
import { tableOf } from '../trees.mjs';
import { answer, parameters, timed, warmUp } from './answers.mjs';

const { tree: shape, mounts, verify = false } = parameters;
const text = Buffer.from(tableOf(shape, mounts));

function restore() {
  const tree = parseMountinfo(text); // anew each time: nothing that a tree remembers is carried over
  const { value, wall, cpu } = timed(() => restoreTreeSync(tree, { verify }));
  const { timings, calls } = value.report;
  value.release();
  return { wall, cpu, calls, timings };
}

warmUp(restore);
answer(restore);
