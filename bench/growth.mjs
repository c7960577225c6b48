/** How time and memory grow with the mounts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { exponentOf, judged, summary } from './measure.mjs';
import { ask, reading } from './processes.mjs';
import { figure, goalText, grouped, table } from './report.mjs';

export const title = 'Growth: time and memory of each stage on wide trees';

const SIZES = [1000, 2000, 5000, 10_000, 20_000, 50_000];
const SMOKE = [100, 200];
const STAGES = ['parse', 'plan', 'compile', 'restore', 'verify'];
const GOAL = { atMost: 1.1 };
const MEASURES = { time: 'ms', memory: 'MiB more at the peak' };

async function sample(stage, mounts, clock) {
  const answer = await ask('growth', { stage, mounts }, ['--expose-gc']);
  await sleep(5 + mounts / 400);
  return { time: reading(clock)(answer), memory: answer.mebibytes };
}

function rowsOf(stage, sizes, samples) {
  return Object.keys(MEASURES).map((measure) => {
    const summaries = sizes.map((_, size) => summary(samples[size].map((one) => one[measure])));
    // What did not grow at all has no logarithm, and tells nothing of the growth.
    const points = sizes
      .map((mounts, size) => [mounts, summaries[size].median])
      .filter(([, value]) => value > 0);
    const exponent = points.length > 1 ? exponentOf(points) : Number.NaN;
    return { stage, measure, sizes, summaries, exponent, ...judged(exponent, GOAL) };
  });
}

/** @returns {object[]} a row for each stage and measure: what it came to at each size, and the fitted exponent. */
export async function run(options) {
  const sizes = options.sizes ?? (options.smoke ? SMOKE : SIZES);
  const rounds = options.smoke ? 1 : 3;
  const rows = [];
  for (const stage of STAGES) {
    const samples = sizes.map(() => []);
    for (let round = 0; round < rounds; round += 1) {
      for (const [size, mounts] of sizes.entries())
        samples[size].push(await sample(stage, mounts, options.clock));
    }
    rows.push(...rowsOf(stage, sizes, samples));
    options.progress(stage);
  }
  return rows;
}

export function tables(rows) {
  const columns = [
    { name: 'stage', of: ({ stage }) => stage },
    { name: 'of', of: ({ measure }) => MEASURES[measure] },
    ...rows[0].sizes.map((mounts, size) => ({
      name: grouped(mounts),
      align: 'r',
      of: ({ summaries }) => figure(summaries[size].median),
    })),
    { name: 'exponent', align: 'r', of: ({ exponent }) => figure(exponent) },
    { name: 'goal', of: goalText },
  ];
  return [table(title, columns, rows)];
}
