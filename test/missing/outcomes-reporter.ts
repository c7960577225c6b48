import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { inspect } from 'node:util';
import type { SerializedError } from 'vitest';
import type { Reporter, TestModule } from 'vitest/node';
import type { Outcome, Thrown } from './judge.ts';

/** Writes how each test ended, and all that is known of why, to the file that MOUNTYARD_OUTCOMES names. */
export default class OutcomesReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const outcomes = [
      ...modules.flatMap(outcomesOf),
      ...errors.map((error) => failed('vitest', '', [error])),
    ];
    writeFileSync(process.env.MOUNTYARD_OUTCOMES ?? '', JSON.stringify(outcomes));
  }
}

function outcomesOf(module: TestModule): Outcome[] {
  const file = basename(module.moduleId);
  const tests = Array.from(module.children.allTests(), (test): Outcome => {
    const { state, errors = [] } = test.result();
    return state === 'failed'
      ? failed(file, test.fullName, errors)
      : { file, name: test.fullName, state: state === 'passed' ? 'passed' : 'skipped', errors: [] };
  });
  const suites = Array.from(module.children.allSuites()).flatMap((suite) => suite.errors());
  const own = [...module.errors(), ...suites];
  return own.length > 0 ? [...tests, failed(file, '', own)] : tests;
}

function failed(file: string, name: string, errors: readonly SerializedError[]): Outcome {
  return { file, name, state: 'failed', errors: errors.map(thrown) };
}

function thrown(error: SerializedError): Thrown {
  return { why: messagesOf(error), saw: textOf(error.actual), expected: textOf(error.expected) };
}

function messagesOf({ message, cause }: SerializedError): string {
  return cause ? `${message}\n${messagesOf(cause as SerializedError)}` : message;
}

const WHOLE = { depth: null, maxArrayLength: null, maxStringLength: null };

/** What an assertion saw or expected: its text, or what it was, in full. */
function textOf(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : inspect(value, WHOLE);
}
