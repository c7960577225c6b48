import {
  FORMAT_VERSION,
  HEADER,
  HEADER_SIZE,
  MAGIC,
  NO_SLOT,
  OP_SIZE,
  OPCODE,
  type OpName,
} from './format.ts';
import { OpTable, WORD } from './op-table.ts';
import { StringBlock } from './string-block.ts';

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

/** What mount_setattr(2) and open_tree_attr(2) set and clear; propagation 0 stays as it is. */
export interface AttributeBits {
  readonly set: number;
  readonly clear: number;
  readonly propagation: number;
}

const FEW = 16;

/**
 * Collects ops and strings, and puts them together as one program. The calls that are made for every mount have
 * methods of their own, with the arguments of the call: an object for each takes several times as long.
 */
export class ProgramBuilder {
  readonly #main: OpTable;
  readonly #undo = new OpTable(FEW);
  readonly #strings = new StringBlock();

  /** @param expected how many main ops there will be, about. */
  constructor(expected = FEW) {
    this.#main = new OpTable(expected, HEADER_SIZE);
  }

  /** Says which step the ops that follow belong to; -1, as at first, for none. */
  set step(index: number) {
    this.#main.step = index;
    this.#undo.step = index;
  }

  /** For each op, main and then undo, the index of its step. */
  get stepOfOp(): Int32Array {
    const steps = new Int32Array(this.#main.count + this.#undo.count);
    steps.set(this.#main.steps);
    steps.set(this.#undo.steps, this.#main.count);
    return steps;
  }

  /** Appends a main op; returns its index. */
  op(name: OpName, args: OpArguments): number {
    return this.#write(this.#main, name, 0, args);
  }

  /** Appends an op that takes back main op `guard`; returns its index among the undo ops. */
  undo(guard: number, name: OpName, args: OpArguments): number {
    return this.#write(this.#undo, name, guard, args);
  }

  openTree(directory: number, path: string, flags: number, out: number): void {
    const at = this.#main.add(OPCODE.open_tree, 0);
    const { words } = this.#main;
    words[at + WORD.a] = directory;
    words[at + WORD.s1] = this.#strings.path(path);
    words[at + WORD.n] = flags;
    words[at + WORD.out] = out;
  }

  openTreeAttr(directory: number, path: string, flags: number, out: number, change: AttributeBits): void {
    const at = this.#main.add(OPCODE.open_tree_attr, 0);
    const { words } = this.#main;
    words[at + WORD.a] = directory;
    words[at + WORD.s1] = this.#strings.path(path);
    words[at + WORD.n] = flags;
    words[at + WORD.out] = out;
    words[at + WORD.f1] = change.set;
    words[at + WORD.f2] = change.clear;
    words[at + WORD.f3] = change.propagation;
  }

  moveMount(from: number, to: number, path: string, flags: number): void {
    const at = this.#main.add(OPCODE.move_mount, 0);
    const { words } = this.#main;
    words[at + WORD.a] = from;
    words[at + WORD.s1] = this.#strings.path('');
    words[at + WORD.b] = to;
    words[at + WORD.s2] = this.#strings.path(path);
    words[at + WORD.n] = flags;
  }

  fsopen(type: string, flags: number, out: number): void {
    const at = this.#main.add(OPCODE.fsopen, 0);
    const { words } = this.#main;
    words[at + WORD.s1] = this.#strings.offset(type);
    words[at + WORD.n] = flags;
    words[at + WORD.out] = out;
  }

  fsconfig(context: number, command: number, key?: string, value?: string): void {
    const at = this.#main.add(OPCODE.fsconfig, 0);
    const { words } = this.#main;
    words[at + WORD.a] = context;
    words[at + WORD.n] = command;
    words[at + WORD.s1] = this.#strings.offset(key);
    words[at + WORD.s2] = this.#strings.offset(value);
  }

  fsmount(context: number, flags: number, out: number, attributes = 0): void {
    const at = this.#main.add(OPCODE.fsmount, 0);
    const { words } = this.#main;
    words[at + WORD.a] = context;
    words[at + WORD.n] = flags;
    words[at + WORD.f1] = attributes;
    words[at + WORD.out] = out;
  }

  mountSetattr(slot: number, flags: number, set: number, clear: number, propagation: number): void {
    const at = this.#main.add(OPCODE.mount_setattr, 0);
    const { words } = this.#main;
    words[at + WORD.a] = slot;
    words[at + WORD.s1] = this.#strings.path('');
    words[at + WORD.n] = flags;
    words[at + WORD.f1] = set;
    words[at + WORD.f2] = clear;
    words[at + WORD.f3] = propagation;
  }

  mkdirat(directory: number, path: string, mode: number): void {
    this.#make(OPCODE.mkdirat, directory, path, mode);
  }

  mknodat(directory: number, path: string, mode: number): void {
    this.#make(OPCODE.mknodat, directory, path, mode);
  }

  close(slot: number): void {
    const at = this.#main.add(OPCODE.close, 0);
    this.#main.words[at + WORD.a] = slot;
  }

  get opCount(): number {
    return this.#main.count;
  }

  /**
   * The program's bytes, to be asked for once: nothing is added then. Slots `[0, imports)` come from the caller, the next
   * `exports` go back to it.
   */
  bytes(slots: { readonly count: number; readonly imports: number; readonly exports: number }): Uint8Array {
    const undo = this.#undo.bytes;
    const strings = this.#strings.bytes;
    const program = this.#main.blockWith(undo.length + strings.length);
    program.set(undo, program.length - strings.length - undo.length);
    program.set(strings, program.length - strings.length);

    const header = new DataView(program.buffer, program.byteOffset, HEADER_SIZE);
    header.setUint32(HEADER.magic, MAGIC, true);
    header.setUint16(HEADER.version, FORMAT_VERSION, true);
    header.setUint16(HEADER.opSize, OP_SIZE, true);
    header.setUint32(HEADER.opCount, this.#main.count, true);
    header.setUint32(HEADER.undoCount, this.#undo.count, true);
    header.setUint32(HEADER.slotCount, slots.count, true);
    header.setUint32(HEADER.importCount, slots.imports, true);
    header.setUint32(HEADER.exportCount, slots.exports, true);
    header.setUint32(HEADER.stringBytes, strings.length, true);
    return program;
  }

  #make(code: number, directory: number, path: string, mode: number): void {
    const at = this.#main.add(code, 0);
    const { words } = this.#main;
    words[at + WORD.a] = directory;
    words[at + WORD.s1] = this.#strings.path(path);
    words[at + WORD.f1] = mode;
  }

  #write(table: OpTable, name: OpName, guard: number, args: OpArguments): number {
    const strings = this.#strings;
    const { a = NO_SLOT, b = NO_SLOT, out = NO_SLOT, n = 0, f1 = 0, f2 = 0, f3 = 0 } = args;
    const at = table.add(OPCODE[name] | ((args.tolerate ?? 0) << 16), guard);
    const { words } = table;
    words[at + 1] = args.retries ?? 0;
    words[at + WORD.a] = a;
    words[at + WORD.b] = b;
    words[at + WORD.out] = out;
    words[at + WORD.s1] = strings.offset(args.s1);
    words[at + WORD.s2] = strings.offset(args.s2);
    words[at + WORD.s3] = strings.offset(args.s3);
    // mount(2)'s data is a string, NULL when left out.
    words[at + WORD.n] = name === 'mount' ? strings.offset(args.n as string | undefined) : (n as number);
    table.setLong(at + WORD.f1, f1);
    table.setLong(at + WORD.f2, f2);
    table.setLong(at + WORD.f3, f3);
    return table.count - 1;
  }
}
