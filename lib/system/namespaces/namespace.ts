import type { ChildProcess } from 'node:child_process';
import { UsageError } from '../../errors.ts';
import type { CgroupPath } from '../../model/cgroups.ts';
import type { IdMap, PathString } from '../../model/mount.ts';
import { atOnce, type Pausing } from '../../model/pausing.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { MountTree } from '../../model/tree.ts';
import type { Into } from '../../plan/options/options.ts';
import type { CompiledProgram } from '../../program/compiled.ts';
import type { Fd, OwnedFd } from '../calls/fd.ts';
import { umount2 } from '../calls/mount.ts';
import { type OtherNamespaces, placeInside } from '../calls/other-namespaces.ts';
import { Procfs } from '../calls/procfs.ts';
import { openat2 } from '../calls/tree.ts';
import { idMapInside } from '../capture/owner-ids.ts';
import {
  type RestoreSyncOptions,
  type RestoreTreeOptions,
  restoreTree,
  restoreTreeSync,
} from '../restore/restore.ts';
import type { RestoredTree } from '../restore/restored.ts';
import { createNamespace } from './create.ts';
import {
  type SpawnInsideOptions,
  type SpawnSyncInsideOptions,
  type SpawnSyncInsideReturns,
  spawnInside,
  spawnSyncInside,
} from './enter.ts';
import { type NamespaceFds, NamespaceHold } from './hold.ts';
import type { NewNamespaces } from './keeper.ts';
import { namespaceOfPidfd, namespaceOfProcess } from './of-process.ts';
import { isPin, type PinReport } from './pin.ts';
import { Pins } from './pins.ts';
import { runHere, runHereAsync } from './run-here.ts';
import { foreignOwner, isMountNamespace } from './userns.ts';

/** What a new namespace is to be. */
export interface CreateOptions extends NewNamespaces {
  /** `copy`: all of the caller's mounts, each private. `empty`: nothing but an empty tmpfs. */
  readonly from?: 'copy' | 'empty';
}

/** Where in a namespace a tree is to go: at a directory, or as its new root. */
export interface IntoThis {
  readonly at?: PathString;
}

/**
 * Holds a mount namespace by an open fd: as long as it is open, the namespace and its mounts stay, even when no
 * process lives in it. No thread of Node's ever enters it: what is done inside is done by threads and processes of
 * its own.
 */
export class MountNamespace implements Disposable, AsyncDisposable {
  readonly #held: NamespaceHold;
  readonly #pins: Pins;

  /** Takes over the fds. @internal */
  constructor(fd: OwnedFd, fds: NamespaceFds = {}) {
    this.#held = new NamespaceHold(fd, fds);
    this.#pins = new Pins(this.#held);
  }

  /** The calling thread's. @throws {ProcfsError} */
  static current(): MountNamespace {
    using procfs = Procfs.open();
    return new MountNamespace(procfs.openLink('thread-self/ns', 'mnt'));
  }

