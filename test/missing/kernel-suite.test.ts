/** The kernel suite again, where calls are answered by an errno: each test passes, or ends by a refusal that names the call. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { callNumbers } from '../faults/call-numbers.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { NEEDED, REPLACED } from './calls.ts';
import { judge, type Outcome } from './judge.ts';
import { LAUNCHER } from './launcher.ts';

const VITEST = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const REPORTER = fileURLToPath(new URL('outcomes-reporter.ts', import.meta.url));
const MINUTES = 20 * 60_000;

const CALLS = [...NEEDED, ...REPLACED];
type Errno = 'ENOSYS' | 'EPERM';
type Case = readonly [title: string, errno: Errno, calls: readonly string[]];

/** `npm run soak -- --missing` runs all of it, without each call and without all. */
const FULL = process.env.MOUNTYARD_MISSING === 'full';
const EACH = (['ENOSYS', 'EPERM'] as const).flatMap((errno): Case[] => [
  ...CALLS.map((call): Case => [call, errno, [call]]),
  ['all of them', errno, CALLS],
]);
const SAMPLE: readonly Case[] = [
  ['statmount', 'ENOSYS', ['statmount']],
  ['mount_setattr', 'EPERM', ['mount_setattr']],
  ['all of them', 'ENOSYS', CALLS],
];
const SAMPLED = [
  'at',
  'execute',
  'capture-calls',
  'capture-clones',
  'capture-escaped',
  'idmap',
  'into-namespace',
  'lxc',
  'shapes-stacking',
];

async function suiteWithout(calls: readonly string[], errno: Errno): Promise<Outcome[]> {
  const numbers = callNumbers();
  const folder = mkdtempSync(join(tmpdir(), 'mountyard-outcomes-'));
  const file = join(folder, 'outcomes.json');
  const files = FULL ? ['test/kernel'] : SAMPLED.map((name) => `test/kernel/${name}.test.ts`);
  const words = [process.execPath, VITEST, 'run', '--project', 'library', `--reporter=${REPORTER}`, ...files];
  const list = calls.map((call) => numbers[call]).join(',');
  // Tests that end early leave temporary files.
  const env = { ...process.env, NODE_OPTIONS: '', CI: '', TMPDIR: folder, MOUNTYARD_OUTCOMES: file };
  try {
    const child = spawn(LAUNCHER, [String(constants.errno[errno]), list, ...words], { env, stdio: 'ignore' });
    await once(child, 'close');
    return JSON.parse(readFileSync(file, 'utf8')) as Outcome[];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe.skipIf(!isMachineRoot)('the kernel suite', () => {
  test.each(FULL ? EACH : SAMPLE)(
    'without %s: %s',
    async (title, errno, calls) => {
      const outcomes = await suiteWithout(calls, errno);
      const { unexplained, ...counts } = judge(outcomes, calls, errno);
      console.log(`without ${title}, ${errno}: ${JSON.stringify(counts)}`);
      expect(unexplained).toEqual([]);
      expect(counts.passed + counts.refused).toBeGreaterThan(20);
    },
    MINUTES,
  );
});
