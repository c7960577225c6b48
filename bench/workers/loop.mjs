/** Restores a tree while the event loop should go on: `{tree, mounts}`. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseMountinfo, restoreTree } from 'mountyard';
import { tableOf } from '../trees.mjs';
import { answer, parameters } from './answers.mjs';

const RESOLUTION_MS = 1;
const text = Buffer.from(tableOf(parameters.tree, parameters.mounts));

async function restore() {
  const tree = parseMountinfo(text);
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  await sleep(5);
  const start = performance.now();
  const restored = await restoreTree(tree);
  const whole = performance.now() - start;
  await sleep(5); // a pause is seen only when it is over
  delay.disable();
  const { timings } = restored.report;
  restored.release();
  return { longest: delay.max / 1e6 - RESOLUTION_MS, whole, timings };
}

await restore();
answer(restore);
