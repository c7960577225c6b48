import { MountError } from '../../errors.ts';
import { S_IFMT } from '../../flags.ts';
import type { FileIdentity } from '../../model/facts.ts';
import type { Mount, PathString } from '../../model/mount.ts';
import { parentPath } from '../../model/paths.ts';
import type { MountTree } from '../../model/tree.ts';
import type { HeldFd, OwnedFd } from '../calls/fd.ts';
import { statFd, statOpen } from '../calls/lookup.ts';
import type { NativeStat } from '../calls/native.ts';
import { openat2 } from '../calls/tree.ts';
import type { HeldHost } from './held.ts';
import { openHostPath } from './open-paths.ts';

const MAX_DEPTH = 4096;

interface View {
  readonly host: MountTree;
  readonly held: HeldHost;
}

interface MountRoot {
  readonly fd: HeldFd;
  readonly identity: FileIdentity;
}

/** The mounts of the host that sources lie on. What is asked of one is found once, however many sources lie there. */
export class SourceMounts {
  readonly #view: View;
  readonly #roots = new Map<Mount, MountRoot>();
  readonly #covered = new Set<Mount>();
  readonly #above = new Map<Mount, ReadonlySet<PathString>>();

  constructor(view: View) {
    this.#view = view;
  }

  /**
   * The root, opened by the mount point or, where the way there is covered, by going up from a file of the mount; a
   * covered root itself is out of reach.
   */
  rootOf(mount: Mount, from: number): MountRoot | undefined {
    const known = this.#roots.get(mount);
    if (known) return known;
    const fd = this.#open(mount) ?? climbToRoot(from, mount);
    if (!fd) return undefined;
    this.#view.held.keepMountRoot(mount.id, fd);
    const root = { fd, identity: identityOf(statOpen(fd)) };
    this.#roots.set(mount, root);
    return root;
  }

  #open(mount: Mount): OwnedFd | undefined {
    if (this.#covered.has(mount)) return undefined;
    const fd = openMountRoot(mount.mountPoint, mount);
    if (!fd) this.#covered.add(mount);
    return fd;
  }

  /** Whether something is mounted on that mount below the path, which is one of the caller's namespace. */
  hasMountsBelow(mount: Mount, path: PathString): boolean {
    let above = this.#above.get(mount);
    if (!above) {
      above = pathsAbove(this.#view.host.childrenOf(mount));
      this.#above.set(mount, above);
    }
    return above.has(path);
  }
}

function identityOf({ mode, device, inode }: NativeStat): FileIdentity {
  return { type: mode & S_IFMT, device: String(device), inode: String(inode) };
}

function openMountRoot(path: PathString, mount: Mount): OwnedFd | undefined {
  const fd = openHostPath(path);
  if (typeof fd === 'string') return undefined;
  const status = statFd(fd.number);
  if (status?.mountRoot && status.mountId === BigInt(mount.id)) return fd;
  fd.close();
  return undefined;
}

function climbToRoot(from: number, mount: Mount): OwnedFd | undefined {
  let current: OwnedFd | undefined;
  try {
    for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
      const parent = openat2({ at: current ?? from, path: '..' }, { flags: ['PATH'], resolve: ['NO_XDEV'] });
      current?.close();
      current = parent;
      const status = statFd(current.number);
      if (status?.mountId !== BigInt(mount.id)) break;
      if (status.mountRoot) return current;
    }
  } catch (error) {
    if (!(error instanceof MountError)) throw error; // a file has no `..`, and what is out of reach stays so
  }
  current?.close();
  return undefined;
}

/** All directories on the way to these mount points, without the mount points themselves. */
function pathsAbove(mounts: readonly Mount[]): ReadonlySet<PathString> {
  const above = new Set<PathString>();
  for (const { mountPoint } of mounts) {
    for (let path = mountPoint; path !== '/'; ) {
      path = parentPath(path);
      if (above.has(path)) break;
      above.add(path);
    }
  }
  return above;
}
