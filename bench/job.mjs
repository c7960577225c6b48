/** Capturing a tree and restoring it, verified, against building its mounts by hand. */
import { alternate, compare, summary } from './measure.mjs';
import { nativeTimes, reading, Worker } from './processes.mjs';
import { COMPARISON, MOUNTS, milliseconds, TREE, table } from './report.mjs';

export const title = 'Whole job: capture, plan, compile, restore and verify';

const TREES = ['binds', 'tmpfs', 'mix', 'repeats'];
const GOAL = { atMost: 3 };
const STAGES = ['capture', 'inspect', 'plan', 'compile', 'run', 'readBack', 'verify'];

async function measure(subject, { clock, smoke, rounds }) {
  const pick = reading(clock);
  const worker = await Worker.start('job', { ...subject, quick: smoke });
  const answers = [];
  const sides = {
    floor: () => pick(nativeTimes('floor', [subject.tree, String(subject.mounts)])),
    job: async () => {
      answers.push(await worker.ask());
      return pick(answers.at(-1));
    },
  };
  try {
    const samples = await alternate(sides, { ...rounds, settle: 5 + subject.mounts / 400 });
    return { samples, answers };
  } finally {
    await worker.stop();
  }
}

/** @returns the comparisons, and the stages of the job in milliseconds. */
export async function run(options) {
  const comparisons = [];
  const stages = [];
  for (const tree of TREES.filter((name) => !options.trees || options.trees.includes(name))) {
    for (const mounts of options.sizes ?? [options.smoke ? 100 : 1000]) {
      const { samples, answers } = await measure({ tree, mounts }, options);
      const ours = { name: 'the whole job, warm', samples: samples.job };
      const theirs = { name: 'floor by hand', samples: samples.floor };
      comparisons.push(compare({ tree, mounts }, ours, theirs, mounts === 1000 ? GOAL : undefined));
      const medians = STAGES.map((stage) => [stage, summary(answers.map(({ timings }) => timings[stage]))]);
      stages.push({ tree, mounts, ...Object.fromEntries(medians) });
      options.progress(`${tree} ${mounts}`);
    }
  }
  return { comparisons, stages };
}

export function tables({ comparisons, stages }) {
  const columns = STAGES.map((name) => ({ name, align: 'r', of: (row) => milliseconds(row[name]) }));
  return [
    table(title, [TREE, MOUNTS, ...COMPARISON], comparisons),
    table(
      'Where the whole job spends its time: medians, ms by the clock',
      [TREE, MOUNTS, ...columns],
      stages,
    ),
  ];
}
