import { isAbsolute } from 'node:path';
import { MountError, UndoError } from '../../errors.ts';
import { AT_FDCWD, CLONE, MS, O, S_IFREG } from '../../flags.ts';
import type { PathString } from '../../model/mount.ts';
import { callString, checked, quote } from '../calls/arguments.ts';
import { errnoName } from '../calls/errno.ts';
import { undoneByExit } from '../calls/exit.ts';
import { failureOf } from '../calls/failure.ts';
import type { OwnedFd } from '../calls/fd.ts';
import { native, type RunPlace } from '../calls/native.ts';
import { Procfs } from '../calls/procfs.ts';
import {
  runSmall,
  runSmallAsync,
  runSmallRaw,
  type SmallProgram,
  smallProgram,
} from '../calls/small-program.ts';
import { openat2 } from '../calls/tree.ts';
import { captureTree } from '../capture/capture.ts';
import { CHILD } from '../capture/clones.ts';
import { isMountNamespace } from './userns.ts';

/** How a pin came about. */
export interface PinReport {
  readonly path: PathString;
  /** A copy of the namespace is pinned, and held from now on in place of the first. */
  readonly copied: boolean;
}

const ROUNDS = 4;
/** Linux 6.18 hands ids of namespaces out in batches of so many, a batch to a CPU. */
const BATCH = 4096;

/** A copy whose id is of a new batch, and so above all that were handed out: the old one is used up first. */
function copyProgram(user: OwnedFd | undefined, root: OwnedFd | undefined): SmallProgram {
  const imports = ['namespace', '/proc', ...(user ? ['user namespace'] : []), ...(root ? ['root'] : [])];
  const copy = imports.length;
  const exports = root ? ['copy', 'root of the copy'] : ['copy'];
  return smallProgram({ imports, exports }, (program) => {
    // A copy belongs to the user namespace that it is made in; in another one, peers in it would become slaves.
    if (user) program.op('setns', { a: 2, f1: CLONE.NEWUSER });
    for (let used = 0; used < BATCH; used += 1) program.op('unshare', { f1: CLONE.NEWUTS }); // the cheapest one
    program.op('setns', { a: 0, f1: CLONE.NEWNS });
    if (root) {
      // Who makes a copy stands in it where it stood before (copy_mnt_ns in fs/namespace.c): so the root is found again.
      program.op('fchdir', { a: copy - 1 });
      program.op('chroot', { s1: '.' });
    }
    program.op('unshare', { f1: CLONE.NEWNS });
    if (root) program.op('openat2', { s1: '/', f1: O.CLOEXEC | O.PATH | O.DIRECTORY, out: copy + 1 });
    program.op('openat2', { a: 1, s1: 'thread-self/ns/mnt', f1: O.CLOEXEC, out: copy });
  });
}

/**
 * Binds a namespace file onto `path`. Linux permits it only for a namespace with a higher id than the caller's, and
 * ids do not rise from one CPU to another: so on EINVAL a copy with a higher id takes the namespace's place.
 */
export async function pinNamespace(...wanted: Wanted): Promise<Pinned> {
  const steps = pinning(...wanted);
  let step = steps.next();
  while (!step.done) {
    const { program, imports, subject, place } = step.value;
    try {
      step = steps.next(await runSmallAsync(program, imports, subject, place));
    } catch (error) {
      step = steps.throw(error);
    }
  }
  return step.value;
}

/** {@link pinNamespace}, joined. */
export function pinNamespaceSync(...wanted: Wanted): Pinned {
  const steps = pinning(...wanted);
  let step = steps.next();
  while (!step.done) {
    const { program, imports, subject, place } = step.value;
    try {
      step = steps.next(runSmall(program, imports, subject, place));
    } catch (error) {
      step = steps.throw(error);
    }
  }
  return step.value;
}

/** How it went, and the copy that is to be held in place of the first. */
export interface Pinned {
  readonly report: PinReport;
  readonly copy?: NamespaceCopy;
}

/** A copy of a namespace, and in it the directory that commands get as their root. */
export interface NamespaceCopy {
  readonly fd: OwnedFd;
  readonly root: OwnedFd | undefined;
}

/** The namespace that is pinned. */
export interface PinnedFds {
  readonly fd: OwnedFd;
  /** The user namespace that owns it, where that is not the caller's. */
  readonly user?: OwnedFd | undefined;
  /** The directory that commands get as their root, where that is not the namespace's own. */
  readonly root?: OwnedFd | undefined;
}

/** A program that makes a copy, which takes a while. */
interface Copying {
  readonly program: SmallProgram;
  readonly imports: readonly OwnedFd[];
  readonly subject: string;
  readonly place: RunPlace | undefined;
}