  /**
   * A process's, by its id or by a pidfd of it, which is never another's.
   * @throws {MountError} ENOENT when there is no such process; ESRCH when that of a pidfd has ended; EACCES without
   * privilege.
   */
  static of(process: number | OwnedFd): MountNamespace {
    using procfs = Procfs.open();
    return MountNamespace.#open(
      procfs,
      typeof process === 'number' ? namespaceOfProcess(procfs, process) : namespaceOfPidfd(procfs, process),
    );
  }

  /**
   * By a namespace file: `/proc/PID/ns/mnt`, or one that was pinned. The file leads to the mount namespace alone: where
   * that was made with a cgroup namespace of its own, the roots of its cgroup mounts read as the caller's words them.
   * @throws {MountError} ENOENT, EACCES; {UsageError} for what is no such file.
   */
  static open(path: PathString): MountNamespace {
    using procfs = Procfs.open();
    return MountNamespace.#open(procfs, openat2(path));
  }

  static #open(procfs: Procfs, fd: OwnedFd): MountNamespace {
    let user: OwnedFd | undefined;
    try {
      if (!isMountNamespace(fd)) throw new UsageError(`${fd.name} is not the file of a mount namespace`);
      user = foreignOwner(procfs, fd);
      return new MountNamespace(fd, { user, idMap: user && idMapInside(procfs, user) });
    } catch (error) {
      user?.close();
      fd.close();
      throw error;
    }
  }

  /**
   * A new one, in the caller's user namespace or in a new one.
   * @throws {MountError} EPERM, ENOSPC
   */
  static create({ from = 'copy', ...wanted }: CreateOptions = {}): MountNamespace {
    if (from !== 'copy' && from !== 'empty') throw new UsageError("from: it is 'copy' or 'empty'");
    const { fd, ...fds } = createNamespace(from, wanted);
    return new MountNamespace(fd, fds);
  }

  /** The fd, which stays this object's. */
  get fd(): OwnedFd {
    return this.#held.fd;
  }

  /** The map of the user namespace that owns it, where that is not the caller's. */
  get idMap(): IdMap | undefined {
    return this.#held.idMap;
  }

  /** The namespaces that who enters this one enters first; they stay this object's. */
  get others(): OtherNamespaces {
    return this.#held.others;
  }

  /** The same namespace, held a second time: each is closed by itself. @throws {MountError} */
  share(): MountNamespace {
    const { fd, ...fds } = this.#held.again();
    return new MountNamespace(fd, fds);
  }

  /**
   * The same, held by these fds and by what else this one is held by. Without `root` commands get the namespace's own.
   * @throws {MountError} EMFILE @internal
   */
  heldBy(fd: OwnedFd, fds: Pick<NamespaceFds, 'view' | 'root'> = {}): MountNamespace {
    return new MountNamespace(fd, { ...fds, ...this.#held.around() });
  }

  /** Its mount tree. @throws {MountError} EPERM without privilege over it. */
  capture(): MountTree {
    return atOnce(this.capturing());
  }

  /** {@link capture}, with pauses. @internal */
  capturing(): Pausing<MountTree> {
    return this.#held.capture();
  }

  /** Where the caller sees the root of its cgroup namespace, where that was made for it. @internal */
  get cgroups(): readonly CgroupPath[] {
    return this.#held.cgroups;
  }

  /**
   * Builds a tree and attaches it in this namespace: at the directory `at`, or without one as its new root, with the
   * old one gone. It is `restoreTree` with `into`, and so are its errors.
   */
  async restore(
    tree: MountTree | Snapshot,
    options: RestoreTreeOptions & IntoThis = {},
  ): Promise<RestoredTree> {
    const restored = await restoreTree(tree, { ...options, into: this.#into(options) });
    if (options.at === undefined) this.#held.forgetRoot();
    return restored;
  }

  /** {@link restore}, joined. */
  restoreSync(tree: MountTree | Snapshot, options: RestoreSyncOptions & IntoThis = {}): RestoredTree {
    const restored = restoreTreeSync(tree, { ...options, into: this.#into(options) });
    if (options.at === undefined) this.#held.forgetRoot();
    return restored;
  }

  #into({ at, into }: RestoreSyncOptions & IntoThis): Into {
    if (into) throw new UsageError('into: it is this namespace; `at` says where in it');
    return { namespace: this, ...(at === undefined ? {} : { at }) };
  }

  /**
   * Runs a compiled program inside, in a thread of its own or a forked child.
   * @param imports the fds for its import slots, in their order; a program that imports nothing but a procfs gets
   * the caller's.
   * @returns the fds of its export slots, in their order, owned.
   * @throws {MountError} the call that was refused; those before it were taken back as far as the program says how.
   */
  run(program: CompiledProgram, imports?: readonly Fd[]): Promise<OwnedFd[]> {
    return runHereAsync(program, placeInside(this.others, { mount: this.fd }), imports);
  }

  /** {@link run}, joined. */
  runSync(program: CompiledProgram, imports?: readonly Fd[]): OwnedFd[] {
    return runHere(program, placeInside(this.others, { mount: this.fd }), imports);
  }

  /**
   * Runs a command inside: Node's own ChildProcess, with its streams, signals and events. `cwd` is looked up inside,
   * and `uid` and `gid` are taken on inside; in a user namespace they are 0 by default. Exit status 125: it could not
   * be entered; 126: the command cannot be run; 127: it was not found.
   * @throws {UsageError} for `shell`, `argv0`, and streams beside the standard ones.
   * @throws {MountError} ENOMEM and the like; ENOENT, EACCES, EMFILE, ENFILE and EAGAIN come by the `error` event.
   */
  spawn(command: string, args: readonly string[] = [], options: SpawnInsideOptions = {}): ChildProcess {
    return spawnInside(this.#doors, [command, ...args], options);
  }

  /**
   * {@link spawn}, joined: what Node's `spawnSync` answers.
   * @throws {UsageError} as {@link spawn}.
   */
  spawnSync<O extends SpawnSyncInsideOptions>(
    command: string,
    args: readonly string[] = [],
    options?: O,
  ): SpawnSyncInsideReturns<O> {
    return spawnSyncInside(this.#doors, [command, ...args], options);
  }

  get #doors() {
    return { ...this.others, mount: this.fd, root: this.#held.root };
  }

  /**
   * Keeps the namespace by binding its file onto `path`, which is made when it is not there. Linux refuses by chance
   * (EINVAL) to pin a namespace whose id is lower than the caller's; then an exact copy with a higher id is made,
   * pinned, and held in place of the first. Pins of one object are made one after the other, and `close()` stops none.
   *
   * @throws {MountError} EINVAL when no copy got a higher id, or none can be exact; the namespace is still held.
   * @throws {UndoError} when the file that was made for it could not be removed again.
   */
  pin(path: PathString): Promise<PinReport> {
    return this.#pins.make(path);
  }

  /**
   * {@link pin}, joined.
   * @throws {MountError} and {UndoError} as {@link pin}; {UsageError} while one goes on.
   */
  pinSync(path: PathString): PinReport {
    return this.#pins.makeSync(path);
  }

  /**
   * Takes a pin away again; the file that it was bound onto stays. The namespace itself goes when nothing else holds
   * it.
   * @throws {MountError} EINVAL when nothing is mounted at `path`; {UsageError} when that is no mount namespace.
   */
  static unpin(path: PathString): void {
    if (!isPin(path)) {
      throw new UsageError(`${path} is no pin: what is there is not the file of a mount namespace`);
    }
    umount2(path, ['UMOUNT_NOFOLLOW']);
  }

  /** Lets go of it: unless a process or a pin holds it, its mounts go. A second time does nothing. */
  close(): void {
    this.#held.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
