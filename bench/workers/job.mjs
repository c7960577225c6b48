/** Captures a tree and restores it, verified, again and again: `{tree, mounts, quick}`. */
import { parseMountinfo, restoreTreeSync } from 'mountyard';
import { tableOf } from '../trees.mjs';
import { answer, parameters, timed, warmUp } from './answers.mjs';

const { tree: shape, mounts } = parameters;
const original = restoreTreeSync(parseMountinfo(tableOf(shape, mounts)));

function job() {
  let capture = 0;
  const { value, wall, cpu } = timed(() => {
    const start = performance.now();
    const tree = original.namespace.capture();
    capture = performance.now() - start;
    return restoreTreeSync(tree);
  });
  if (value.differences.length > 0) throw new Error('the tree that was restored is not the same');
  const { timings } = value.report;
  value.release();
  return { wall, cpu, timings: { capture, ...timings } };
}

warmUp(job);
answer(job);
