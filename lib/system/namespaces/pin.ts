import { resolve } from 'node:path';
import { MountError } from '../../errors.ts';
import { AT_FDCWD, CLONE, MS, O, S_IFREG } from '../../flags.ts';
import { encodeBytes } from '../../model/bytes.ts';
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
import { CHILD } from '../capture/places.ts';
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
function copyProgram(user: OwnedFd | undefined): SmallProgram {
  const imports = ['namespace', '/proc', ...(user ? ['user namespace'] : [])];
  const copy = imports.length;
  return smallProgram({ imports, exports: ['copy'] }, (program) => {
    // A copy belongs to the user namespace that it is made in; in another one, peers in it would become slaves.
    if (user) program.op('setns', { a: 2, f1: CLONE.NEWUSER });
    for (let used = 0; used < BATCH; used += 1) program.op('unshare', { f1: CLONE.NEWUTS }); // the cheapest one
    program.op('setns', { a: 0, f1: CLONE.NEWNS });
    program.op('unshare', { f1: CLONE.NEWNS });
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
      const [copy] = await runSmallAsync(program, imports, subject, place);
      step = steps.next(copy);
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
      const [copy] = runSmall(program, imports, subject, place);
      step = steps.next(copy);
    } catch (error) {
      step = steps.throw(error);
    }
  }
  return step.value;
}

/** How it went, and the copy that is to be held in place of the first. */
export interface Pinned {
  readonly report: PinReport;
  readonly copy?: OwnedFd;
}

/** A program that makes a copy, which takes a while. */
interface Copying {
  readonly program: SmallProgram;
  readonly imports: readonly OwnedFd[];
  readonly subject: string;
  readonly place: RunPlace | undefined;
}

type Wanted = readonly [
  namespace: OwnedFd,
  path: PathString,
  /** The user namespace that owns it, where that is not the caller's. */
  user?: OwnedFd | undefined,
];

function* pinning(...[namespace, path, user]: Wanted): Generator<Copying, Pinned, OwnedFd | undefined> {
  const made = makeFile(path);
  const removeFile = () => made && native.sys.unlinkat(AT_FDCWD, encodeBytes(path), 0) < 0;
  using _exit = undoneByExit({ giveUp: () => (removeFile() ? [`${path}, which was made for the pin`] : []) });
  try {
    const refused = tryPin(namespace, path);
    if (!refused) return { report: { path, copied: false } };
    if (refused.code !== 'EINVAL') throw refused;
    return { report: { path, copied: true }, copy: yield* pinCopy(namespace, path, user, refused) };
  } catch (error) {
    removeFile();
    throw error;
  }
}

function* pinCopy(
  namespace: OwnedFd,
  path: PathString,
  user: OwnedFd | undefined,
  refused: MountError,
): Generator<Copying, OwnedFd, OwnedFd | undefined> {
  // A copy loses `unbindable` (seen on Linux 6.18): then it would be another tree.
  if (captureTree({ fd: namespace }).mounts.some((mount) => mount.propagation.unbindable)) {
    throw pinError(refused, 'a copy with a higher id would lose the unbindable mounts of the tree');
  }
  using procfs = Procfs.open();
  const program = copyProgram(user);
  const imports = [namespace, procfs.root, ...(user ? [user] : [])];
  const place = user && CHILD;
  for (let round = 0; round < ROUNDS; round += 1) {
    const copy = yield { program, imports, subject: `pin(${quote(path)})`, place };
    if (copy && tryPin(copy, path) === undefined) return copy;
    copy?.close(); // the thread moved to another CPU on the way
  }
  throw pinError(refused, `none of ${ROUNDS} copies got a higher id`);
}

/** The mount's refusal; nothing when it is pinned. The link that stands for the namespace is one of a checked /proc. */
function tryPin(namespace: OwnedFd, path: PathString): MountError | undefined {
  using procfs = Procfs.open();
  using fds = procfs.open('thread-self/fd', ['PATH', 'DIRECTORY']);
  const bind = smallProgram({ imports: ['/proc/thread-self/fd'] }, (builder) => {
    builder.op('fchdir', { a: 0 });
    builder.op('mount', { s1: String(namespace.number), s2: resolve(path), f1: MS.BIND });
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
