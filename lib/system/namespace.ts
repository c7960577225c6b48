import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { CLONE, MS, O } from '../flags.ts';
import type { IdMap, PathString } from '../model/mount.ts';
import type { MountTree } from '../model/tree.ts';
import { openat2 } from './calls-tree.ts';
import { captureNamespace } from './capture.ts';
import { type EnterOptions, spawnInside } from './enter.ts';
import type { OwnedFd } from './fd.ts';
import { type PinReport, pinNamespace } from './pin.ts';
import { Procfs } from './procfs.ts';
import { runSmall, smallProgram } from './small-program.ts';

/** The root is that of a caller who may live in a chroot: all of the namespace is private nevertheless. */
const COPY_OWN = smallProgram({ imports: ['/proc'], exports: ['namespace', 'root'] }, (program) => {
  program.op('unshare', { f1: CLONE.NEWNS });
  program.op('openat2', { s1: '/', f1: O.CLOEXEC | O.PATH | O.DIRECTORY, out: 2 });
  program.op('openat2', { a: 0, s1: 'thread-self/ns/mnt', f1: O.CLOEXEC, out: 1 });
  program.op('setns', { a: 1, f1: CLONE.NEWNS });
  program.op('mount', { s2: '/', f1: MS.REC | MS.PRIVATE });
});

/** What a namespace is held by, besides its own fd. */
export interface NamespaceFds {
  /** The directory that commands get as their root; without it they get the namespace's own root. */
  readonly root?: OwnedFd | undefined;
  /** The user namespace that owns it, which commands enter first. */
  readonly user?: OwnedFd | undefined;
  /** The map of that user namespace, from the caller's. */
  readonly idMap?: IdMap | undefined;
  /** Its lowest root, to look at it from: a mount over that one would hide all else. */
  readonly view?: OwnedFd | undefined;
}

/**
 * Holds a mount namespace by an open fd: as long as it is open, the namespace and its mounts stay, even when no
 * process lives in it.
 */
export class MountNamespace implements Disposable, AsyncDisposable {
  #fd: OwnedFd;
  readonly #root: OwnedFd | undefined;
  readonly #user: OwnedFd | undefined;
  readonly #idMap: IdMap | undefined;
  readonly #view: OwnedFd | undefined;

  /** Takes over the fds. @internal */
  constructor(fd: OwnedFd, { root, user, idMap, view }: NamespaceFds = {}) {
    this.#fd = fd;
    this.#root = root;
    this.#user = user;
    this.#idMap = idMap;
    this.#view = view;
  }

  /** The calling thread's. @throws {ProcfsError} */
  static current(): MountNamespace {
    using procfs = Procfs.open();
    return new MountNamespace(procfs.openLink('thread-self/ns', 'mnt'));
  }

  /** A process's. @throws {MountError} ENOENT when there is no such process; EACCES without privilege. */
  static of(pid: number): MountNamespace {
    using procfs = Procfs.open();
    return new MountNamespace(procfs.openLink(`${pid}/ns`, 'mnt'));
  }

  /** By a namespace file: `/proc/PID/ns/mnt`, or one that was pinned. @throws {MountError} */
  static open(path: PathString): MountNamespace {
    return new MountNamespace(openat2(path));
  }

  /** A new one: a copy of the caller's in which everything is private. @throws {MountError} EPERM, ENOSPC */
  static create(): MountNamespace {
    using procfs = Procfs.open();
    const [fd, root] = runSmall(COPY_OWN, [procfs.root], 'a new mount namespace');
    return new MountNamespace(fd as OwnedFd, { root });
  }

  /** The fd, which stays this object's. */
  get fd(): OwnedFd {
    return this.#fd;
  }

  /** Its mount tree. @throws {MountError} EPERM without privilege over it. */
  capture(): MountTree {
    using procfs = Procfs.open();
    const from = { user: this.#user, idMap: this.#idMap };
    const tree = captureNamespace(procfs, this.#fd, from);
    if (!this.#view || this.#view.closed || !isCovered(tree)) return tree;
    const uncovered = captureNamespace(procfs, this.#fd, { ...from, root: this.#view });
    // A pivot_root(2) puts another root in the place of the one that is held.
    return uncovered.root?.id === tree.root?.id ? uncovered : tree;
  }

  /**
   * Runs a command inside: Node's own ChildProcess. `cwd` is looked up inside, and `uid` and `gid` are taken on
   * inside. Exit status 125: it could not be entered; 126: the command cannot be run; 127: it was not found.
   */
  spawn(
    command: string,
    args: readonly string[] = [],
    options: SpawnOptions & EnterOptions = {},
  ): ChildProcess {
    return spawnInside({ mount: this.#fd, root: this.#root, user: this.#user }, [command, ...args], options);
  }

  /**
   * Keeps the namespace by binding its file onto `path`, which is made when it is not there. Linux refuses by chance
   * (EINVAL) to pin a namespace whose id is lower than the caller's; then an exact copy with a higher id is made,
   * pinned, and held in place of the first.
   *
   * @throws {MountError} EINVAL when no copy got a higher id, or none can be exact; the namespace is still held.
   */
  async pin(path: PathString): Promise<PinReport> {
    const pinned = await pinNamespace(this.#fd, path, this.#user);
    if (pinned.copy) {
      this.#fd.close();
      this.#fd = pinned.copy;
      this.#view?.close(); // of the first
    }
    return pinned.report;
  }

  /** Lets go of it: unless a process or a pin holds it, its mounts go. A second time does nothing. */
  close(): void {
    this.#fd.close();
    this.#root?.close();
    this.#user?.close();
    this.#view?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}

function isCovered(tree: MountTree): boolean {
  return tree.mounts.some((mount) => mount.mountPoint === '/' && tree.parentOf(mount) !== undefined);
}
