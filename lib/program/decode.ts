import { decodeBytes } from '../model/bytes.ts';
import { HEADER, HEADER_SIZE, NO_STRING, OP, OP_SIZE, OPCODE, type OpName } from './format.ts';

/** One op read back from a program's bytes. */
export interface DecodedOp {
  readonly name: OpName;
  readonly tolerate: number;
  readonly retries: number;
  readonly a: number;
  readonly b: number;
  readonly out: number;
  readonly guard: number;
  readonly s1: string | undefined;
  readonly s2: string | undefined;
  readonly s3: string | undefined;
  readonly n: number;
  /** mount(2)'s data; `n` read as a string. */
  readonly data: string | undefined;
  readonly f1: bigint;
  readonly f2: bigint;
  readonly f3: bigint;
}

const NAMES = new Map(Object.entries(OPCODE).map(([name, code]) => [code as number, name as OpName]));

export function opCounts(bytes: Uint8Array): { readonly main: number; readonly undo: number } {
  const view = viewOf(bytes);
  return { main: view.getUint32(HEADER.opCount, true), undo: view.getUint32(HEADER.undoCount, true) };
}

/** Reads op `index`, undo ops counted after the main ones. */
export function decodeOp(bytes: Uint8Array, index: number): DecodedOp {
  const view = viewOf(bytes);
  const { main, undo } = opCounts(bytes);
  const at = HEADER_SIZE + index * OP_SIZE;
  const strings = HEADER_SIZE + (main + undo) * OP_SIZE;
  const string = (offset: number) => readString(bytes, strings, view.getUint32(at + offset, true));
  const name = NAMES.get(view.getUint16(at + OP.code, true));
  if (name === undefined) throw new Error(`op ${index} has an unknown code`);
  return {
    name,
    tolerate: view.getUint16(at + OP.tolerate, true),
    retries: view.getUint8(at + OP.retries),
    a: view.getInt32(at + OP.a, true),
    b: view.getInt32(at + OP.b, true),
    out: view.getInt32(at + OP.out, true),
    guard: view.getUint32(at + OP.guard, true),
    s1: string(OP.s1),
    s2: string(OP.s2),
    s3: string(OP.s3),
    n: view.getUint32(at + OP.n, true),
    data: name === 'mount' ? string(OP.n) : undefined,
    f1: view.getBigUint64(at + OP.f1, true),
    f2: view.getBigUint64(at + OP.f2, true),
    f3: view.getBigUint64(at + OP.f3, true),
  };
}

function readString(bytes: Uint8Array, block: number, offset: number): string | undefined {
  if (offset === NO_STRING) return undefined;
  const start = block + offset;
  return decodeBytes(bytes.subarray(start, bytes.indexOf(0, start)));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
