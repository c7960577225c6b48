import { constants } from 'node:os';
import {
  AT,
  CLONE,
  FSCONFIG,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOUNT_ATTR,
  MOVE_MOUNT,
  MS,
  OPEN_TREE,
  S_IFDIR,
  S_IFMT,
} from '../../flags.ts';
import { isIdmapped, type Mount } from '../../model/mount.ts';
import type { ProgramBuilder } from '../../program/builder.ts';
import { errnoName, isShortage } from '../calls/errno.ts';
import { failureOf } from '../calls/failure.ts';
import { type Fd, OwnedFds } from '../calls/fd.ts';
import type { RunPlace } from '../calls/native.ts';
import { runSmallRaw, type SmallProgram, smallProgram } from '../calls/small-program.ts';

/** How to get into the namespace whose mounts are looked at; none of them for the caller's own. */
export interface Doors {
  readonly root: Fd;
  readonly namespace?: Fd | undefined;
  /** The user namespace that owns it, when it has to be entered first. */
  readonly user?: Fd | undefined;
}

/** A mount that is to be cloned. */
export interface Clonable {
  readonly mount: Mount;
  /** Of its root. */
  readonly status: { readonly mode: number };
}

/** Its clone: `mapped` when that shows the owners that the mount shows. */
export interface Clone<T extends Clonable> {
  readonly of: T;
  readonly fd: number;
  readonly mapped: boolean;
}

/** Only a process with one thread can enter a user namespace. */
export const CHILD: RunPlace = {
  kind: 'fork',
  unshare: 0,
  uidMap: new Uint8Array(0),
  setgroups: new Uint8Array(0),
  gidMap: new Uint8Array(0),
};

const NO_FDS = new Set<number>([constants.errno.EMFILE, constants.errno.ENFILE]);

/** Before it is left in the depot. */
const OPS_OF_CLONE = 2;

/** A tmpfs of its own is made and unmounted in the time that so many closes take. */
const FEW = 4;

/**
 * Private, detached, non-recursive clones of mounts. To close one that is mounted nowhere is to unmount it, for which
 * the kernel waits each time; so where there are more than a few, directories are mounted on a tmpfs that nobody else
 * sees, and go with it. Kernels that mount nothing onto a detached tree (before 6.15) answer EINVAL: there each goes by
 * itself.
 */
export class Clones<T extends Clonable> implements Disposable {
  readonly #fds: OwnedFds;
  readonly all: readonly Clone<T>[];

  private constructor(
    cloned: readonly Cloning<T>[],
    exports: Int32Array,
    /** How many of the mounts, from the first, were to be cloned. */
    readonly tried: number,
  ) {
    this.#fds = new OwnedFds(exports, 'clones of mounts');
    this.all = cloned.map(({ of, mapped }, index) => ({ of, mapped, fd: this.#fds.at(index) }));
  }

  /**
   * Clones of those of the mounts that can be cloned; `undefined` where none can. One that is idmapped loses its map,
   * where the kernel takes it away. Only the first are cloned where there are too few fds for all.
   * @throws {MountError} EMFILE, ENFILE when there is none for a single one; ENOMEM, EAGAIN.
   */
  static of<T extends Clonable>(mounts: readonly T[], doors: Doors): Clones<T> | undefined {
    const left = mounts.map((of) => ({ of, mapped: !isIdmapped(of.mount) }));
    let depot = left.length > FEW;
    for (;;) {
      const { small, starts, imports } = cloning(left, doors, depot);
      const result = runSmallRaw(small, imports, doors.user === undefined ? undefined : CHILD);
      if (result.status === 'done') return new Clones(left, Int32Array.from(result.exports), mounts.length);
      if (isShortage(errnoName(result.errno))) {
        const fewer = NO_FDS.has(result.errno) && mounts.length > 1;
        if (fewer) return Clones.of(mounts.slice(0, Math.ceil(mounts.length / 2)), doors);
        throw failureOf(small.program, result, () => ({ subject: 'capture of what mounts cover' }));
      }
      if (result.op < doorsOf(doors).length) return undefined;
      const index = starts.findLastIndex((start) => start <= result.op);
      const refused = left[index];
      // One that went, that may not be cloned (unbindable) or not alone (locked children) is left out.
      if (!refused || result.op - (starts[index] ?? 0) >= OPS_OF_CLONE) depot = false;
      else if (refused.mapped) left.splice(index, 1);
      else left[index] = { ...refused, mapped: true };
    }
  }

  [Symbol.dispose](): void {
    this.#fds.close();
  }
}

interface Cloning<T> {
  readonly of: T;
  readonly mapped: boolean;
}

interface CloningProgram {
  readonly small: SmallProgram;
  /** The first op of each clone. */
  readonly starts: readonly number[];
  readonly imports: readonly Fd[];
}

function doorsOf({ user, namespace }: Doors): readonly Fd[] {
  return [user, namespace].filter((door) => door !== undefined);
}

function cloning(clonings: readonly Cloning<Clonable>[], doors: Doors, depot: boolean): CloningProgram {
  const imports = [doors.root, ...doorsOf(doors)];
  const names = clonings.map(({ of }) => of.mount.mountPoint);
  const first = imports.length;
  const depotSlot = depot ? first + names.length : undefined;
  const starts: number[] = [];
  const small = smallProgram(
    {
      imports: imports.map(String),
      exports: depot ? [...names, 'depot'] : names,
      others: depot ? ['depot context'] : [],
    },
    (program) => {
      if (doors.user !== undefined) program.op('setns', { a: 1, f1: CLONE.NEWUSER });
      if (doors.namespace !== undefined) program.op('setns', { a: first - 1, f1: CLONE.NEWNS });
      if (depotSlot !== undefined) makeDepot(program, depotSlot, depotSlot + 1);
      clonings.forEach((each, index) => {
        starts.push(program.opCount);
        const out = first + index;
        cloneOne(program, each, out);
        const isDirectory = (each.of.status.mode & S_IFMT) === S_IFDIR;
        if (depotSlot !== undefined && isDirectory) leave(program, out, depotSlot);
      });
    },
  );
  return { small, starts, imports };
}

function cloneOne(program: ProgramBuilder, { of, mapped }: Cloning<Clonable>, out: number): void {
  const path = of.mount.mountPoint.slice(1);
  const flags = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.SYMLINK_NOFOLLOW | AT.NO_AUTOMOUNT;
  const n = path === '' ? flags | AT.EMPTY_PATH : flags;
  if (mapped) program.op('open_tree', { a: 0, s1: path, n, out });
  else program.op('open_tree_attr', { a: 0, s1: path, n, f2: MOUNT_ATTR.IDMAP, out });
  // A clone of a shared mount is its peer until it is made private.
  program.op('mount_setattr', { a: out, s1: '', n: AT.EMPTY_PATH, f3: MS.PRIVATE });
}

function makeDepot(program: ProgramBuilder, out: number, context: number): void {
  program.op('fsopen', { s1: 'tmpfs', n: FSOPEN_CLOEXEC, out: context });
  program.op('fsconfig', { a: context, n: FSCONFIG.CMD_CREATE });
  program.op('fsmount', { a: context, n: FSMOUNT_CLOEXEC, out });
}

/** Mounts a clone on top of those that are in the depot. */
function leave(program: ProgramBuilder, clone: number, depot: number): void {
  const n = MOVE_MOUNT.F_EMPTY_PATH | MOVE_MOUNT.T_EMPTY_PATH;
  program.op('move_mount', { a: clone, s1: '', b: depot, s2: '', n, tolerate: constants.errno.EINVAL });
}
