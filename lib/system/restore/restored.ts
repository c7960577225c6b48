import type { Difference } from '../../model/difference.ts';
import type { Leavers } from '../../model/left-behind.ts';
import { atOnce, type Pausing } from '../../model/pausing.ts';
import type { MountTree } from '../../model/tree.ts';
import type { PlanNotes, Target } from '../../plan/plan.ts';
import type { HostEffect } from '../../plan/steps/steps.ts';
import type { OwnedFd } from '../calls/fd.ts';
import type { MountNamespace } from '../namespaces/namespace.ts';
import type { AttachedTree } from './attached.ts';

/** Milliseconds of each stage. */
export interface Timings {
  readonly inspect: number;
  readonly plan: number;
  readonly compile: number;
  readonly run: number;
  readonly readBack: number;
  readonly verify: number;
}

/** What a restore did. */
export interface RestoreReport extends PlanNotes, Leavers {
  /** Whether the tree was compared with what was to be built. */
  readonly verified: boolean;
  /** Mounts in the restored tree. */
  readonly mounts: number;
  /** Calls that were made. */
  readonly calls: number;
  readonly hostEffects: readonly HostEffect[];
  readonly timings: Timings;
}

/** What keeps restored trees: a namespace each, or a place in the caller's. */
export type Keeper =
  | {
      readonly namespaces: readonly MountNamespace[];
      /** Their mountinfo files, opened inside. */
      readonly tables: readonly OwnedFd[];
      readonly attached?: never;
    }
  | { readonly attached: AttachedTree; readonly namespaces?: never; readonly tables?: never };

/** What a {@link RestoredTree} is made of. */
export interface RestoredParts {
  /** Absent when they are to be read when they are first asked for. */
  readonly trees: readonly MountTree[] | undefined;
  readonly read: () => Pausing<readonly MountTree[]>;
  readonly plan: { readonly target: Target };
  readonly differences: readonly Difference[];
  readonly report: RestoreReport;
  readonly keeper: Keeper;
}

/** A tree that was restored. It lasts until {@link release}, or for as long as a process lives in it. */
export class RestoredTree implements Disposable, AsyncDisposable {
  /** In what the two differ: empty when they are the same, and when `report.verified` is false. */
  readonly differences: readonly Difference[];
  readonly report: RestoreReport;
  /** The namespaces that were made; none for a tree attached with `into.at`. */
  readonly namespaces: readonly MountNamespace[];
  readonly #keeper: Keeper;
  readonly #plan: { readonly target: Target };
  readonly #read: () => Pausing<readonly MountTree[]>;
  #trees: readonly MountTree[] | undefined;

  /** @internal */
  constructor(parts: RestoredParts) {
    this.#trees = parts.trees;
    this.#read = parts.read;
    this.#plan = parts.plan;
    this.differences = parts.differences;
    this.report = parts.report;
    this.namespaces = parts.keeper.namespaces ?? [];
    this.#keeper = parts.keeper;
  }

  /**
   * As read back from the kernel, one for each namespace, in the order of the snapshot: at once, or when `verify` was
   * `false`, when they are first asked for, before {@link release}.
   */
  get trees(): readonly MountTree[] {
    this.#trees ??= atOnce(this.#read());
    return this.#trees;
  }

  /** What was to be built; of several namespaces together, with a root for each. */
  get target(): Target {
    return this.#plan.target;
  }

  /** The first tree, or the only one. */
  get tree(): MountTree {
    return this.trees[0] as MountTree;
  }

  /** The namespace of the first tree; none for a tree attached with `into.at`. */
  get namespace(): MountNamespace | undefined {
    return this.namespaces[0];
  }

  /**
   * Lets go of the namespaces, or unmounts exactly the tree that was attached. A second time does nothing.
   * @throws {MountError} when the kernel refuses the unmount.
   */
  release(): void {
    letGo(this.#keeper);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
  }
}

export function letGo({ namespaces, tables, attached }: Keeper): void {
  for (const table of tables ?? []) table.close();
  for (const namespace of namespaces ?? []) namespace.close();
  attached?.release();
}
