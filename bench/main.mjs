/**
 * npm run bench -- [BENCHMARK...] [--size N,…] [--tree NAME,…] [--seconds S] [--clock wall|cpu] [--json FILE]
 *                  [--into FILE] [--smoke]
 *
 * Prints tables, and writes every sample as JSON and the tables as Markdown beside it. Goals are printed next to what
 * was measured; they never make a run fail. `--seconds` is how long the sides of one comparison take turns, five times
 * at least. `--clock cpu` compares the time of processors, which other work on the machine disturbs less. `--into` puts
 * the tables between the `<!-- figures -->` marks of a Markdown file. `--smoke` does everything once or twice, tiny.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { probe, sys } from 'mountyard';
import { missing } from './complete.mjs';
import * as floor from './floor.mjs';
import * as growth from './growth.mjs';
import * as idle from './idle.mjs';
import * as job from './job.mjs';
import { machine, machineText } from './machine.mjs';
import * as peers from './peers.mjs';
import { CLOCKS, pathOf } from './processes.mjs';
import * as reading from './reading.mjs';

const MARK = '<!-- figures -->';
const BENCHMARKS = { floor, job, peers, reading, growth, idle };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: 'string' },
    tree: { type: 'string' },
    seconds: { type: 'string', default: '3' },
    clock: { type: 'string', default: 'wall' },
    into: { type: 'string' },
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
const names = positionals.length > 0 ? positionals : Object.keys(BENCHMARKS);
const texts = [`${machineText(results)}\n`];
console.log(texts[0]);
for (const name of names) {
  const benchmark = BENCHMARKS[name];
  process.stderr.write(`${name}\n`);
  results.benchmarks[name] = await benchmark.run(options);
  const tables = benchmark.tables(results.benchmarks[name]);
  texts.push(...tables);
  for (const text of tables) console.log(text);
}
mkdirSync(dirname(values.json), { recursive: true });
writeFileSync(values.json, `${JSON.stringify(results, null, 1)}\n`);
writeFileSync(values.json.replace(/(\.json)?$/, '.md'), texts.join('\n'));
if (values.into) replaceFigures(values.into, texts.join('\n'));

const lacks = missing(JSON.parse(readFileSync(values.json, 'utf8')), names);
if (lacks.length > 0) fail(`the results are not whole: ${lacks.join('; ')}`);

/** The text between the marks of a Markdown file is these tables from now on. */
function replaceFigures(file, figures) {
  const text = readFileSync(file, 'utf8');
  const marks = text.split(MARK);
  if (marks.length !== 3) fail(`${file} has not two marks ${MARK}`);
  writeFileSync(file, [marks[0], `\n\n${figures}\n`, marks[2]].join(MARK));
}

function fail(reason) {
  process.stderr.write(`bench: ${reason}\n`);
  process.exit(2);
}
