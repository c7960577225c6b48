/**
 * npm run bench -- [BENCHMARK...] [--size N,…] [--tree NAME,…] [--seconds S] [--clock wall|cpu] [--json FILE] [--smoke]
 *
 * Prints tables, and writes the same and every sample as JSON. Goals are printed beside what was measured; they never
 * make a run fail. `--clock cpu` compares the time of processors, which other work on the machine disturbs less.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { probe, sys } from 'mountyard';
import * as floor from './floor.mjs';
import * as growth from './growth.mjs';
import { machine, machineText } from './machine.mjs';
import { CLOCKS, pathOf } from './processes.mjs';

const BENCHMARKS = { floor, growth };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: 'string' },
    tree: { type: 'string' },
    seconds: { type: 'string', default: '4' },
    clock: { type: 'string', default: 'wall' },
    json: { type: 'string', default: pathOf('out/results.json') },
    smoke: { type: 'boolean', default: false },
  },
});

const unknown = positionals.filter((name) => !Object.hasOwn(BENCHMARKS, name));
if (unknown.length > 0)
  fail(`no benchmark ${unknown.join(', ')}: there are ${Object.keys(BENCHMARKS).join(', ')}`);
if (!CLOCKS.includes(values.clock)) fail(`no clock ${values.clock}: there are ${CLOCKS.join(', ')}`);
if (!probe().privileges.mount) fail('mounting takes privilege: run as root');

// Everything is mounted in a namespace of this process and its children.
sys.unshare(['NEWNS']);
sys.makePrivate('/', { recursive: true });

const options = {
  sizes: values.size?.split(',').map(Number),
  trees: values.tree?.split(','),
  clock: values.clock,
  smoke: values.smoke,
  rounds: values.smoke
    ? { seconds: 0, least: 2, most: 2 }
    : { seconds: Number(values.seconds), least: 5, most: 25 },
  progress: (text) => process.stderr.write(`  ${text}\n`),
};

const results = { machine: machine(), clock: values.clock, benchmarks: {} };
console.log(`${machineText(results.machine)}\n`);
for (const name of positionals.length > 0 ? positionals : Object.keys(BENCHMARKS)) {
  const benchmark = BENCHMARKS[name];
  process.stderr.write(`${name}\n`);
  const result = await benchmark.run(options);
  results.benchmarks[name] = result;
  for (const text of benchmark.tables(result)) console.log(text);
}
mkdirSync(dirname(values.json), { recursive: true });
writeFileSync(values.json, `${JSON.stringify(results, null, 1)}\n`);

function fail(reason) {
  process.stderr.write(`bench: ${reason}\n`);
  process.exit(2);
}
