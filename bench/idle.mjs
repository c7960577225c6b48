/** What it costs to have the library and not to use it, and what a long restore costs everything else. */
import { alternate, compare, judged, summary } from './measure.mjs';
import { nativeTimes, pathOf, reading, Worker } from './processes.mjs';
import { COMPARISON, figure, goalText, MOUNTS, milliseconds, spread, TREE, table } from './report.mjs';

export const title = 'Doing nothing: loading the library and the command';

const COMMANDS = {
  nothing: ['-e', ''],
  require: ['-e', 'require("mountyard")'],
  version: [pathOf('../dist/cli/main.js'), '--version'],
};
const NAMES = { require: "require('mountyard')", version: 'mountyard --version' };
const LONGEST_PAUSE = { atMost: 50 };

async function loading({ clock, rounds }) {
  const pick = reading(clock);
  const start = (args) => pick(nativeTimes('spawned', [process.execPath, ...args], { cwd: pathOf('..') }));
  const sides = Object.entries(COMMANDS).map(([name, args]) => [name, () => start(args)]);
  const samples = await alternate(Object.fromEntries(sides), { ...rounds, settle: 5 });
  return Object.keys(NAMES).map((name) =>
    compare(
      { more: summary(samples[name].map((sample, round) => sample - samples.nothing[round])) },
      { name: NAMES[name], samples: samples[name] },
      { name: 'node -e ""', samples: samples.nothing },
    ),
  );
}

async function pauses({ smoke, sizes, rounds }) {
  const subject = { tree: 'binds', mounts: sizes?.at(-1) ?? (smoke ? 100 : 10_000) };
  const worker = await Worker.start('loop', subject);
  const answers = [];
  try {
    await alternate({ restore: async () => answers.push(await worker.ask()) }, { ...rounds, settle: 50 });
  } finally {
    await worker.stop();
  }
  const [longest, whole] = ['longest', 'whole'].map((name) => summary(answers.map((one) => one[name])));
  return [{ ...subject, longest, whole, ...judged(longest.median, LONGEST_PAUSE) }];
}

/** @returns what loading costs beyond an empty Node, and the longest pause of the event loop, in milliseconds. */
export async function run(options) {
  const loads = await loading(options);
  return { loads, pauses: await pauses(options) };
}

export function tables(results) {
  const more = { name: 'ms more', align: 'r', of: ({ more }) => figure(more.median) };
  return [
    table(title, [...COMPARISON.slice(0, -1), more], results.loads),
    table(
      'Doing nothing: the event loop while a restore runs, verified',
      [
        TREE,
        MOUNTS,
        { name: 'restoreTree, ms', align: 'r', of: ({ whole }) => milliseconds(whole) },
        { name: 'longest pause, ms', align: 'r', of: ({ longest }) => milliseconds(longest) },
        { name: '', align: 'r', of: ({ longest }) => spread(longest) },
        { name: 'goal', of: goalText },
      ],
      results.pauses,
    ),
  ];
}
