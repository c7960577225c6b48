import { CLONE, FSCONFIG, FSMOUNT_CLOEXEC, FSOPEN_CLOEXEC, MNT, MOVE_MOUNT, MS, O } from '../../flags.ts';
import type { IdMap } from '../../model/mount.ts';
import type { OwnedFd } from '../calls/fd.ts';
import { statFd } from '../calls/lookup.ts';
import type { RunPlace } from '../calls/native.ts';
import { Procfs } from '../calls/procfs.ts';
import { runSmall, type SmallProgram, smallProgram } from '../calls/small-program.ts';
import { NamespaceKeeper, type NewNamespaces } from './keeper.ts';
import { mapOf, needsKeeper, placeFor } from './userns.ts';

/** A new mount namespace and what holds those around it. */
interface Created {
  readonly fd: OwnedFd;
  readonly root?: OwnedFd | undefined;
  readonly user?: OwnedFd | undefined;
  readonly idMap?: IdMap | undefined;
  readonly keeper?: NamespaceKeeper | undefined;
}

/** Makes a mount namespace: a private copy of the caller's, or one with an empty tmpfs for its root. */
export function createNamespace(from: 'copy' | 'empty', wanted: NewNamespaces): Created {
  using procfs = Procfs.open();
  const keeper = needsKeeper(procfs, wanted) ? NamespaceKeeper.start(procfs, wanted) : undefined;
  const place = keeper?.place ?? placeFor(wanted.userNamespace);
  try {
    const made = runSmall(creation(from, place), [procfs.root], 'a new mount namespace', place);
    const [fd, user, own, top] = made as [OwnedFd, OwnedFd, OwnedFd, OwnedFd];
    const root = from === 'copy' && livesBelow(own, top) ? own : undefined;
    for (const spare of root ? [top] : [own, top]) spare.close();
    if (!keeper && wanted.userNamespace !== undefined) {
      return { fd, root, user, idMap: mapOf(wanted.userNamespace) };
    }
    user.close();
    return { fd, root, keeper };
  } catch (error) {
    keeper?.close();
    throw error;
  }
}

/** Whether the caller's root directory is another than that of the namespace: it lives in a chroot. */
function livesBelow(own: OwnedFd, top: OwnedFd): boolean {
  const [here, there] = [statFd(own.number), statFd(top.number)];
  return here?.mountId !== there?.mountId || here?.inode !== there?.inode;
}

function creation(from: 'copy' | 'empty', place: RunPlace): SmallProgram {
  const exports = ['namespace', 'user namespace', 'own root', 'root'];
  const slots = { imports: ['/proc'], exports, others: ['context', 'tmpfs'] };
  const [proc, namespace, user, own, top, context, tmpfs] = [0, 1, 2, 3, 4, 5, 6];
  const root = { s1: '/', f1: O.CLOEXEC | O.PATH | O.DIRECTORY };
  return smallProgram(slots, (program) => {
    if (place.kind === 'thread' || place.unshare === 0) program.op('unshare', { f1: CLONE.NEWNS });
    program.op('openat2', { ...root, out: own });
    program.op('openat2', { a: proc, s1: 'thread-self/ns/mnt', f1: O.CLOEXEC, out: namespace });
    program.op('openat2', { a: proc, s1: 'thread-self/ns/user', f1: O.CLOEXEC, out: user });
    // From a chroot to the top of the namespace, because all of it is meant.
    program.op('setns', { a: namespace, f1: CLONE.NEWNS });
    program.op('openat2', { ...root, out: top });
    program.op('mount', { s2: '/', f1: MS.REC | MS.PRIVATE });
    if (from === 'copy') return;
    program.op('fsopen', { s1: 'tmpfs', n: FSOPEN_CLOEXEC, out: context });
    program.op('fsconfig', { a: context, n: FSCONFIG.SET_STRING, s1: 'mode', s2: '755' });
    program.op('fsconfig', { a: context, n: FSCONFIG.CMD_CREATE });
    program.op('fsmount', { a: context, n: FSMOUNT_CLOEXEC, out: tmpfs });
    program.op('move_mount', { a: tmpfs, s1: '', s2: '/', n: MOVE_MOUNT.F_EMPTY_PATH });
    program.op('fchdir', { a: tmpfs });
    program.op('pivot_root', { s1: '.', s2: '.' });
    program.op('umount2', { s1: '.', f1: MNT.DETACH });
  });
}
