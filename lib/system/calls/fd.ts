import { readlinkSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { decodeBytes } from '../../model/bytes.ts';
import { native } from './native.ts';

interface Held {
  readonly fd: number | Int32Array;
  readonly name: string;
}

let warned = false;

const forgotten = new FinalizationRegistry<Held>(({ fd, name }) => {
  if (typeof fd === 'number') native.sys.close(fd);
  else native.sys.closeEach(fd);
  if (warned) return;
  warned = true;
  process.emitWarning(`the fd of ${name} was closed by garbage collection; call close() or use \`using\``, {
    type: 'MountyardWarning',
    code: 'MOUNTYARD_FD_FORGOTTEN',
  });
});

/** A worker that is terminated runs no more of this; without memory to note them its fds stay open then. */
function noteHeld(fds: number | Int32Array): void {
  if (!isMainThread) native.sys.holdEach(typeof fds === 'number' ? Int32Array.of(fds) : fds);
}

/**
 * Holds one file descriptor and closes it: by {@link close}, at the end of a `using` block, or, with a warning,
 * when it is forgotten.
 */
export class OwnedFd implements Disposable {
  #fd: number;

  /** Takes over `fd`; `name` is the path or file that it stands for in messages. */
  constructor(
    fd: number,
    readonly name: string,
  ) {
    this.#fd = fd;
    if (fd < 0) return;
    forgotten.register(this, { fd, name }, this);
    noteHeld(fd);
  }

  /** The number, for a call that borrows it; throws once it is closed or released. */
  get number(): number {
    if (this.#fd < 0) throw new TypeError(`the fd of ${this.name} is closed`);
    return this.#fd;
  }

  get closed(): boolean {
    return this.#fd < 0;
  }

  /** Hands the number over to the caller, who closes it. */
  release(): number {
    const fd = this.#give();
    if (!isMainThread) native.sys.letGo(fd);
    return fd;
  }

  /** Closes it; a second time does nothing. */
  close(): void {
    if (this.#fd >= 0) native.sys.close(this.#give());
  }

  #give(): number {
    const fd = this.number;
    this.#fd = -1;
    forgotten.unregister(this);
    return fd;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** As strace shows it: `5</proc>`. */
  toString(): string {
    return this.closed ? `closed<${this.name}>` : `${this.#fd}<${this.name}>`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `OwnedFd ${this.toString()}`;
  }
}

/** Holds many file descriptors, in one go as it closes them; where one could not be had there is the -errno. */
export class OwnedFds implements Disposable {
  #fds: Int32Array;

  /** Takes over `fds`; `name` stands for all of them. */
  constructor(fds: Int32Array, name: string) {
    this.#fds = fds;
    forgotten.register(this, { fd: fds, name }, this);
    noteHeld(fds);
  }

  /** The number, or -errno; -1 when they are closed. */
  at(index: number): number {
    return this.#fds[index] ?? -1;
  }

  close(): void {
    forgotten.unregister(this);
    native.sys.closeEach(this.#fds);
    this.#fds = new Int32Array(0);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** An fd that something else closes. */
export type HeldFd = Pick<OwnedFd, 'number' | 'name'>;

/** A file descriptor that is borrowed for one call. */
export type Fd = OwnedFd | number;

export function fdNumber(fd: Fd): number {
  return typeof fd === 'number' ? fd : fd.number;
}

/** `5</mnt>`: the number and what it stands for. */
export function fdText(fd: Fd): string {
  return typeof fd === 'number' ? `${fd}<${fdName(fd)}>` : fd.toString();
}

/** What an fd stands for, as far as /proc tells of one that is not held here. */
export function fdName(fd: Fd): string {
  if (typeof fd !== 'number') return fd.name;
  try {
    return decodeBytes(readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }));
  } catch {
    return `fd ${fd}`;
  }
}
