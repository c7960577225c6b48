import { MountError, UsageError } from '../errors.ts';
import { AT, CLONE, O, S_IFDIR, S_IFMT } from '../flags.ts';
import { parseMountinfo } from '../formats/mountinfo.ts';
import { encodeBytes } from '../model/bytes.ts';
import type { Kind, Mount } from '../model/mount.ts';
import type { MountTree } from '../model/tree.ts';
import type { ProgramBuilder } from '../program/builder.ts';
import { openat2 } from './calls-tree.ts';
import { type Fd, fdNumber, type OwnedFd } from './fd.ts';
import { readIdMaps } from './idmaps.ts';
import { native, type RunPlace } from './native.ts';
import { PROC_RESOLVE, Procfs, readToEnd } from './procfs.ts';
import { runSmall, smallProgram } from './small-program.ts';

/** Whose mounts: of a process as it sees them, or of a mount namespace by path or fd; the caller's own by default. */
export interface CaptureOptions {
  readonly pid?: number;
  /** A namespace file: `/proc/PID/ns/mnt`, or one that was pinned. */
  readonly ns?: string;
  /** An open namespace file. */
  readonly fd?: Fd;
}

/**
 * Reads the mount tree of a process or namespace, with what each mount's root is, as far as it can be reached.
 *
 * @throws {MountError} ENOENT for a process that is not there; EACCES or EPERM without the privilege to look at it.
 * @throws {ProcfsError} when /proc is no procfs.
 */
export function captureTree(options: CaptureOptions = {}): MountTree {
  const { pid, ns, fd } = options;
  if ([pid, ns, fd].filter((choice) => choice !== undefined).length > 1) {
    throw new UsageError('give one of pid, ns and fd');
  }
  using procfs = Procfs.open();
  if (ns !== undefined) {
    using namespace = openat2(ns);
    return captureNamespace(procfs, namespace);
  }
  if (fd !== undefined) return captureNamespace(procfs, fd);
  return captureProcess(procfs, pid);
}

/** The tree that the calling thread sees. */
export function captureOwn(procfs: Procfs): MountTree {
  return captureProcess(procfs, undefined);
}

function captureProcess(procfs: Procfs, pid: number | undefined): MountTree {
  if (pid !== undefined && (!Number.isInteger(pid) || pid < 1))
    throw new UsageError(`${pid} is no process id`);
  const process = pid === undefined ? 'thread-self' : String(pid);
  using file = procfs.open(`${process}/mountinfo`);
  const tree = parseMountinfo(readToEnd(file));
  using root = openRoot(procfs, process);
  if (!root) return tree;
  const named = withKinds(tree, root);
  return pid === undefined ? readIdMaps(named) : named;
}

/** Looking at another's root takes more privilege than reading its table: without it the kinds stay unknown. */
function openRoot(procfs: Procfs, process: string): OwnedFd | undefined {
  try {
    return procfs.openLink(process, 'root', ['PATH', 'DIRECTORY']);
  } catch (error) {
    if (error instanceof MountError) return undefined;
    throw error;
  }
}

function enterAndRead(
  program: ProgramBuilder,
  [namespace, proc, mountinfo, root]: readonly [number, number, number, number],
): void {
  program.op('setns', { a: namespace, f1: CLONE.NEWNS });
  program.op('openat2', {
    a: proc,
    s1: 'thread-self/mountinfo',
    f1: O.CLOEXEC,
    f3: PROC_RESOLVE,
    out: mountinfo,
  });
  program.op('openat2', { s1: '/', f1: O.PATH | O.DIRECTORY | O.CLOEXEC, out: root });
}

const FROM_THREAD = smallProgram(
  { imports: ['namespace', '/proc'], exports: ['mountinfo', 'root'] },
  (program) => enterAndRead(program, [0, 1, 2, 3]),
);
const FROM_CHILD = smallProgram(
  { imports: ['user namespace', 'namespace', '/proc'], exports: ['mountinfo', 'root'] },
  (program) => {
    program.op('setns', { a: 0, f1: CLONE.NEWUSER });
    enterAndRead(program, [1, 2, 3, 4]);
  },
);
/** Only a process with one thread can enter a user namespace. */
const CHILD: RunPlace = {
  kind: 'fork',
  unshare: 0,
  uidMap: new Uint8Array(0),
  setgroups: new Uint8Array(0),
  gidMap: new Uint8Array(0),
};

/** The tree of a mount namespace, entered through the user namespace that owns it when that is given. */
export function captureNamespace(procfs: Procfs, namespace: Fd, user?: Fd): MountTree {
  const subject = 'capture of a mount namespace';
  const made =
    user === undefined
      ? runSmall(FROM_THREAD, [namespace, procfs.root], subject)
      : runSmall(FROM_CHILD, [user, namespace, procfs.root], subject, CHILD);
  using mountinfo = made[0] as OwnedFd;
  using root = made[1] as OwnedFd;
  return readTree(mountinfo, root);
}

/** The tree of an open mountinfo file, read from where it stands, and of the root directory that it was read under. */
export function readTree(mountinfo: Fd, root: Fd): MountTree {
  return withKinds(parseMountinfo(readToEnd(mountinfo)), root);
}

/**
 * The tree with the kinds that can be seen from a root directory. What is covered by another mount stays unknown.
 */
function withKinds(tree: MountTree, root: Fd): MountTree {
  const rootNumber = fdNumber(root);
  return tree.map((mount) => {
    const kind = kindOf(mount, rootNumber);
    return kind === mount.kind ? mount : { ...mount, kind };
  });
}

/** No automount is triggered and no server asked: what the kernel has at hand is enough. */
const AT_STATX_DONT_SYNC = 0x4000;
const LOOK_ONLY = AT.SYMLINK_NOFOLLOW | AT.NO_AUTOMOUNT | AT_STATX_DONT_SYNC;

function kindOf(mount: Mount, root: number): Kind {
  const path = encodeBytes(mount.mountPoint.slice(1));
  const status = native.sys.statx(root, path, path.length === 0 ? LOOK_ONLY | AT.EMPTY_PATH : LOOK_ONLY);
  // Another id: the mount is covered, or the path led elsewhere since the table was read.
  if (typeof status === 'number' || status.mountId !== BigInt(mount.id)) return 'unknown';
  return (status.mode & S_IFMT) === S_IFDIR ? 'directory' : 'file';
}
