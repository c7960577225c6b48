import { type CgroupPath, withCgroupsInside } from '../../model/cgroups.ts';
import type { IdMap } from '../../model/mount.ts';
import type { Pausing } from '../../model/pausing.ts';
import type { MountTree } from '../../model/tree.ts';
import type { OwnedFd } from '../calls/fd.ts';
import type { OtherNamespaces } from '../calls/other-namespaces.ts';
import { Procfs, reopen } from '../calls/procfs.ts';
import { openTree } from '../calls/tree.ts';
import { captureNamespace } from '../capture/capture.ts';
import type { NamespaceKeeper } from './keeper.ts';

/** What a namespace is held by, besides its own fd. */
export interface NamespaceFds {
  /** The directory that commands get as their root; without it they get the namespace's own root. */
  readonly root?: OwnedFd | undefined;
  /** The user namespace that owns it, where that is not the caller's: who enters it enters this one first. */
  readonly user?: OwnedFd | undefined;
  /** The map of that user namespace, from the caller's. */
  readonly idMap?: IdMap | undefined;
  /** Its lowest root, to look at it from: a mount over that one would hide all else. */
  readonly view?: OwnedFd | undefined;
  /** What keeps the namespaces that stand around it. */
  readonly keeper?: NamespaceKeeper | undefined;
}

/** The same with the namespace's own. */
interface AllFds extends NamespaceFds {
  readonly fd: OwnedFd;
}

/** The fds that hold a namespace, all of which it owns. */
export class NamespaceHold {
  #fd: OwnedFd;
  #root: OwnedFd | undefined;
  readonly #view: OwnedFd | undefined;
  readonly #keeper: NamespaceKeeper | undefined;
  /** The namespaces that who enters this one enters first. */
  readonly others: OtherNamespaces;
  readonly idMap: IdMap | undefined;

  constructor(fd: OwnedFd, { root, user, idMap, view, keeper }: NamespaceFds) {
    this.#fd = fd;
    this.#root = root;
    this.#view = view;
    this.#keeper = keeper;
    this.others = keeper?.others ?? { user };
    this.idMap = keeper?.idMap ?? idMap;
  }

  get fd(): OwnedFd {
    return this.#fd;
  }

  get root(): OwnedFd | undefined {
    return this.#root;
  }

  /** Where the caller sees the root of its cgroup namespace, where that was made for it. */
  get cgroups(): readonly CgroupPath[] {
    return this.#keeper?.cgroups ?? [];
  }

  /** All of them, opened a second time. @throws {MountError} */
  again(): AllFds {
    const opened: OwnedFd[] = [];
    const copyOf = (fd: OwnedFd | undefined) => {
      if (!fd || fd.closed) return undefined;
      const copy = openTree(fd);
      opened.push(copy);
      return copy;
    };
    const fd = reopen(this.#fd);
    opened.push(fd);
    try {
      const [view, root] = [copyOf(this.#view), copyOf(this.#root)];
      return { fd, view, root, ...this.around() };
    } catch (error) {
      for (const each of opened) each.close();
      throw error;
    }
  }

  /** What stands around the namespace, held a second time. @throws {MountError} EMFILE */
  around(): Pick<NamespaceFds, 'user' | 'idMap' | 'keeper'> {
    const { user } = this.others;
    const own = user && !this.#keeper ? reopen(user) : undefined;
    return { user: own, idMap: this.idMap, keeper: this.#keeper?.share() };
  }

  *capture(): Pausing<MountTree> {
    using procfs = Procfs.open();
    const from = { user: this.others.user, idMap: this.idMap };
    const tree = withCgroupsInside(yield* captureNamespace(procfs, this.#fd, from), this.cgroups);
    const isCovered = tree.mounts.some((mount) => mount.mountPoint === '/' && tree.parentOf(mount));
    if (!this.#view || this.#view.closed || !isCovered) return tree;
    const fromView = captureNamespace(procfs, this.#fd, { ...from, root: this.#view });
    const uncovered = withCgroupsInside(yield* fromView, this.cgroups);
    // A pivot_root(2) puts another root in the place of the one that is held.
    return uncovered.root?.id === tree.root?.id ? uncovered : tree;
  }

  /** Holds a copy of the namespace from now on; nothing of it, when this was closed meanwhile. */
  replaceBy({ fd, root }: { readonly fd: OwnedFd; readonly root: OwnedFd | undefined }): void {
    const stale = this.#fd.closed ? [fd, root] : [this.#fd, this.#root, this.#view];
    if (!this.#fd.closed) {
      this.#fd = fd;
      this.#root = root;
    }
    for (const each of stale) each?.close();
  }

  /** Commands get the namespace's own root from now on: another one has taken the place of all that there was. */
  forgetRoot(): void {
    this.#root?.close();
    this.#root = undefined;
  }

  close(): void {
    if (this.#fd.closed) return;
    for (const fd of [this.#fd, this.#root, this.#view]) fd?.close();
    if (this.#keeper) this.#keeper.close();
    else this.others.user?.close();
  }
}
