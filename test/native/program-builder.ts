/** Programs for tests of the addon: written op by op, with defects put into them. */
import { type OpArguments, ProgramBuilder } from '../../lib/program/builder.ts';
import { HEADER, HEADER_SIZE, OP, OP_SIZE, type OpName } from '../../lib/program/format.ts';

export interface TestOp extends OpArguments {
  readonly call: OpName;
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
  const program = new ProgramBuilder();
  for (const { call, guard: _, ...args } of main) program.op(call, args);
  for (const { call, guard = 0, ...args } of undo) program.undo(guard, call, args);
  return Buffer.from(program.bytes({ count: slots, imports, exports }));
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
