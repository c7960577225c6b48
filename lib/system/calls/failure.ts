import { MountError, type MountyardError, ProgramError } from '../../errors.ts';
import type { CompiledProgram } from '../../program/compiled.ts';
import { describeCall } from '../../program/listing.ts';
import { errnoMeaning, errnoName, kernelWords } from './errno.ts';
import { hintFor } from './hints.ts';
import type { RunResult } from './native.ts';

/** What an op was for, as far as the caller of the program knows. */
export interface Purpose {
  readonly subject?: string;
  readonly path?: string;
  readonly dest?: string;
  readonly mount?: number;
  readonly step?: number;
  readonly reason?: string;
}

/** The error for a run that neither succeeded nor was cancelled: the op that failed, as the call that it made. */
export function failureOf(
  program: CompiledProgram,
  result: RunResult,
  purposeOf: (op: number) => Purpose,
): MountyardError {
  if (result.status === 'refused') return new ProgramError(result.defect, result.op);
  const code = errnoName(result.errno);
  const shared = {
    code,
    errno: result.errno,
    meaning: errnoMeaning(result.errno),
    kernelLog: kernelWords(result.log),
  };
  if (result.op < 0) {
    const subject = 'a place to run in could not be set up';
    const { stage } = result;
    return new MountError({ ...shared, subject, syscall: stage, call: stage, hint: hintFor(stage, code) });
  }
  const call = describeCall(program, result.op);
  const syscall = call.slice(0, call.indexOf('('));
  return new MountError({
    ...shared,
    ...purposeOf(result.op),
    syscall,
    call,
    hint: hintFor(syscall, code),
  });
}
