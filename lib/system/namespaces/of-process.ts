import { constants } from 'node:os';
import { CLONE, O } from '../../flags.ts';
import { opened } from '../calls/arguments.ts';
import type { OwnedFd } from '../calls/fd.ts';
import { native } from '../calls/native.ts';
import type { Procfs } from '../calls/procfs.ts';
import { runSmall, smallProgram } from '../calls/small-program.ts';

const PIDFD_GET_MNT_NAMESPACE = 0xff03; // _IO(0xFF, 3), linux/pidfd.h

/** The mount namespace of a process. @throws {MountError} ENOENT, EACCES */
export function namespaceOfProcess(procfs: Procfs, pid: number): OwnedFd {
  return procfs.openLink(`${pid}/ns`, 'mnt');
}

/** Before Linux 6.11 a pidfd can only be followed into its namespace. */
const FOLLOW = smallProgram({ imports: ['pidfd', '/proc'], exports: ['mount namespace'] }, (program) => {
  program.op('setns', { a: 0, f1: CLONE.NEWNS });
  program.op('openat2', { a: 1, s1: 'thread-self/ns/mnt', f1: O.CLOEXEC, out: 2 });
});

/** The mount namespace of the process that a pidfd stands for. @throws {MountError} ESRCH when it has ended. */
export function namespaceOfPidfd(procfs: Procfs, pidfd: OwnedFd): OwnedFd {
  const answer = native.sys.ioctl(pidfd.number, PIDFD_GET_MNT_NAMESPACE);
  if (answer === -constants.errno.ENOTTY || answer === -constants.errno.EINVAL) {
    const [followed] = runSmall(FOLLOW, [pidfd, procfs.root], `the mount namespace of ${pidfd}`);
    return followed as OwnedFd;
  }
  return opened(answer, 'mount namespace', () => ({
    syscall: 'ioctl',
    arguments: [pidfd.toString(), 'PIDFD_GET_MNT_NAMESPACE'],
  }));
}
