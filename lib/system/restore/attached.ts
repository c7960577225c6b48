import { UsageError } from '../../errors.ts';
import { MNT } from '../../flags.ts';
import type { Mount } from '../../model/mount.ts';
import { atOnce, type Pausing } from '../../model/pausing.ts';
import type { MountTree } from '../../model/tree.ts';
import type { OwnedFd } from '../calls/fd.ts';
import { kindOfMode, statOpen } from '../calls/lookup.ts';
import { placeInside } from '../calls/other-namespaces.ts';
import { Procfs } from '../calls/procfs.ts';
import { runSmall, smallProgram } from '../calls/small-program.ts';
import { captureOwn } from '../capture/capture.ts';
import type { MountNamespace } from '../namespaces/namespace.ts';

const UNMOUNT = smallProgram({ imports: ['root'] }, (program) => {
  program.op('fchdir', { a: 0 });
  program.op('umount2', { s1: '.', f1: MNT.DETACH });
});

/** What no directory is has no call that unmounts it by fd: its link in a checked /proc stands for it. */
function unmountFile(fd: number) {
  return smallProgram({ imports: ['/proc/thread-self/fd'] }, (program) => {
    program.op('fchdir', { a: 0 });
    program.op('umount2', { s1: String(fd), f1: MNT.DETACH });
  });
}

/** A tree that was attached in the calling thread's namespace, or in another, held by an fd of its root. */
export class AttachedTree implements Disposable {
  readonly #root: OwnedFd;
  readonly #destination: OwnedFd | undefined;
  readonly #namespace: MountNamespace | undefined;

  /**
   * Takes over the fds; `path` is where the tree was attached, `destination` the private bind made for it there,
   * `namespace` where that is, when it is not the caller's.
   */
  constructor(
    root: OwnedFd,
    readonly path: string,
    destination?: OwnedFd,
    namespace?: MountNamespace,
  ) {
    this.#root = root;
    this.#destination = destination;
    this.#namespace = namespace;
  }

  /** The tree as it stands: its root is at `/` in it. @throws {UsageError} when it is not attached any more. */
  *read(): Pausing<MountTree> {
    using procfs = Procfs.open();
    const host = yield* this.#table(procfs);
    const top = findIn(host, this.#root);
    if (!top)
      throw new UsageError(`the tree at ${this.path} is not attached in its mount namespace any more`);
    return host.subtree(top);
  }

  /**
   * Unmounts exactly this tree, wherever it was moved to, and the bind made for it, and closes the fds. umount2(2)
   * works on the topmost mount of a stack, so what is mounted over the tree's root goes first: it is part of the tree.
   * @throws {MountError} when the kernel refuses; it can be tried again.
   */
  release(): void {
    const left = [this.#root, this.#destination].filter((mount) => mount && !mount.closed) as OwnedFd[];
    if (left.length === 0) return;
    using procfs = Procfs.open();
    for (const mount of left) {
      while (findIn(atOnce(this.#table(procfs)), mount)) this.#unmountTop(mount);
      mount.close();
    }
    this.#namespace?.close();
  }

  /** Closes the fds, and leaves the tree where it is. */
  abandon(): void {
    for (const held of [this.#root, this.#destination, this.#namespace]) held?.close();
  }

  #table(procfs: Procfs): Pausing<MountTree> {
    return this.#namespace ? this.#namespace.capturing() : captureOwn(procfs);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  #unmountTop(mount: OwnedFd): void {
    const subject = `release of the tree at ${this.path}`;
    const inside = this.#namespace;
    const place = inside && placeInside(inside.others, { mount: inside.fd });
    if (kindOfMode(statOpen(mount).mode) === 'directory') {
      runSmall(UNMOUNT, [mount], subject, place);
      return;
    }
    using procfs = Procfs.open();
    using fds = procfs.open('thread-self/fd', ['PATH', 'DIRECTORY']);
    runSmall(unmountFile(mount.number), [fds], subject, place);
  }
}

function findIn(host: MountTree, mount: OwnedFd): Mount | undefined {
  return host.get(Number(statOpen(mount).mountId));
}
