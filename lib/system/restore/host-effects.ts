import type { CompiledProgram } from '../../program/compiled.ts';
import { describeOp } from '../../program/listing.ts';
import { takeBacks } from '../../program/take-back.ts';
import { errnoName } from '../calls/errno.ts';
import type { OwnedFd } from '../calls/fd.ts';
import { native } from '../calls/native.ts';
import type { HeldHost } from '../inspect/held.ts';

/** The fds that a program is lent, in slot order. */
export function importsOf(program: CompiledProgram, held: HeldHost): Int32Array {
  return Int32Array.from(program.imports, (slot) => held.importFd(slot).number);
}

/**
 * What a run that was done has changed on the host besides mounting the tree. A restore that cannot be read back is
 * no restore: its tree goes, and then this is taken back.
 */
export class DoneEffects implements Disposable {
  readonly #program: CompiledProgram;
  readonly #held: HeldHost;
  readonly #undoable: readonly number[];
  readonly #directories: readonly (OwnedFd | undefined)[];

  /** Takes over `directories`: for each export slot the directory that undoing needs, or nothing. */
  constructor(
    program: CompiledProgram,
    held: HeldHost,
    undoable: readonly number[],
    directories: readonly (OwnedFd | undefined)[],
  ) {
    this.#program = program;
    this.#held = held;
    this.#undoable = undoable;
    this.#directories = directories;
  }

  /** Takes everything back, last first; what could not be, as the calls that were refused. */
  takeBack(): string[] {
    const directories = this.#directories.map((fd) => fd?.number ?? -1);
    const imports = Int32Array.from([...this.#sources(), ...directories]);
    return takeBacks(this.#program, this.#undoable).flatMap(({ index, bytes }) => {
      const { status, errno } = native.runSync({ program: bytes, imports, place: { kind: 'thread' } });
      return status === 'done' ? [] : [`${describeOp(this.#program, index)} = ${errnoName(errno)}`];
    });
  }

  /** The imports, without the namespace of the tree: it went with that, and nothing that is taken back is told by it. */
  #sources(): number[] {
    return this.#program.imports.map((slot) =>
      slot.kind === 'namespace' ? -1 : this.#held.importFd(slot).number,
    );
  }

  close(): void {
    for (const fd of this.#directories) fd?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
