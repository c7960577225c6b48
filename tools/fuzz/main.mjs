// Coverage-guided fuzzing: npm run fuzz -- --seconds 60 [--seed 1] [--target mountinfo] [--input BASE64]
// The parsers, the decoder and the planner in this process, mutants that run new blocks being kept; the checker of
// programs by libFuzzer, where clang-14 is. Prints a table; a finding is printed with the command that shows it again,
// and makes the exit status 1.
import { parseArgs } from 'node:util';
import { fuzzChecker } from './checker.mjs';
import { Coverage } from './coverage.mjs';
import { Mutator, randomFrom } from './mutate.mjs';

/** Asking for the coverage takes some milliseconds, so that a batch is worth asking after. */
const BATCH_SECONDS = 0.1;
const LARGEST_BATCH = 8192;
const MOST_FINDINGS = 5;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    target: { type: 'string' },
    input: { type: 'string' },
  },
});
const coverage = new Coverage();
const { loadTargets } = await import('./targets.mjs');
const targets = await loadTargets();
const names = values.target ? [values.target] : [...Object.keys(targets), 'checker'];

if (values.input !== undefined) targets[values.target].check(Buffer.from(values.input, 'base64'));
else await fuzzAll();

async function fuzzAll() {
  console.log(`seed ${values.seed}`);
  print('target', 'seconds', 'cases', 'cases/s', 'corpus', 'blocks', 'findings');
  const seconds = Number(values.seconds) / names.length;
  let findings = 0;
  for (const name of names) {
    const run = name === 'checker' ? fuzzChecker(seconds, Number(values.seed)) : fuzz(name, seconds);
    if (run === undefined) continue;
    findings += run.findings;
    const { cases, elapsed } = run;
    print(name, elapsed.toFixed(1), cases, Math.round(cases / elapsed), run.corpus, run.blocks, run.findings);
  }
  process.exitCode = findings > 0 ? 1 : 0;
}

/** Runs one target for so many seconds. */
function fuzz(name, seconds) {
  const { seeds: begin, words, check } = targets[name];
  const seeds = begin();
  const mutator = new Mutator(randomFrom(Number(values.seed)), words);
  const corpus = [...seeds];
  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 1000;
  coverage.takeNew({ keep: true }); // what loading ran
  const before = coverage.size;
  let cases = 0;
  let findings = 0;
  const run = (inputs) => {
    for (const input of inputs) {
      cases += 1;
      try {
        check(Buffer.from(input));
      } catch (error) {
        findings += 1;
        report(name, input, error);
      }
    }
  };
  run(seeds);
  coverage.takeNew({ keep: true });
  for (let size = 64; elapsed() < seconds && findings < MOST_FINDINGS; ) {
    const batch = Array.from({ length: size }, () => mutator.mutate(corpus));
    const began = elapsed();
    run(batch);
    if (elapsed() - began < BATCH_SECONDS) size = Math.min(2 * size, LARGEST_BATCH);
    if (coverage.takeNew({ keep: false }) > 0) corpus.push(...newcomers(batch, check));
  }
  return { cases, findings, elapsed: elapsed(), corpus: corpus.length, blocks: coverage.size - before };
}

/** Those of a batch that run blocks which nothing ran before, found by halves. */
function newcomers(batch, check) {
  for (const input of batch) {
    try {
      check(Buffer.from(input));
    } catch {
      // reported when it was run first
    }
  }
  const isOne = batch.length === 1;
  if (coverage.takeNew({ keep: isOne }) === 0) return [];
  if (isOne) return batch;
  const half = batch.length >> 1;
  return [...newcomers(batch.slice(0, half), check), ...newcomers(batch.slice(half), check)];
}

function report(name, input, error) {
  console.error(`${name}: ${error.stack}`);
  console.error(`  npm run fuzz -- --target ${name} --input ${input.toString('base64')}`);
}

function print(...cells) {
  console.log(cells.map((cell) => String(cell).padStart(10)).join(''));
}
