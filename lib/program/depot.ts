import { MOVE_MOUNT } from '../flags.ts';
import type { Emitter } from './emitter.ts';
import { makePrivateTmpfs } from './private-tmpfs.ts';

/** A tmpfs of its own is made and unmounted in the time that so many closes take. */
const FEW = 4;

/**
 * Where detached mounts go that are done with. Closing the fd of one that is mounted nowhere unmounts it, for which
 * the kernel waits each time; those that are mounted here go together.
 */
export class Depot {
  readonly #emitter: Emitter;
  readonly #isWorthIt: boolean;
  #slot: number | undefined;
  #nodes = 0;

  /** @param expected how many there will be. */
  constructor(emitter: Emitter, expected: number) {
    this.#emitter = emitter;
    this.#isWorthIt = expected > FEW;
  }

  /** Closes the slot of a detached mount of a directory. */
  dismiss(slot: number): void {
    if (this.#isWorthIt && !this.#emitter.isDone(slot)) {
      this.#slot ??= makePrivateTmpfs(this.#emitter, 'depot');
      const name = String(this.#nodes);
      this.#nodes += 1;
      this.#emitter.mkdirat(this.#slot, name, 0o700);
      this.#emitter.moveMount(slot, this.#slot, name, MOVE_MOUNT.F_EMPTY_PATH);
    }
    this.#emitter.close(slot);
  }

  /** Lets go of all that are done with; what is dismissed later goes to another. */
  close(): void {
    if (this.#slot !== undefined) this.#emitter.close(this.#slot);
    this.#slot = undefined;
  }
}
