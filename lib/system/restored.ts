import type { Difference } from '../model/difference.ts';
import type { MountTree } from '../model/tree.ts';
import type { PlanNotes, Target } from '../plan/plan.ts';
import type { HostEffect } from '../plan/steps.ts';
import type { AttachedTree } from './attached.ts';
import type { MountNamespace } from './namespace.ts';

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
export interface RestoreReport extends PlanNotes {
  /** Whether the tree was compared with what was to be built. */
  readonly verified: boolean;
  /** Mounts in the restored tree. */
  readonly mounts: number;
  /** Calls that were made. */
  readonly calls: number;
  readonly hostEffects: readonly HostEffect[];
  readonly timings: Timings;
}

/** What keeps a restored tree: its namespace, or its place in the caller's. */
export type Keeper =
  | { readonly namespace: MountNamespace; readonly attached?: never }
  | { readonly attached: AttachedTree; readonly namespace?: never };

/** What a {@link RestoredTree} is made of. */
export interface RestoredParts {
  readonly tree: MountTree;
  readonly target: Target;
  readonly differences: readonly Difference[];
  readonly report: RestoreReport;
  readonly keeper: Keeper;
}

/** A tree that was restored, read back. It lasts until {@link release}, or for as long as a process lives in it. */
export class RestoredTree implements Disposable, AsyncDisposable {
  /** As read back from the kernel. */
  readonly tree: MountTree;
  /** What was to be built. */
  readonly target: Target;
  /** In what the two differ: empty when they are the same, and when `report.verified` is false. */
  readonly differences: readonly Difference[];
  readonly report: RestoreReport;
  /** The namespace that was made for it; none for a tree attached with `into.at`. */
  readonly namespace: MountNamespace | undefined;
  readonly #keeper: Keeper;

  constructor(parts: RestoredParts) {
    this.tree = parts.tree;
    this.target = parts.target;
    this.differences = parts.differences;
    this.report = parts.report;
    this.namespace = parts.keeper.namespace;
    this.#keeper = parts.keeper;
  }

  /**
   * Lets go of the namespace, or unmounts exactly the tree that was attached. A second time does nothing.
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

export function letGo({ namespace, attached }: Keeper): void {
  namespace?.close();
  attached?.release();
}
