import { UsageError } from '../../errors.ts';
import type { CompiledProgram } from '../../program/compiled.ts';
import type { Fd, OwnedFd } from '../calls/fd.ts';
import type { RunPlace } from '../calls/native.ts';
import { Procfs } from '../calls/procfs.ts';
import { runSmall, runSmallAsync, type SmallProgram } from '../calls/small-program.ts';

const SUBJECT = 'a program in a mount namespace';

/** Runs a compiled program of the caller's own. @throws {MountError} */
export function runHere(program: CompiledProgram, place: RunPlace, imports?: readonly Fd[]): OwnedFd[] {
  using lent = new Lent(program, imports);
  return runSmall(asSmall(program), lent.fds, SUBJECT, place);
}

/** {@link runHere} without blocking the event loop. */
export async function runHereAsync(
  program: CompiledProgram,
  place: RunPlace,
  imports?: readonly Fd[],
): Promise<OwnedFd[]> {
  using lent = new Lent(program, imports);
  return await runSmallAsync(asSmall(program), lent.fds, SUBJECT, place);
}

function asSmall(program: CompiledProgram): SmallProgram {
  return { program, exportNames: program.exports.map(({ name }) => name) };
}

/** The fds for a program's import slots: those given, or a procfs where it asks for nothing else. */
class Lent implements Disposable {
  readonly fds: readonly Fd[];
  readonly #procfs: Procfs | undefined;

  constructor({ imports: slots }: CompiledProgram, imports: readonly Fd[] | undefined) {
    const other = slots.find(({ kind }) => kind !== 'proc');
    if (imports === undefined && other) {
      throw new UsageError(`imports: the program imports a ${other.kind}: give an fd for each import slot`);
    }
    if (imports && imports.length !== slots.length) {
      throw new UsageError(`imports: the program has ${slots.length} import slots, not ${imports.length}`);
    }
    const procfs = imports || slots.length === 0 ? undefined : Procfs.open();
    this.#procfs = procfs;
    this.fds = imports ?? slots.map(() => (procfs as Procfs).root);
  }

  [Symbol.dispose](): void {
    this.#procfs?.close();
  }
}
