import { UsageError } from '../errors.ts';
import { encodeBytes } from '../model/bytes.ts';
import {
  FORMAT_VERSION,
  HEADER,
  HEADER_SIZE,
  MAGIC,
  NO_SLOT,
  NO_STRING,
  OP,
  OP_SIZE,
  OPCODE,
  type OpName,
} from './format.ts';

/** An op's arguments; which of them a call uses is said at {@link OPCODE}. What is left out is none, NULL or 0. */
export interface OpArguments {
  readonly a?: number;
  readonly b?: number;
  readonly out?: number;
  readonly s1?: string;
  readonly s2?: string;
  readonly s3?: string;
  /** A number, or for mount(2) its data. */
  readonly n?: number | string;
  readonly f1?: number | bigint;
  readonly f2?: number | bigint;
  readonly f3?: number | bigint;
  /** An errno that counts as success. */
  readonly tolerate?: number;
  readonly retries?: number;
}

interface Pending {
  readonly name: OpName;
  readonly guard: number;
  readonly args: OpArguments;
}

/** Collects ops and strings, then writes them as one program. */
export class ProgramBuilder {
  readonly #main: Pending[] = [];
  readonly #undo: Pending[] = [];

  /** Appends a main op; returns its index. */
  op(name: OpName, args: OpArguments): number {
    return this.#main.push({ name, guard: 0, args }) - 1;
  }

  /** Appends an op that takes back main op `guard`; returns its index among the undo ops. */
  undo(guard: number, name: OpName, args: OpArguments): number {
    return this.#undo.push({ name, guard, args }) - 1;
  }

  get opCount(): number {
    return this.#main.length;
  }

  /** The program's bytes. Slots `[0, imports)` come from the caller, the next `exports` go back to it. */
  bytes(slots: { readonly count: number; readonly imports: number; readonly exports: number }): Uint8Array {
    const strings = new StringBlock();
    const ops = [...this.#main, ...this.#undo];
    const records = new Uint8Array(ops.length * OP_SIZE);
    const view = new DataView(records.buffer);
    ops.forEach((op, index) => {
      writeOp(view, index * OP_SIZE, op, strings);
    });

    const header = new DataView(new ArrayBuffer(HEADER_SIZE));
    header.setUint32(HEADER.magic, MAGIC, true);
    header.setUint16(HEADER.version, FORMAT_VERSION, true);
    header.setUint16(HEADER.opSize, OP_SIZE, true);
    header.setUint32(HEADER.opCount, this.#main.length, true);
    header.setUint32(HEADER.undoCount, this.#undo.length, true);
    header.setUint32(HEADER.slotCount, slots.count, true);
    header.setUint32(HEADER.importCount, slots.imports, true);
    header.setUint32(HEADER.exportCount, slots.exports, true);
    header.setUint32(HEADER.stringBytes, strings.size, true);
    return Buffer.concat([new Uint8Array(header.buffer), records, ...strings.chunks]);
  }
}

function writeOp(view: DataView, at: number, op: Pending, strings: StringBlock): void {
  const { args } = op;
  view.setUint16(at + OP.code, OPCODE[op.name], true);
  view.setUint16(at + OP.tolerate, args.tolerate ?? 0, true);
  view.setUint8(at + OP.retries, args.retries ?? 0);
  view.setInt32(at + OP.a, args.a ?? NO_SLOT, true);
  view.setInt32(at + OP.b, args.b ?? NO_SLOT, true);
  view.setInt32(at + OP.out, args.out ?? NO_SLOT, true);
  view.setUint32(at + OP.guard, op.guard, true);
  view.setUint32(at + OP.s1, strings.offset(args.s1), true);
  view.setUint32(at + OP.s2, strings.offset(args.s2), true);
  view.setUint32(at + OP.s3, strings.offset(args.s3), true);
  view.setUint32(
    at + OP.n,
    typeof args.n === 'number' ? args.n >>> 0 : numberOfData(op.name, args.n, strings),
    true,
  );
  view.setBigUint64(at + OP.f1, BigInt(args.f1 ?? 0), true);
  view.setBigUint64(at + OP.f2, BigInt(args.f2 ?? 0), true);
  view.setBigUint64(at + OP.f3, BigInt(args.f3 ?? 0), true);
}

/** `n` is mount(2)'s data string there, and a plain number, 0 when left out, everywhere else. */
function numberOfData(name: OpName, data: string | undefined, strings: StringBlock): number {
  return name === 'mount' ? strings.offset(data) : 0;
}

/** NUL-terminated strings, each text kept once. */
class StringBlock {
  readonly chunks: Uint8Array[] = [];
  readonly #offsets = new Map<string, number>();
  size = 0;

  offset(text: string | undefined): number {
    if (text === undefined) return NO_STRING;
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    if (text.includes('\0'))
      throw new UsageError(`a path or option holds a NUL byte: ${JSON.stringify(text)}`);
    const bytes = encodeBytes(`${text}\0`);
    const offset = this.size;
    this.chunks.push(bytes);
    this.size += bytes.length;
    this.#offsets.set(text, offset);
    return offset;
  }
}
