/** Where mounts wait that are not yet in place. */
import { MOVE_MOUNT, MS, S_IFREG } from '../flags.ts';
import type { NodeKind } from '../plan/steps/steps.ts';
import type { Emitter } from './emitter.ts';
import { holdNamespace, leaveHome } from './home.ts';
import { makePrivateTmpfs } from './private-tmpfs.ts';

export interface Parking {
  /** Gives a detached mount a place, where the engine needs one for it to be cloned from or mounted on. */
  park(slot: number, node: NodeKind): void;
}

/** For an engine to which a fd is place enough. */
export const NO_PARKING: Parking = { park() {} };

/**
 * A tmpfs over the root of a private mount namespace. Each mount that is parked in it gets a node of its own, and all
 * of it is private, so that nothing propagates. It goes with the namespace.
 */
export class Yard implements Parking {
  readonly #emitter: Emitter;
  /** Detached mounts from before there was a yard: clones of the host's, made in the host's namespace. */
  readonly #waiting: { readonly slot: number; readonly node: NodeKind }[] = [];
  #slot: number | undefined;
  #nodes = 0;

  constructor(emitter: Emitter) {
    this.#emitter = emitter;
  }

  /** `kept`: it stays when its namespace is left, because holders in it are still needed. */
  open(kept: boolean): void {
    const emitter = this.#emitter;
    leaveHome(emitter);
    if (kept) holdNamespace(emitter, 'yard namespace');
    emitter.op('mount', { s2: '/', f1: MS.REC | MS.PRIVATE });
    const yard = makePrivateTmpfs(emitter, 'yard');
    emitter.op('move_mount', { a: yard, s1: '', s2: '/', n: MOVE_MOUNT.F_EMPTY_PATH });
    this.#slot = yard;
    for (const { slot, node } of this.#waiting) this.park(slot, node);
  }

  park(slot: number, node: NodeKind): void {
    if (this.#slot === undefined) {
      this.#waiting.push({ slot, node });
      return;
    }
    const name = String(this.#nodes);
    this.#nodes += 1;
    if (node === 'directory') this.#emitter.op('mkdirat', { a: this.#slot, s1: name, f1: 0o700 });
    else this.#emitter.op('mknodat', { a: this.#slot, s1: name, f1: S_IFREG | 0o600 });
    this.#emitter.op('move_mount', { a: slot, s1: '', b: this.#slot, s2: name, n: MOVE_MOUNT.F_EMPTY_PATH });
  }
}
