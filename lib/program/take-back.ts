/** What a restore changed on the host, taken back when its run is over: pure. */
import type { CompiledProgram } from './compiled.ts';
import { type DecodedOp, decodeOp, opCounts } from './decode.ts';
import { HEADER, HEADER_SIZE, OP, OP_SIZE } from './format.ts';

/** One thing to take back; `index` is its op's, undo ops counted after the main ones. */
export interface TakeBack {
  readonly index: number;
  /** A program of that op alone. What was imported by the first and handed back by it is imported by this one. */
  readonly bytes: Uint8Array;
}

/** For the undo ops whose change outlives the tree, in the order in which they have to be done. */
export function takeBacks(program: CompiledProgram, undoable: readonly number[]): TakeBack[] {
  const { bytes } = program;
  const { main } = opCounts(bytes);
  return undoable
    .map((op) => main + op)
    .filter((index) => outlivesTree(program, decodeOp(bytes, index)))
    .reverse()
    .map((index) => ({ index, bytes: aloneWith(bytes, index) }));
}

/** Mount points that were made, and sources that were shared; what was mounted goes with the tree, as its root does. */
function outlivesTree({ imports, exports }: CompiledProgram, { name, a }: DecodedOp): boolean {
  const ofTree = a >= imports.length && exports[a - imports.length]?.name !== 'undo';
  return name === 'unlinkat' || (name === 'mount_setattr' && !ofTree);
}

function aloneWith(bytes: Uint8Array, index: number): Uint8Array {
  const { main, undo } = opCounts(bytes);
  const start = HEADER_SIZE + index * OP_SIZE;
  const op = bytes.slice(start, start + OP_SIZE);
  new DataView(op.buffer).setUint32(OP.guard, 0, true);
  const header = bytes.slice(0, HEADER_SIZE);
  const view = new DataView(header.buffer);
  const borrowed = view.getUint32(HEADER.importCount, true) + view.getUint32(HEADER.exportCount, true);
  view.setUint32(HEADER.opCount, 1, true);
  view.setUint32(HEADER.undoCount, 0, true);
  view.setUint32(HEADER.importCount, borrowed, true);
  view.setUint32(HEADER.exportCount, 0, true);
  return Buffer.concat([header, op, bytes.subarray(HEADER_SIZE + (main + undo) * OP_SIZE)]);
}
