/** What a restore costs beyond the kernel's own charge for its mounts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileRestore, inspectHost, parseMountinfo, planRestore } from 'mountyard';
import { chargesOf, chargesTable } from './charges.mjs';
import { alternate, compare, summary } from './measure.mjs';
import { ask, nativeTimes, reading, Worker } from './processes.mjs';
import { COMPARISON, grouped, MOUNTS, milliseconds, TREE, table } from './report.mjs';
import { assertBuilds } from './same-tree.mjs';
import { COPY, tableOf } from './trees.mjs';

export const title = 'Floor: restoring against the same calls, and against the fewest calls by hand';

const SIZES = [100, 1000, 10_000, 50_000];
const SMOKE = [100];
/** Where the sides are seen to build the same tree. */
const SAME_AT = 200;
/** More on one spot is quadratic in the kernel. */
const DEEPEST = 1000;
/** From here on a round takes seconds. */
const MANY = 50_000;
const STAGES = ['inspect', 'plan', 'compile', 'run'];

const NAMES = {
  execute: 'execution of the program',
  replay: 'its calls replayed',
  whole: 'whole call, warm',
  floor: 'floor by hand',
  clones: 'floor with recursive clones',
  paths: 'floor with mount(2)',
};

function casesOf({ sizes, smoke, trees }) {
  const chosen = sizes ?? (smoke ? SMOKE : SIZES);
  const wide = ['binds', 'tmpfs', 'mix', 'repeats'].flatMap((tree) =>
    chosen.map((mounts) => ({ tree, mounts })),
  );
  const deep = { tree: 'stack', mounts: Math.min(DEEPEST, Math.max(...chosen)) };
  return [...wide, deep].filter(({ tree }) => !trees || trees.includes(tree));
}

function variantsOf(tree) {
  if (tree === 'repeats') return ['clones'];
  return tree === 'binds' || tree === 'tmpfs' ? ['paths'] : [];
}

async function measure({ tree, mounts }, { file, options }) {
  await assertSameWork(tree, Math.min(mounts, SAME_AT), file);
  writeFileSync(file, planned(tree, mounts).program);
  const pick = reading(options.clock);
  const worker = await Worker.start('restore', { tree, mounts, quick: options.smoke });
  const restored = [];
  const byHand = (variant) => () => pick(nativeTimes('floor', [tree, String(mounts), variant]));
  const sides = {
    replay: () => pick(nativeTimes('replay', [file, '/proc'])),
    execute: async () => pick(await ask('execute', { program: file })),
    floor: byHand(''),
    ...Object.fromEntries(variantsOf(tree).map((variant) => [variant, byHand(variant)])),
    whole: async () => {
      restored.push(await worker.ask());
      return pick(restored.at(-1));
    },
  };
  try {
    const rounds =
      mounts < MANY ? options.rounds : { ...options.rounds, least: Math.min(options.rounds.least, 3) };
    const samples = await alternate(sides, { ...rounds, settle: 5 + mounts / 400 });
    return { samples, restored, charges: chargesOf(file, options.clock) };
  } finally {
    await worker.stop();
  }
}

function planned(shape, mounts) {
  const tree = parseMountinfo(tableOf(shape, mounts));
  const plan = planRestore(tree, {}, inspectHost(tree, {}));
  return { target: plan.target, program: compileRestore(plan).bytes };
}

/** All sides build the same tree. */
async function assertSameWork(tree, mounts, file) {
  const { target, program } = planned(tree, mounts);
  writeFileSync(file, program);
  await assertBuilds('replay', [file, 'hold', '/proc'], target);
  for (const variant of ['', ...variantsOf(tree)])
    await assertBuilds('floor', [tree, String(mounts), variant, 'hold'], target);
}

function comparisonsOf(subject, samples) {
  const side = (name) => ({ name: NAMES[name], samples: samples[name] });
  const wholeGoal = subject.tree === 'repeats' ? repeatsGoalAt(subject.mounts) : wholeGoalAt(subject.mounts);
  return [
    compare(
      subject,
      side('execute'),
      side('replay'),
      subject.mounts === 10_000 ? { atMost: 1.1 } : undefined,
    ),
    compare(subject, side('whole'), side('floor'), wholeGoal),
    ...variantsOf(subject.tree).map((variant) => compare(subject, side(variant), side('floor'))),
  ];
}

/** Of a single sub-tree nothing repeats. */
function repeatsGoalAt(mounts) {
  return mounts > COPY ? { atMost: 1 } : undefined;
}

function wholeGoalAt(mounts) {
  if (mounts === 1000) return { atMost: 1.5 };
  return mounts === 10_000 ? { atMost: 1.25 } : undefined;
}

function stagesOf(subject, { restored, samples, charges }) {
  const stages = STAGES.map((stage) => [stage, summary(restored.map(({ timings }) => timings[stage]))]);
  return {
    ...subject,
    calls: restored[0].calls,
    ...Object.fromEntries(stages),
    replay: summary(samples.replay),
    charges,
  };
}

/** @returns the comparisons, and the stages of the whole call in milliseconds. */
export async function run(options) {
  const directory = mkdtempSync(join(tmpdir(), 'mountyard-bench-'));
  const comparisons = [];
  const stages = [];
  try {
    for (const subject of casesOf(options)) {
      const measured = await measure(subject, { file: join(directory, 'program'), options });
      comparisons.push(...comparisonsOf(subject, measured.samples));
      stages.push(stagesOf(subject, measured));
      options.progress(`${subject.tree} ${subject.mounts}`);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
  return { comparisons, stages };
}

export function tables({ comparisons, stages }) {
  const columns = [
    TREE,
    MOUNTS,
    { name: 'calls', align: 'r', of: ({ calls }) => grouped(calls) },
    ...STAGES.map((name) => ({ name, align: 'r', of: (row) => milliseconds(row[name]) })),
    { name: 'calls replayed', align: 'r', of: ({ replay }) => milliseconds(replay) },
  ];
  return [
    table(title, [TREE, MOUNTS, ...COMPARISON], comparisons),
    table('Where the whole call spends its time: medians, ms by the clock', columns, stages),
    chargesTable(stages),
  ];
}
