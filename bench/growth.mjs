/** How time and memory grow with the mounts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { exponentOf, judged, summary } from './measure.mjs';
import { ask, reading } from './processes.mjs';
import { figure, goalText, grouped, table } from './report.mjs';

export const title = 'Growth: time and memory of each stage on wide trees';

const SIZES = [1000, 2000, 5000, 10_000, 20_000, 50_000];
const SMOKE = [100, 200];
const STAGES = ['parse', 'plan', 'compile', 'restore', 'verify'];
const ROUNDS = 3;
const GOAL = { atMost: 1.1 };
const MEASURES = { time: 'ms', memory: 'MiB at the peak' };

async function sample(stage, mounts, { clock, smoke }) {
  const answer = await ask('growth', { stage, mounts, quick: smoke });
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
    const exponent = points.length > 1 ? exponentOf(points) : undefined;
    return {
      stage,
      measure,
      sizes,
      summaries,
      exponent,
      ...(exponent !== undefined && judged(exponent, GOAL)),
    };
  });
}

/**
 * @returns {object[]} a row for each stage and measure: what it came to at each size, and the fitted exponent. Memory is
 * the peak of a process that came to the end of the stage, less that of one that only loaded the library.
 */
export async function run(options) {
  const sizes = options.sizes ?? (options.smoke ? SMOKE : SIZES);
  const rounds = options.smoke ? 1 : ROUNDS;
  const { memory: library } = await sample('nothing', sizes[0], options);
  const rows = [];
  for (const stage of STAGES) {
    const samples = sizes.map(() => []);
    for (let round = 0; round < rounds; round += 1) {
      for (const [size, mounts] of sizes.entries()) {
        const { time, memory } = await sample(stage, mounts, options);
        samples[size].push({ time, memory: memory - library });
      }
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
