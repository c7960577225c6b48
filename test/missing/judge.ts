/** Whether a test that failed on a kernel that lacks calls failed as it should. */
import { NEEDED } from './calls.ts';
import { RULED_OUT } from './ruled-out.ts';

/** How a test ended. */
export interface Outcome {
  readonly file: string;
  /** Empty for what is wrong with a file as a whole. */
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'skipped';
  /** What was thrown, by the test and by what is done after it. */
  readonly errors: readonly Thrown[];
}

export interface Thrown {
  /** Its message, and those of its causes. */
  readonly why: string;
  /** What an assertion saw, and what it expected. */
  readonly saw: string;
  readonly expected: string;
}

export interface Judgement {
  readonly passed: number;
  readonly skipped: number;
  /** Ended by mountyard's own refusal, which names the missing call. */
  readonly refused: number;
  /** Of what the call alone tells: see RULED_OUT. */
  readonly ruledOut: number;
  readonly unexplained: readonly Outcome[];
}

export function judge(
  outcomes: readonly Outcome[],
  calls: readonly string[],
  errno: 'ENOSYS' | 'EPERM',
): Judgement {
  const failed = outcomes.filter(({ state }) => state === 'failed');
  const others = failed.filter((outcome) => !isRefusal(outcome, calls, errno));
  const unexplained = others.filter((outcome) => !isRuledOut(outcome, calls));
  const count = (wanted: Outcome['state']) => outcomes.filter(({ state }) => state === wanted).length;
  return {
    passed: count('passed'),
    skipped: count('skipped'),
    refused: failed.length - others.length,
    ruledOut: others.length - unexplained.length,
    unexplained,
  };
}

/**
 * `move_mount(…) = ENOSYS`, `openat2 = ENOSYS` of a place that could not be set up, `move_mount is answered by
 * ENOSYS`, or words that name the call as what is needed.
 */
function isNamed(text: string, calls: readonly string[], errno: string): boolean {
  return calls.some(
    (call) =>
      text.includes(`${call} is answered by ${errno}`) ||
      new RegExp(`\\b${call}(?:\\(.*\\))? = ${errno}`).test(text) ||
      text.includes(`without ${call}`),
  );
}

/** Whether all that a test threw are refusals: a leak beside one is not excused by it. */
function isRefusal({ errors }: Outcome, calls: readonly string[], errno: string): boolean {
  return errors.length > 0 && errors.every((error) => isOfMissing(error, calls, errno));
}

/** Whether it is a refusal, or what compared one that names the call with what was expected. */
function isOfMissing({ why, saw, expected }: Thrown, calls: readonly string[], errno: string): boolean {
  if (isNamed(why, calls, errno) || isNamed(saw, calls, errno)) return true;
  // Where an error is compared, its message is cut off, and its code is shown.
  if (calls.some((call) => why.includes(`MountError: ${call}(`)) && saw.includes(errno)) return true;
  if (!calls.some((call) => NEEDED.includes(call))) return false;
  // Of requirements it may show the kinds alone: that of an engine is told by its calls.
  if (KINDS.test(saw) && !ENGINE.test(expected)) return true;
  return saw.startsWith('UnmetRequirementsError') && !expected.startsWith('UnmetRequirementsError');
}

/** Kinds of requirements, alone or before a mount, as they are shown in what was compared. */
const KINDS = /["'](?:engine|filesystem)[ "']/;
const ENGINE = /["']engine[ "']/;

function isRuledOut({ file, name }: Outcome, calls: readonly string[]): boolean {
  const title = `${file} ${name}`;
  return RULED_OUT.some(
    (entry) => calls.some((call) => entry.calls.includes(call)) && entry.tests.test(title),
  );
}
