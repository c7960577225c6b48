import type { MountTree } from '../../lib/model/tree.ts';
import type { RestoreOptions } from '../../lib/plan/options/options.ts';
import { planRestore } from '../../lib/plan/restore.ts';
import { type OpArguments, ProgramBuilder } from '../../lib/program/builder.ts';
import { compileRestore } from '../../lib/program/compile.ts';
import type { CompiledProgram } from '../../lib/program/compiled.ts';
import { type DecodedOp, decodeOp, opCounts } from '../../lib/program/decode.ts';
import type { OpName } from '../../lib/program/format.ts';
import { inspectHostHolding } from '../../lib/system/inspect/inspect.ts';
import { type Execution, type ExportedFds, executeSync } from '../../lib/system/restore/execute.ts';

type ExtraOp = readonly [name: OpName, args: OpArguments];

/** A restore that stops after each of its ops in turn, for an observer to look at what there is. */
export class OpByOp implements Disposable {
  readonly #execution: Execution;
  readonly ops: readonly DecodedOp[];

  constructor(tree: MountTree, options: RestoreOptions) {
    const { facts, held } = inspectHostHolding(tree, options);
    const plan = planRestore(tree, options, facts);
    const program = compileRestore(plan);
    this.#execution = { plan, program, held, place: { kind: 'thread' } };
    this.ops = mainOps(program);
  }

  get program(): CompiledProgram {
    return this.#execution.program;
  }

  /** The slot that is handed back under a name. */
  exportSlot(name: keyof ExportedFds): number {
    const { imports, exports } = this.program;
    return imports.length + exports.findIndex((item) => item.name === name);
  }

  importSlot(kind: 'proc' | 'destination'): number {
    return this.program.imports.findIndex((item) => item.kind === kind);
  }

  /** Runs the first `count` ops and the observer's own, and hands back what the export slots hold then. */
  run(count: number, ...extra: ExtraOp[]): ExportedFds {
    const builder = new ProgramBuilder();
    for (const op of this.ops.slice(0, count)) builder.op(op.name, argumentsOf(op));
    for (const [name, args] of extra) builder.op(name, args);
    const { imports, exports, slotNames } = this.program;
    const counts = { count: slotNames.length, imports: imports.length, exports: exports.length };
    const stepOfOp = new Int32Array(builder.opCount).fill(-1);
    const program = { ...this.program, bytes: builder.bytes(counts), stepOfOp };
    const { trees, effects } = executeSync({ ...this.#execution, program });
    effects[Symbol.dispose]();
    return trees[0] ?? {};
  }

  [Symbol.dispose](): void {
    this.#execution.held.close();
  }
}

export function mainOps({ bytes }: CompiledProgram): DecodedOp[] {
  return Array.from({ length: opCounts(bytes).main }, (_, index) => decodeOp(bytes, index));
}

function argumentsOf({ name, guard: _guard, data, n, ...rest }: DecodedOp): OpArguments {
  const all = { ...rest, n: name === 'mount' ? data : n };
  const args = Object.entries(all).filter(([, value]) => value !== undefined);
  return Object.fromEntries(args);
}

export function closeAll(fds: ExportedFds): void {
  for (const fd of Object.values(fds)) fd.close();
}
