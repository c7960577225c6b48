/** libFuzzer on the checker of programs (test/fuzz/check.cpp), built with ASan and UBSan. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileRestore, parseMountinfo, planRestore } from '../../dist/index.js';
import { UNKNOWN_HOST } from '../../dist/plan/unknown-host.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const CLANG = 'clang++-14';
const FLAGS = [
  '-std=c++20',
  '-g',
  '-O1',
  '-D_GNU_SOURCE',
  '-fsanitize=fuzzer,address,undefined',
  '-fno-sanitize-recover=all',
];

/** What the run came to; `undefined`, and a line that says so, where there is no clang. */
export function fuzzChecker(seconds, seed) {
  if (spawnSync(CLANG, ['--version']).error) {
    console.log(`   checker  left out: no ${CLANG} here`);
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), 'mountyard-fuzz-'));
  try {
    return run(folder, seconds, seed);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(folder, seconds, seed) {
  const program = join(folder, 'check');
  const sources = ['test/fuzz/check.cpp', 'native/program/check.cpp'].map((file) => join(root, file));
  must(spawnSync(CLANG, [...FLAGS, '-o', program, ...sources], { encoding: 'utf8' }));
  const corpus = join(folder, 'corpus');
  writeSeeds(corpus);
  const started = performance.now();
  const options = [
    `-max_total_time=${Math.max(1, Math.round(seconds))}`,
    `-seed=${seed}`,
    '-print_final_stats=1',
    '-max_len=65536',
  ];
  const { stderr, status } = spawnSync(program, [...options, `-artifact_prefix=${folder}/`, corpus], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) console.error(stderr.slice(-4000));
  const last = (pattern) => Number([...stderr.matchAll(pattern)].at(-1)?.[1] ?? 0);
  return {
    cases: last(/stat::number_of_executed_units: (\d+)/g),
    elapsed: (performance.now() - started) / 1000,
    corpus: last(/ corp: (\d+)\//g),
    blocks: last(/ cov: (\d+) /g),
    findings: status === 0 ? 0 : 1,
  };
}

/** Real programs: those of small tables. */
function writeSeeds(corpus) {
  mkdirSync(corpus);
  for (const name of ['lxc-vivid', 'made/gen-deleted-roots', 'made/tool-runc-default']) {
    const tree = parseMountinfo(readFileSync(join(root, 'test/tables', `${name}.mountinfo`)));
    const options = { standIn: 'all', ignoreHostPropagation: true };
    const { bytes } = compileRestore(planRestore(tree, options, UNKNOWN_HOST));
    writeFileSync(join(corpus, name.replace('/', '-')), bytes);
  }
}

function must({ status, stderr }) {
  if (status !== 0) throw new Error(stderr);
}
