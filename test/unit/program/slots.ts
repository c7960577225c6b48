import type { CompiledProgram } from '../../../lib/program/compiled.ts';
import { decodeOp, opCounts } from '../../../lib/program/decode.ts';

export interface SlotUse {
  /** What a program does with its slots that it should not. */
  readonly faults: readonly string[];
  /** The most slots of its own, imports not counted, that are open at one time. */
  readonly mostOpen: number;
  /** Slots still open when the main ops are done, but exports and what undoing needs. */
  readonly leftOpen: readonly string[];
}

/** Follows the slots of a program from op to op, as the interpreter fills and closes them. */
export function slotUse(program: CompiledProgram): SlotUse {
  const { main, undo } = opCounts(program.bytes);
  const imports = program.imports.length;
  const kept = imports + program.exports.length;
  const faults: string[] = [];
  const written = new Set<number>(Array.from({ length: imports }, (_, slot) => slot));
  const closed = new Set<number>();
  let open = 0;
  let mostOpen = 0;

  const use = (index: number, slot: number) => {
    if (slot < 0) return;
    if (!written.has(slot)) faults.push(`op ${index} uses slot ${slot} before it is filled`);
    if (closed.has(slot)) faults.push(`op ${index} uses slot ${slot} after it is closed`);
  };
  for (let index = 0; index < main; index += 1) {
    const op = decodeOp(program.bytes, index);
    use(index, op.a);
    use(index, op.b);
    if (op.name === 'close') {
      if (op.a < kept) faults.push(`op ${index} closes slot ${op.a}, which is not the program's own`);
      closed.add(op.a);
      open -= 1;
    }
    if (op.out < 0) continue;
    if (written.has(op.out)) faults.push(`op ${index} fills slot ${op.out} a second time`);
    if (op.out >= program.slotNames.length)
      faults.push(`op ${index} fills slot ${op.out}, which has no name`);
    written.add(op.out);
    open += 1;
    mostOpen = Math.max(mostOpen, open);
  }

  const forUndo = new Set<number>();
  for (let index = main; index < main + undo; index += 1) {
    const op = decodeOp(program.bytes, index);
    if (op.guard >= main) faults.push(`undo op ${index} is for op ${op.guard}, which is none`);
    use(index, op.a);
    use(index, op.b);
    forUndo.add(op.a).add(op.b);
  }
  for (let slot = imports; slot < kept; slot += 1) {
    if (!written.has(slot)) faults.push(`export slot ${slot} is never filled`);
  }
  const leftOpen = [...written].filter((slot) => slot >= kept && !closed.has(slot) && !forUndo.has(slot));
  return { faults, mostOpen, leftOpen: leftOpen.map((slot) => program.slotNames[slot] ?? `slot ${slot}`) };
}
