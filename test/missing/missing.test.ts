import { execFileSync } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { callNumbers } from '../faults/call-numbers.ts';
import { isMachineRoot } from '../support/privilege.ts';
import { NEEDED, REPLACED } from './calls.ts';
import { LAUNCHER } from './launcher.ts';

const OPERATIONS = fileURLToPath(new URL('operations.mjs', import.meta.url));
const PRELOAD = fileURLToPath(new URL('../preload.cjs', import.meta.url));

const NUMBERS = callNumbers();
/** The number of none. */
const NO_CALL = 9999;
const ERRNOS = ['ENOSYS', 'EPERM'] as const;

interface Outcome {
  readonly name: string;
  readonly unchanged: boolean;
  readonly value?: unknown;
  readonly error?: string;
  readonly message?: string;
  /** Of the requirements that are not met. */
  readonly kinds?: readonly string[];
}

/** Everything in operations.mjs, done where the calls are answered by an errno. */
function without(calls: readonly string[], errno: (typeof ERRNOS)[number]): Outcome[] {
  const numbers = calls.map((name) => NUMBERS[name] ?? NO_CALL).join(',');
  const command = [process.execPath, '--require', PRELOAD, OPERATIONS];
  const printed = execFileSync(LAUNCHER, [String(constants.errno[errno]), numbers, ...command], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const lines = printed.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Outcome);
}

const valuesOf = (outcomes: readonly Outcome[]) => outcomes.map(({ name, value }) => ({ name, value }));

describe.skipIf(!isMachineRoot)('a kernel, or a sandbox, that lacks', () => {
  const ordinary = isMachineRoot ? without(['none'], 'ENOSYS') : [];

  test('nothing: everything works', () => {
    expect(ordinary.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(ordinary.map(({ value }) => value)).not.toContain(undefined);
  });

  test.each(REPLACED.flatMap((call) => ERRNOS.map((errno) => [call, errno] as const)))(
    '%s (%s): everything is done as ever',
    (call, errno) => {
      const outcomes = without([call], errno);
      expect(outcomes.map(({ message }) => message)).toEqual(ordinary.map(() => undefined));
      expect(valuesOf(outcomes)).toEqual(valuesOf(ordinary));
    },
  );

  test.each(NEEDED.flatMap((call) => ERRNOS.map((errno) => [call, errno] as const)))(
    '%s (%s): each thing is done as ever, or refused by the name of the call, and nothing changes',
    (call, errno) => {
      const outcomes = without([call], errno);
      for (const [index, { name, unchanged, error, value, message, kinds }] of outcomes.entries()) {
        expect({ name, unchanged }).toEqual({ name, unchanged: true });
        if (error === undefined) expect({ name, value }).toEqual({ name, value: ordinary[index]?.value });
        else expect(message).toMatch(new RegExp(`${call}\\b.*${errno}`));
        const isRestore = name.startsWith('a restore');
        if (isRestore && call === 'openat2') expect({ name, error }).toEqual({ name, error: 'MountError' });
        else if (isRestore)
          expect({ name, kinds }).toEqual({ name, kinds: expect.arrayContaining(['engine']) });
      }
    },
  );

  test.each(ERRNOS)('all of them (%s): each thing is refused by the name of a call', (errno) => {
    const all = [...NEEDED, ...REPLACED];
    for (const { name, unchanged, error, message } of without(all, errno)) {
      expect({ name, unchanged, error }).toEqual({ name, unchanged: true, error: 'MountError' });
      expect(message).toMatch(new RegExp(`(${all.join('|')})\\(.*= ${errno}`));
    }
  });
});
