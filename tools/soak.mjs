// Restores many random namespaces: npm run soak -- --cases 10000 [--seed 1] [--engine detached|yard]
// A failure is shrunk, and printed as the commands that make its namespace, with its seed.
//
// Lets every call of every operation fail with every errno, and kills 1,000 restores: npm run soak -- --faults
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    cases: { type: 'string' },
    seed: { type: 'string' },
    engine: { type: 'string' },
    faults: { type: 'boolean' },
  },
});
const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const what = values.faults ? ['--project', 'faults'] : ['--project', 'library', 'test/random'];
const { status } = spawnSync(process.execPath, [vitest, 'run', ...what], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: {
    ...process.env,
    MOUNTYARD_CASES: values.cases ?? '10000',
    MOUNTYARD_SEED: values.seed ?? '',
    MOUNTYARD_ENGINE: values.engine ?? '',
    MOUNTYARD_FAULTS: values.faults ? 'full' : '',
  },
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
