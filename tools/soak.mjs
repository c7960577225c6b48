// Restores many random namespaces: npm run soak -- --cases 10000 [--seed 1] [--engine detached|yard]
// A failure is shrunk, and printed as the commands that make its namespace, with its seed.
//
// Lets every call of every operation fail with every errno, and kills 1,000 restores: npm run soak -- --faults
// Runs the kernel suite without each of the calls that a kernel may lack, and without all: npm run soak -- --missing
// Restores 10,000 times while a thread exchanges a directory with a symlink: npm run soak -- --exchange
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    cases: { type: 'string' },
    seed: { type: 'string' },
    engine: { type: 'string' },
    faults: { type: 'boolean' },
    missing: { type: 'boolean' },
    exchange: { type: 'boolean' },
  },
});

/** What vitest is given, and the environment that makes it more than a sample. */
function chosen() {
  if (values.faults) return { words: ['--project', 'faults'], more: { MOUNTYARD_FAULTS: 'full' } };
  if (values.missing)
    return {
      words: ['--project', 'faults', 'test/missing/kernel-suite.test.ts'],
      more: { MOUNTYARD_MISSING: 'full' },
    };
  if (values.exchange)
    return {
      words: ['--project', 'library', 'test/attacks/exchange.test.ts'],
      more: { MOUNTYARD_ROUNDS: '10000' },
    };
  return {
    words: ['--project', 'library', 'test/random'],
    more: {
      MOUNTYARD_CASES: values.cases ?? '10000',
      MOUNTYARD_SEED: values.seed ?? '',
      MOUNTYARD_ENGINE: values.engine ?? '',
    },
  };
}

const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const { words, more } = chosen();
const { status } = spawnSync(process.execPath, [vitest, 'run', ...words], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: { ...process.env, ...more },
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
