import { UsageError } from '../../errors.ts';
import type { PathString } from '../../model/mount.ts';
import { NamespaceHold } from './hold.ts';
import {
  absolute,
  type Pinned,
  type PinnedFds,
  type PinReport,
  pinNamespace,
  pinNamespaceSync,
} from './pin.ts';

/** The pins of one held namespace, made one after the other: each may put a copy in its place. */
export class Pins {
  readonly #hold: NamespaceHold;
  #last: Promise<unknown> | undefined;

  constructor(hold: NamespaceHold) {
    this.#hold = hold;
  }

  async make(path: PathString): Promise<PinReport> {
    const at = absolute(path);
    const pinned = this.#last ? this.#last.then(() => this.#makeShared(at)) : this.#makeShared(at);
    const over = pinned.catch(() => {}); // whoever asked for it is told
    this.#last = over;
    try {
      return await pinned;
    } finally {
      if (this.#last === over) this.#last = undefined;
    }
  }

  makeSync(path: PathString): PinReport {
    if (this.#last)
      throw new UsageError(`pinSync(${path}): a pin of this namespace goes on; wait until it is made`);
    return this.#keep(pinNamespaceSync(fdsOf(this.#hold), path));
  }

  /** By fds of its own: the namespace may be closed meanwhile. */
  async #makeShared(path: PathString): Promise<PinReport> {
    const { fd, ...fds } = this.#hold.again();
    const held = new NamespaceHold(fd, fds);
    try {
      return this.#keep(await pinNamespace(fdsOf(held), path));
    } finally {
      held.close();
    }
  }

  #keep({ report, copy }: Pinned): PinReport {
    if (copy) this.#hold.replaceBy(copy);
    return report;
  }
}

function fdsOf({ fd, others, root }: NamespaceHold): PinnedFds {
  return { fd, user: others.user, root };
}
