import { MountError, UsageError } from '../../errors.ts';
import { CLONE, O } from '../../flags.ts';
import type { IdMap } from '../../model/mount.ts';
import { atOnce, type Pausing } from '../../model/pausing.ts';
import type { MountTree } from '../../model/tree.ts';
import { isShortage } from '../calls/errno.ts';
import type { Fd, OwnedFd } from '../calls/fd.ts';
import { PROC_RESOLVE, Procfs } from '../calls/procfs.ts';
import { runSmall, type SmallProgram, smallProgram } from '../calls/small-program.ts';
import { openat2 } from '../calls/tree.ts';
import { CHILD } from './clones.ts';
import type { TableOptions } from './listing.ts';
import { type OwnerView, ownerView, withOwners } from './owner-ids.ts';
import { type Entrance, fillPlaces } from './places.ts';
import { fillRoots } from './roots.ts';
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
 * @throws {MountError} ENOENT for a process that is not there, EINVAL for one that has ended and is not reaped yet;
 * EACCES or EPERM without the privilege to look at it; EMFILE, ENOMEM, EAGAIN.
 * @throws {ProcfsError} when /proc is no procfs.
 * @throws {BusyTableError} when mounts came and went during every reading.
 * @throws {UnseenMountsError} when the namespace of `pid`, `ns` or `fd` has mounts that the caller is not shown.
 */
export function captureTree(options: CaptureOptions = {}): MountTree {
  return atOnce(capture(options));
}

function* capture({ pid, ns, fd }: CaptureOptions): Pausing<MountTree> {
  if ([pid, ns, fd].filter((choice) => choice !== undefined).length > 1) {
    throw new UsageError('give one of pid, ns and fd');
  }
  using procfs = Procfs.open();
  if (ns !== undefined) {
    using namespace = openat2(ns);
    return yield* captureNamespace(procfs, namespace);
  }
  if (fd !== undefined) return yield* captureNamespace(procfs, fd);
  if (pid !== undefined) return yield* captureProcess(procfs, pid);
  return yield* captureCaller(procfs, { places: true });
}

/** The tree that the calling thread sees, without what its mounts cover. */
export function captureOwn(procfs: Procfs): Pausing<MountTree> {
  return captureCaller(procfs, { places: false });
}

function* captureCaller(procfs: Procfs, { places }: { readonly places: boolean }): Pausing<MountTree> {
  using file = procfs.open('thread-self/mountinfo');
  const owners = ownerView(procfs);
  using root = openLinkIfAllowed(procfs, 'thread-self', 'root');
  return yield* captureTable(file, {}, { root, owners }, places);
}

function* captureProcess(procfs: Procfs, pid: number): Pausing<MountTree> {
  if (!Number.isInteger(pid) || pid < 1) throw new UsageError(`${pid} is no process id`);
  using file = procfs.open(`${pid}/mountinfo`);
  const owners = ownerView(procfs);
  using namespace = openLinkIfAllowed(procfs, `${pid}/ns`, 'mnt');
  using root = openLinkIfAllowed(procfs, String(pid), 'root');
  const options = { namespace: namespace ?? UNKNOWN, root, whole: true };
  return yield* captureTable(file, options, { root, namespace, owners }, true);
}

/** Reads a mountinfo file, and looks at what the mounts show and, with `places`, at what they cover. */
function* captureTable(
  mountinfo: Fd,
  options: TableOptions,
  { root, ...entrance }: Omit<Entrance, 'root'> & { readonly root: Fd | undefined },
  places: boolean,
): Pausing<MountTree> {
  const { owners } = entrance;
  const tree = withOwners(yield* readTable(mountinfo, options), owners);
  if (root === undefined) return tree;
  const roots = yield* fillRoots(tree, root, owners);
  if (places) yield* fillPlaces(tree, roots, { root, ...entrance });
  return tree;
}

/** No fd: of a namespace that is not known nothing but mountinfo is read. */
const UNKNOWN = -1;

/** Looking at another's root takes more privilege than reading its table: without it much stays unknown. */
function openLinkIfAllowed(procfs: Procfs, directory: string, name: 'root' | 'mnt'): OwnedFd | undefined {
  try {
    return procfs.openLink(directory, name, name === 'root' ? ['PATH', 'DIRECTORY'] : []);
  } catch (error) {
    if (error instanceof MountError && !isShortage(error.code)) return undefined;
    throw error;
  }
}

/** Who may be entered first, and from where it is looked at. */
export interface CaptureFrom {
  /** The user namespace that owns the mount namespace. */
  readonly user?: Fd | undefined;
  /** Its map, from the caller's: owners are told as they are inside. */
  readonly idMap?: IdMap | undefined;
  /** A directory of it to read the tree under; otherwise whatever covers its root. */
  readonly root?: Fd | undefined;
}

/** Enters, and hands back the table and the root directory that it is read under. */
function reading({ user, root }: CaptureFrom): SmallProgram {
  const imports = [
    ...(user === undefined ? [] : ['user namespace']),
    'namespace',
    '/proc',
    ...(root === undefined ? [] : ['root']),
  ];
  return smallProgram({ imports, exports: ['mountinfo', 'root directory'] }, (program) => {
    const slot = (name: string) => imports.indexOf(name);
    const flags = O.CLOEXEC;
    if (user !== undefined) program.op('setns', { a: slot('user namespace'), f1: CLONE.NEWUSER });
    program.op('setns', { a: slot('namespace'), f1: CLONE.NEWNS });
    if (root !== undefined) {
      program.op('fchdir', { a: slot('root') });
      program.op('chroot', { s1: '.' });
    }
    const table = { a: slot('/proc'), s1: 'thread-self/mountinfo', f1: flags, f3: PROC_RESOLVE };
    program.op('openat2', { ...table, out: imports.length });
    program.op('openat2', { s1: '/', f1: flags | O.PATH | O.DIRECTORY, out: imports.length + 1 });
  });
}

/** The tree of a mount namespace. */
export function* captureNamespace(procfs: Procfs, namespace: Fd, from: CaptureFrom = {}): Pausing<MountTree> {
  const { user } = from;
  const owners = ownerView(procfs, from.idMap);
  const imports = [user, namespace, procfs.root, from.root].filter((fd) => fd !== undefined);
  const place = user === undefined ? undefined : CHILD;
  const made = runSmall(reading(from), imports, 'capture of a mount namespace', place);
  using mountinfo = made[0] as OwnedFd;
  using root = made[1] as OwnedFd;
  const entrance = { root, namespace, user, owners };
  return yield* captureTable(mountinfo, { namespace, root, whole: true }, entrance, true);
}

/** The tree of an open mountinfo file and of the root directory that it was read under; `namespace` tells more of it. */
export function readTree(mountinfo: Fd, root: Fd, owners: OwnerView, namespace?: Fd): Pausing<MountTree> {
  return captureTable(mountinfo, { namespace: namespace ?? UNKNOWN, root }, { root, owners }, false);
}
