import { MountError, UsageError } from '../errors.ts';
import { CLONE, O } from '../flags.ts';
import type { MountTree } from '../model/tree.ts';
import type { ProgramBuilder } from '../program/builder.ts';
import { openat2 } from './calls-tree.ts';
import type { Fd, OwnedFd } from './fd.ts';
import { CHILD, withPlaces } from './places.ts';
import { PROC_RESOLVE, Procfs } from './procfs.ts';
import { withRoots } from './roots.ts';
import { runSmall, smallProgram } from './small-program.ts';
import { readTable } from './table.ts';

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
  if (pid === undefined) {
    const tree = readTable(file, {});
    using root = openLinkIfAllowed(procfs, process, 'root');
    return root ? withRoots(tree, root) : tree;
  }
  using namespace = openLinkIfAllowed(procfs, `${process}/ns`, 'mnt');
  using root = openLinkIfAllowed(procfs, process, 'root');
  const tree = readTable(file, { namespace: namespace ?? UNKNOWN, root, whole: true });
  return root ? withPlaces(withRoots(tree, root), { root, namespace }) : tree;
}

/** No fd: of a namespace that is not known nothing but mountinfo is read. */
const UNKNOWN = -1;

/** Looking at another's root takes more privilege than reading its table: without it much stays unknown. */
function openLinkIfAllowed(procfs: Procfs, directory: string, name: 'root' | 'mnt'): OwnedFd | undefined {
  try {
    return procfs.openLink(directory, name, name === 'root' ? ['PATH', 'DIRECTORY'] : []);
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
/** The tree of a mount namespace, entered through the user namespace that owns it when that is given. */
export function captureNamespace(procfs: Procfs, namespace: Fd, user?: Fd): MountTree {
  const subject = 'capture of a mount namespace';
  const made =
    user === undefined
      ? runSmall(FROM_THREAD, [namespace, procfs.root], subject)
      : runSmall(FROM_CHILD, [user, namespace, procfs.root], subject, CHILD);
  using mountinfo = made[0] as OwnedFd;
  using root = made[1] as OwnedFd;
  const tree = readTable(mountinfo, { namespace, root, whole: true });
  return withPlaces(withRoots(tree, root), { root, namespace, user });
}

/** The tree of an open mountinfo file and of the root directory that it was read under; `namespace` tells more of it. */
export function readTree(mountinfo: Fd, root: Fd, namespace?: Fd): MountTree {
  return withRoots(readTable(mountinfo, { namespace: namespace ?? UNKNOWN, root }), root);
}
