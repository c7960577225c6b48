/** What to do next, by the call that was refused and its errno. */

const NEEDS_PRIVILEGE =
  'This needs CAP_SYS_ADMIN over the mount namespace: run as root, or build in a user namespace (--userns). To root, a sandbox (seccomp) may answer so.';
const MISSING_CALL =
  'This kernel lacks the call, or a sandbox (seccomp) hides it; `mountyard doctor` shows which calls work here.';
const MOUNT_LIMIT = 'The mount namespace is full: raise the sysctl fs.mount-max, or restore fewer mounts.';
const NAMESPACE_LIMIT = 'A limit on namespaces is reached: raise the sysctl user.max_mnt_namespaces.';
const PROCESS_LIMIT = 'No process could be started: see RLIMIT_NPROC and the pids cgroup.';
const ATTRIBUTES_LOCKED =
  'ro, nosuid, nodev, noexec and the atime mode that came from a more privileged user namespace cannot be cleared.';
const BIND_REFUSED =
  'The source may be unbindable, lie in another mount namespace, or hold mounts that a user namespace has locked (then bind recursively).';
const MOVE_REFUSED =
  'Only the root of a mount can be moved, not from below a shared mount, not when a user namespace locked it, and nothing unbindable goes below a shared mount.';

/** `call:errno` first, then the errno alone. */
const HINTS: { readonly [key: string]: string } = {
  'mount:EINVAL': `The target must be as the flags need it: the root of a mount for MS_REMOUNT, MS_MOVE and propagation. ${BIND_REFUSED}`,
  'mount:EBUSY': 'The filesystem is mounted there already, or in use in a way that the flags contradict.',
  'mount:ENOSPC': MOUNT_LIMIT,
  'mount:ENODEV':
    'This kernel does not know the filesystem type; /proc/filesystems lists those that it knows.',
  'umount2:EINVAL': 'It is not a mount point here, or a user namespace has locked the mount.',
  'umount2:EBUSY':
    'It is in use: an open file, a working directory, or a mount below it. MNT_DETACH takes it off at once and lets it go when it is free.',
  'open_tree:EINVAL': BIND_REFUSED,
  'open_tree_attr:EINVAL': BIND_REFUSED,
  'open_tree:ENOSPC': NAMESPACE_LIMIT,
  'open_tree_attr:ENOSPC': NAMESPACE_LIMIT,
  'open_tree_attr:EPERM': ATTRIBUTES_LOCKED,
  'fsmount:ENOSPC': NAMESPACE_LIMIT,
  'fsmount:EBUSY': 'One filesystem context makes one mount.',
  'move_mount:EINVAL': MOVE_REFUSED,
  'move_mount:ENOSPC': MOUNT_LIMIT,
  'move_mount:ENOENT':
    'The path is not there, or the root of the mount was deleted: such a mount cannot be placed.',
  'move_mount:ELOOP': 'A mount cannot be moved below itself, and a symlink in the way is not followed.',
  'mount_setattr:EINVAL':
    'The path must be the root of a mount of this namespace, or of a detached tree; an idmap is set only on a detached root.',
  'mount_setattr:EPERM': ATTRIBUTES_LOCKED,
  'fsopen:ENODEV':
    'This kernel does not know the filesystem type; /proc/filesystems lists those that it knows.',
  'fsconfig:EINVAL': 'The filesystem does not take this option or value.',
  'fsconfig:EBUSY': 'The filesystem exists already with other options, or its device is in use.',
  'fsconfig:EPERM':
    'This filesystem needs more privilege than there is here: a pid, network, ipc or cgroup namespace of its own, or the initial user namespace.',
  'pivot_root:EINVAL': 'The new root must be the root of a mount that is not shared, in this namespace.',
  'unshare:ENOSPC':
    'A limit on namespaces is reached: see the sysctls user.max_mnt_namespaces and user.max_user_namespaces.',
  'unshare:EINVAL': 'A process with several threads cannot enter a user namespace.',
  'unshare:EPERM': 'New namespaces are not permitted here; a new user namespace (--userns) may be.',
  'setns:EINVAL':
    'The fd is no namespace of that type; or the thread shares its root and working directory with others (unshare CLONE_FS first).',
  'setns:EPERM': 'This needs CAP_SYS_ADMIN in the namespace, and CAP_SYS_CHROOT here.',
  'spawn:ENOENT':
    'The program that enters namespaces is to lie beside the addon: run "npm rebuild mountyard", or in a checkout "npm run build:native".',
  'spawn:EACCES':
    'The program that enters namespaces is to be executable, on a filesystem that is not mounted noexec.',
  'spawn:EAGAIN': PROCESS_LIMIT,
  'openat2:EINVAL':
    'A process that has ended and is not reaped yet has no mounts to read; or this kernel does not take the flags.',
  'openat2:ENOSYS':
    'Without openat2 neither /proc nor a path below a mount can be opened safely, so nothing can be done here. Linux has it since 5.6; a sandbox (seccomp) may hide it.',
  'openat2:EPERM': 'A sandbox (seccomp) may forbid openat2, without which no path can be opened safely.',
  'fstat:ESTALE': 'The file was replaced between inspection and use; run it again.',
  'thread:EAGAIN':
    'No thread could be started: see RLIMIT_NPROC and the pids cgroup, and RLIMIT_AS, if there is room for its stack.',
  'fork:EAGAIN': PROCESS_LIMIT,
  'uid_map:EPERM': 'Only the own uid can be mapped without privilege; other maps need newuidmap or root.',
  'gid_map:EPERM': 'Only the own gid can be mapped without privilege; other maps need newgidmap or root.',
  EPERM: NEEDS_PRIVILEGE,
  EACCES: 'A directory on the way cannot be searched, or the file may not be opened.',
  ENOSYS: MISSING_CALL,
  ENOENT: 'A component of the path is not there in this mount namespace.',
  ENOTDIR:
    'A directory goes onto a directory and a file onto a file; and only a directory has paths below it.',
  ELOOP: 'A symlink is in the way, and is not followed here.',
  EXDEV: 'Another mount is in the way, or the path leaves the directory that it must stay in.',
  EMFILE: 'Too many open files: raise RLIMIT_NOFILE (ulimit -n).',
  ENFILE: 'Too many open files on this machine: raise the sysctl fs.file-max.',
  ENOSPC:
    'There is no room: the filesystem is full, or one of the sysctls fs.mount-max, user.max_mnt_namespaces and user.max_user_namespaces is reached.',
  EBUSY: 'It is in use by something else: try again when that has ended.',
  EINVAL:
    'The kernel does not take the call with these arguments: something may have changed since inspection, so run it again; `mountyard doctor` shows what works here.',
  EINTR: 'A signal interrupted the call: run it again.',
  ECHILD: 'The process that was to do it ended without a word: it was killed, or there was no memory for it.',
  EROFS: 'The filesystem is read-only: make it writable, or make there beforehand what is missing.',
  EIO: 'What the file lies on failed: a disk, a server, a process. The kernel log (dmesg) may say more.',
  ENOTBLK: 'This filesystem type needs a block device as its source.',
  ENOMEM:
    "Memory is short: the machine's, that of the memory cgroup, or what RLIMIT_AS lets this process have.",
};

/** What the kernel's answer usually means for this call, and what helps; nothing when it is not known. */
export function hintFor(syscall: string, code: string): string | undefined {
  return HINTS[`${syscall}:${code}`] ?? HINTS[code];
}