type Wanted = readonly [namespace: PinnedFds, path: PathString];

function* pinning(...[namespace, wanted]: Wanted): Generator<Copying, Pinned, OwnedFd[]> {
  const path = absolute(wanted);
  const made = makeFile(path);
  const removeFile = () =>
    made && native.sys.unlinkat(AT_FDCWD, callString(path), 0) < 0
      ? [`${path}, which was made for the pin`]
      : [];
  using _exit = undoneByExit({ giveUp: removeFile });
  try {
    const refused = tryPin(namespace.fd, path);
    if (!refused) return { report: { path, copied: false } };
    if (refused.code !== 'EINVAL') throw refused;
    return { report: { path, copied: true }, copy: yield* pinCopy(namespace, path, refused) };
  } catch (error) {
    const left = removeFile();
    if (left.length === 0 || !(error instanceof Error)) throw error;
    throw new UndoError(error, left);
  }
}

/** As it is now: the working directory may be another when the pin is made. */
export function absolute(path: PathString): PathString {
  return path === '' || isAbsolute(path) ? path : `${process.cwd()}/${path}`;
}

function* pinCopy(
  { fd, user, root }: PinnedFds,
  path: PathString,
  refused: MountError,
): Generator<Copying, NamespaceCopy, OwnedFd[]> {
  // A copy loses `unbindable` (seen on Linux 6.18): then it would be another tree.
  if (captureTree({ fd }).mounts.some((mount) => mount.propagation.unbindable)) {
    throw pinError(refused, 'a copy with a higher id would lose the unbindable mounts of the tree');
  }
  using procfs = Procfs.open();
  const program = copyProgram(user, root);
  const imports = [fd, procfs.root, ...(user ? [user] : []), ...(root ? [root] : [])];
  const place = user && CHILD;
  for (let round = 0; round < ROUNDS; round += 1) {
    const made = yield { program, imports, subject: `pin(${quote(path)})`, place };
    if (isPinned(made, path)) return { fd: made[0] as OwnedFd, root: made[1] };
  }
  throw pinError(refused, `none of ${ROUNDS} copies got a higher id`);
}

/** Pins a copy, or closes it: the thread that made it may have moved to another CPU on the way. @throws {MountError} */
function isPinned(made: readonly OwnedFd[], path: PathString): boolean {
  let pinned = false;
  try {
    const refused = tryPin(made[0] as OwnedFd, path);
    if (refused && refused.code !== 'EINVAL') throw refused;
    pinned = !refused;
    return pinned;
  } finally {
    if (!pinned) for (const fd of made) fd.close();
  }
}

/** The mount's refusal; nothing when it is pinned. The link that stands for the namespace is one of a checked /proc. */
function tryPin(namespace: OwnedFd, path: PathString): MountError | undefined {
  using procfs = Procfs.open();
  using fds = procfs.open('thread-self/fd', ['PATH', 'DIRECTORY']);
  const bind = smallProgram({ imports: ['/proc/thread-self/fd'] }, (builder) => {
    builder.op('fchdir', { a: 0 });
    builder.op('mount', { s1: String(namespace.number), s2: path, f1: MS.BIND });
  });
  const result = runSmallRaw(bind, [fds]);
  if (result.status === 'done') return undefined;
  const purpose = { subject: `pin(${quote(path)})`, path: namespace.name, dest: path };
  const error = failureOf(bind.program, result, () => purpose);
  if (error instanceof MountError) return error;
  throw error;
}

function pinError(refused: MountError, why: string): MountError {
  const { code, errno, syscall, call, path, dest } = refused;
  const hint = `Linux pins a mount namespace only when its id is higher than the caller's, and ${why}. Keep it by an open fd instead (--hold).`;
  return new MountError({ code, errno, syscall, call, path, dest, subject: `pin(${quote(dest)})`, hint });
}

/** Makes the file to bind onto; whether it was made now. @throws {MountError} */
function makeFile(path: PathString): boolean {
  const answer = native.sys.mknodat(AT_FDCWD, callString(path), S_IFREG | 0o444, 0n);
  if (answer < 0 && errnoName(-answer) === 'EEXIST') return false;
  checked(
    answer,
    () => ({ syscall: 'mknodat', arguments: ['AT_FDCWD', quote(path), 'S_IFREG|0444', '0'], path }),
    `pin(${quote(path)})`,
  );
  return true;
}

/** Whether a namespace is pinned at a path. @throws {MountError} when it cannot be opened. */
export function isPin(path: PathString): boolean {
  using file = openat2(path); // closed before it is unmounted, or the mount would be in use
  return isMountNamespace(file);
}
