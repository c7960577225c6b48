import type { CgroupPath } from '../../model/cgroups.ts';
import type { IdMap, PathString } from '../../model/mount.ts';
import { atOnce } from '../../model/pausing.ts';
import type { MountTree } from '../../model/tree.ts';
import type { Import } from '../../program/compiled.ts';
import type { HeldFd, OwnedFd, OwnedFds } from '../calls/fd.ts';
import type { RunPlace } from '../calls/native.ts';
import { Procfs } from '../calls/procfs.ts';
import { captureOwn } from '../capture/capture.ts';
import type { NamespaceKeeper } from '../namespaces/keeper.ts';
import type { MountNamespace } from '../namespaces/namespace.ts';
import { idmapNamespace } from '../namespaces/userns.ts';
import { type OpenedPaths, spareFds } from './open-paths.ts';

/** More than reading a tree back opens at a time. */
const ENOUGH = 8;

/** The fds that inspection opened, held until the program has used them, so that no path is resolved twice. */
export class HeldHost implements Disposable {
  #paths: OpenedPaths | undefined;
  #reserve: OwnedFds | undefined;
  /** By the id of the mount: those that are no source themselves. */
  readonly #mountRoots = new Map<number, OwnedFd>();
  readonly #idmaps = new Map<number, OwnedFd>();
  #destination: OwnedFd | undefined;
  #target: MountNamespace | undefined;

  #hostTree: MountTree | undefined;

  constructor(readonly procfs: Procfs = Procfs.open()) {}

  /** The caller's own mounts, read when they are first asked for. */
  get hostTree(): MountTree {
    this.#hostTree ??= atOnce(captureOwn(this.procfs));
    return this.#hostTree;
  }

  /** Keeps the fds of the sources. */
  keepPaths(paths: OpenedPaths): void {
    this.#paths = paths;
  }

  /** Keeps the fd of the root of a mount that sources lie on. */
  keepMountRoot(mount: number, fd: OwnedFd): void {
    this.#mountRoots.set(mount, fd);
  }

  /** Keeps the namespace that the tree is for; it is the caller's to take over, or closed with the rest. */
  keepTarget(target: MountNamespace): void {
    this.#target = target;
  }

  get target(): MountNamespace | undefined {
    return this.#target;
  }

  takeTarget(): MountNamespace | undefined {
    const target = this.#target;
    this.#target = undefined;
    return target;
  }

  /** Where the program runs. */
  place: RunPlace = { kind: 'thread' };
  #keeper: NamespaceKeeper | undefined;

  keepNamespaces(keeper: NamespaceKeeper): void {
    this.#keeper = keeper;
  }

  get keeper(): NamespaceKeeper | undefined {
    return this.#keeper;
  }

  /** Where the caller sees the root of the cgroup namespace that the tree is for; none where it is the caller's. */
  get cgroups(): readonly CgroupPath[] {
    return this.#keeper?.cgroups ?? this.#target?.cgroups ?? [];
  }

  /**
   * Keeps some fds free for what comes after the run, reading the tree back or taking it away, so that a process that
   * runs out of fds does before anything is mounted. @throws {MountError} EMFILE
   */
  reserve(): void {
    this.#reserve = spareFds(ENOUGH);
  }

  /** Lets go of the fds that were kept free. */
  useReserve(): void {
    this.#reserve?.close();
  }

  keepDestination(fd: OwnedFd): void {
    this.#destination = fd;
  }

  get destination(): OwnedFd | undefined {
    return this.#destination;
  }

  /** The fd of a source, or of the root of the mount that it lies on; `undefined` when inspection could not open it. */
  get(path: PathString, of: 'path' | 'mount'): HeldFd | undefined {
    if (of === 'path') return this.#paths?.fdOf(path);
    const source = this.#paths?.find(path);
    if (!source || typeof source.status === 'number') return undefined;
    return source.status.mountRoot ? source : this.#mountRoots.get(source.status.mountId);
  }

  /** The fd for an import slot. */
  importFd(slot: Import): HeldFd {
    const fd = this.#find(slot);
    if (!fd)
      throw new TypeError(`the program imports ${JSON.stringify(slot)}, which inspection did not open`);
    return fd;
  }

  #find(slot: Import): HeldFd | undefined {
    switch (slot.kind) {
      case 'source':
        return this.get(slot.path, slot.of);
      case 'destination':
        return this.#destination;
      case 'namespace':
        return this.#target?.fd;
      case 'proc':
        return this.procfs.root;
      case 'idmap':
        return this.#idmap(slot.mount, slot.map);
    }
  }

  #idmap(mount: number, map: IdMap): OwnedFd {
    const made = this.#idmaps.get(mount) ?? idmapNamespace(map, mount);
    this.#idmaps.set(mount, made);
    return made;
  }

  close(): void {
    this.#paths?.close();
    this.#reserve?.close();
    for (const fd of this.#mountRoots.values()) fd.close();
    for (const fd of this.#idmaps.values()) fd.close();
    this.#destination?.close();
    this.#target?.close();
    this.#keeper?.close();
    this.procfs.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
