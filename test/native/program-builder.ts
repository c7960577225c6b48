/** Just enough of a compiler for tests of the addon: programs written op by op, and defects put into them. */
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
} from '../../lib/program/format.ts';

export interface TestOp {
  readonly call: OpName;
  readonly a?: number;
  readonly b?: number;
  readonly out?: number;
  readonly s1?: string;
  readonly s2?: string;
  readonly s3?: string;
  readonly n?: number | string;
  readonly f1?: bigint;
  readonly f2?: bigint;
  readonly f3?: bigint;
  readonly tolerate?: number;
  readonly retries?: number;
  readonly guard?: number;
}

export interface TestProgram {
  readonly main: readonly TestOp[];
  readonly undo?: readonly TestOp[];
  readonly slots?: number;
  readonly imports?: number;
  readonly exports?: number;
}

/** The program's bytes. */
export function build({ main, undo = [], slots = 8, imports = 0, exports = 0 }: TestProgram): Buffer {
  const ops = [...main, ...undo];
  const texts: Buffer[] = [];
  let size = 0;
  const intern = (text: string | undefined): number => {
    if (text === undefined) return NO_STRING;
    const bytes = Buffer.from(`${text}\0`);
    texts.push(bytes);
    size += bytes.length;
    return size - bytes.length;
  };
  const records = Buffer.alloc(ops.length * OP_SIZE);
  for (const [index, op] of ops.entries()) {
    const at = index * OP_SIZE;
    records.writeUInt16LE(OPCODE[op.call], at + OP.code);
    records.writeUInt16LE(op.tolerate ?? 0, at + OP.tolerate);
    records.writeUInt8(op.retries ?? 0, at + OP.retries);
    for (const field of ['a', 'b', 'out'] as const)
      records.writeInt32LE(op[field] ?? NO_SLOT, at + OP[field]);
    records.writeUInt32LE(op.guard ?? 0, at + OP.guard);
    for (const field of ['s1', 's2', 's3'] as const) records.writeUInt32LE(intern(op[field]), at + OP[field]);
    const n = op.call === 'mount' ? intern(op.n as string | undefined) : Number(op.n ?? 0);
    records.writeUInt32LE(n, at + OP.n);
    for (const field of ['f1', 'f2', 'f3'] as const)
      records.writeBigUInt64LE(op[field] ?? 0n, at + OP[field]);
  }
  const strings = Buffer.concat(texts);
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt32LE(MAGIC, HEADER.magic);
  header.writeUInt16LE(FORMAT_VERSION, HEADER.version);
  header.writeUInt16LE(OP_SIZE, HEADER.opSize);
  header.writeUInt32LE(main.length, HEADER.opCount);
  header.writeUInt32LE(undo.length, HEADER.undoCount);
  header.writeUInt32LE(slots, HEADER.slotCount);
  header.writeUInt32LE(imports, HEADER.importCount);
  header.writeUInt32LE(exports, HEADER.exportCount);
  header.writeUInt32LE(strings.length, HEADER.stringBytes);
  return Buffer.concat([header, records, strings]);
}

/** A copy of the program in which one header field is another number. */
export function withHeader(program: Buffer, field: keyof typeof HEADER, value: number): Buffer {
  const bytes = Buffer.from(program);
  if (field === 'version' || field === 'opSize') bytes.writeUInt16LE(value, HEADER[field]);
  else bytes.writeUInt32LE(value, HEADER[field]);
  return bytes;
}

/** A copy of the program in which one 32-bit field of one op is another number. */
export function withOp(
  program: Buffer,
  index: number,
  field: 'a' | 'b' | 'out' | 'guard' | 's1' | 's2' | 's3' | 'n',
  value: number,
): Buffer {
  const bytes = Buffer.from(program);
  bytes.writeUInt32LE(value >>> 0, HEADER_SIZE + index * OP_SIZE + OP[field]);
  return bytes;
}

const CLOEXEC = 0o2000000n;
const O_PATH = 0o10000000n;
const OPEN_TREE_CLONE = 1;
const AT_EMPTY_PATH = 0x1000;
const MOVE_MOUNT_F_EMPTY_PATH = 0x4;

/** A detached tmpfs in slot `out`, through a filesystem context in slot `context`. */
export function tmpfs(context: number, out: number): TestOp[] {
  return [
    { call: 'fsopen', s1: 'tmpfs', n: 1, out: context },
    { call: 'fsconfig', a: context, n: 6 },
    { call: 'fsmount', a: context, n: 1, out },
    { call: 'close', a: context },
  ];
}

export function mkdir(a: number, path: string, more: Partial<TestOp> = {}): TestOp {
  return { call: 'mkdirat', a, s1: path, f1: 0o755n, ...more };
}

/** A detached clone of the mount in slot `a`, in slot `out`. */
export function clone(a: number, out: number): TestOp {
  return { call: 'open_tree', a, s1: '', n: OPEN_TREE_CLONE | AT_EMPTY_PATH | Number(CLOEXEC), out };
}

/** Mounts what slot `a` holds at `path` below slot `b`. */
export function place(a: number, b: number, path: string): TestOp {
  return { call: 'move_mount', a, s1: '', b, s2: path, n: MOVE_MOUNT_F_EMPTY_PATH };
}

export function open(a: number | undefined, path: string, out: number, more: Partial<TestOp> = {}): TestOp {
  return { call: 'openat2', ...(a === undefined ? {} : { a }), s1: path, f1: O_PATH | CLOEXEC, out, ...more };
}

/** A program that takes a while, some microseconds an op, and holds one fd. */
export function slow(count: number): TestProgram {
  return { main: Array.from({ length: count }, () => open(undefined, '/proc/self/ns', 0)) };
}
