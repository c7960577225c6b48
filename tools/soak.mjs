// Restores many random namespaces: npm run soak -- --cases 10000 [--seed 1] [--engine detached|yard]
// A failure is shrunk, and printed as the commands that make its namespace, with its seed.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { cases: { type: 'string' }, seed: { type: 'string' }, engine: { type: 'string' } },
});
const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const { status } = spawnSync(process.execPath, [vitest, 'run', '--project', 'library', 'test/random'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: {
    ...process.env,
    MOUNTYARD_CASES: values.cases ?? '10000',
    MOUNTYARD_SEED: values.seed ?? '',
    MOUNTYARD_ENGINE: values.engine ?? '',
  },
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
