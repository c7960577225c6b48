/** Names and bits of the kernel's flags (linux/mount.h, linux/fcntl.h, linux/openat2.h, linux/sched.h). */

type FlagTable = { readonly [name: string]: number };

export const MOUNT_ATTR = {
  RDONLY: 0x1,
  NOSUID: 0x2,
  NODEV: 0x4,
  NOEXEC: 0x8,
  NOATIME: 0x10,
  STRICTATIME: 0x20,
  NODIRATIME: 0x80,
  IDMAP: 0x100000,
  NOSYMFOLLOW: 0x200000,
} as const;

/** The bits of which one atime mode is chosen; RELATIME is none of them. */
export const MOUNT_ATTR_ATIME = 0x70;

/** Every attribute that a mount can be given besides its idmap. */
export const MOUNT_ATTR_ALL =
  MOUNT_ATTR.RDONLY |
  MOUNT_ATTR.NOSUID |
  MOUNT_ATTR.NODEV |
  MOUNT_ATTR.NOEXEC |
  MOUNT_ATTR_ATIME |
  MOUNT_ATTR.NODIRATIME |
  MOUNT_ATTR.NOSYMFOLLOW;

export const MS = {
  RDONLY: 0x1,
  NOSUID: 0x2,
  NODEV: 0x4,
  NOEXEC: 0x8,
  SYNCHRONOUS: 0x10,
  REMOUNT: 0x20,
  MANDLOCK: 0x40,
  DIRSYNC: 0x80,
  NOSYMFOLLOW: 0x100,
  NOATIME: 0x400,
  NODIRATIME: 0x800,
  BIND: 0x1000,
  MOVE: 0x2000,
  REC: 0x4000,
  SILENT: 0x8000,
  POSIXACL: 0x10000,
  UNBINDABLE: 0x20000,
  PRIVATE: 0x40000,
  SLAVE: 0x80000,
  SHARED: 0x100000,
  RELATIME: 0x200000,
  STRICTATIME: 0x1000000,
  LAZYTIME: 0x2000000,
} as const;

export const MNT = { FORCE: 0x1, DETACH: 0x2, EXPIRE: 0x4, UMOUNT_NOFOLLOW: 0x8 } as const;

export const AT = {
  SYMLINK_NOFOLLOW: 0x100,
  REMOVEDIR: 0x200,
  NO_AUTOMOUNT: 0x800,
  EMPTY_PATH: 0x1000,
  RECURSIVE: 0x8000,
} as const;
export const AT_FDCWD = -100;

export const OPEN_TREE = { CLONE: 0x1, CLOEXEC: 0x80000 } as const;

export const MOVE_MOUNT = {
  F_SYMLINKS: 0x1,
  F_AUTOMOUNTS: 0x2,
  F_EMPTY_PATH: 0x4,
  T_SYMLINKS: 0x10,
  T_AUTOMOUNTS: 0x20,
  T_EMPTY_PATH: 0x40,
  SET_GROUP: 0x100,
  BENEATH: 0x200,
} as const;

export const FSOPEN_CLOEXEC = 0x1;
export const FSMOUNT_CLOEXEC = 0x1;
export const FSPICK = { CLOEXEC: 0x1, SYMLINK_NOFOLLOW: 0x2, NO_AUTOMOUNT: 0x4, EMPTY_PATH: 0x8 } as const;

export const FSCONFIG = {
  SET_FLAG: 0,
  SET_STRING: 1,
  SET_BINARY: 2,
  SET_PATH: 3,
  SET_PATH_EMPTY: 4,
  SET_FD: 5,
  CMD_CREATE: 6,
  CMD_RECONFIGURE: 7,
  CMD_CREATE_EXCL: 8,
} as const;

export const O = {
  WRONLY: 0x1,
  RDWR: 0x2,
  CREAT: 0x40,
  EXCL: 0x80,
  NONBLOCK: 0x800,
  DIRECTORY: 0x10000,
  NOFOLLOW: 0x20000,
  CLOEXEC: 0x80000,
  PATH: 0x200000,
} as const;

export const RESOLVE = {
  NO_XDEV: 0x1,
  NO_MAGICLINKS: 0x2,
  NO_SYMLINKS: 0x4,
  BENEATH: 0x8,
  IN_ROOT: 0x10,
} as const;

export const CLONE = {
  FS: 0x200,
  NEWNS: 0x20000,
  NEWCGROUP: 0x2000000,
  NEWUTS: 0x4000000,
  NEWIPC: 0x8000000,
  NEWUSER: 0x10000000,
  NEWPID: 0x20000000,
  NEWNET: 0x40000000,
} as const;

export const RENAME = { NOREPLACE: 0x1, EXCHANGE: 0x2 } as const;

export const S_IFMT = 0o170000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFCHR = 0o020000;
export const S_IFLNK = 0o120000;
export const S_IFIFO = 0o010000;
export const S_IFBLK = 0o060000;
export const S_IFSOCK = 0o140000;

/** The words of mountinfo's per-mount options and their attribute bits; strictatime prints no word. */
const ATTRIBUTE_WORDS: readonly (readonly [string, number])[] = [
  ['nosuid', MOUNT_ATTR.NOSUID],
  ['nodev', MOUNT_ATTR.NODEV],
  ['noexec', MOUNT_ATTR.NOEXEC],
  ['noatime', MOUNT_ATTR.NOATIME],
  ['nodiratime', MOUNT_ATTR.NODIRATIME],
  ['nosymfollow', MOUNT_ATTR.NOSYMFOLLOW],
  ['idmapped', MOUNT_ATTR.IDMAP],
];
const BIT_OF_WORD = new Map<string, number>([['ro', MOUNT_ATTR.RDONLY], ...ATTRIBUTE_WORDS]);

/** The MOUNT_ATTR bits that per-mount option words stand for; words of no known attribute are passed over. */
export function attributesOf(options: readonly string[]): number {
  let bits = 0;
  let relatime = false;
  for (const word of options) {
    bits |= BIT_OF_WORD.get(word) ?? 0;
    relatime ||= word === 'relatime';
  }
  if (!relatime && !(bits & MOUNT_ATTR.NOATIME)) bits |= MOUNT_ATTR.STRICTATIME;
  return bits;
}

/** The words that mountinfo prints for attribute bits (fs/proc_namespace.c, show_mnt_opts). */
export function attributeWords(bits: number): string[] {
  const words = [bits & MOUNT_ATTR.RDONLY ? 'ro' : 'rw'];
  for (const [word, bit] of ATTRIBUTE_WORDS) {
    if (bits & bit) words.push(word);
    if (word === 'nodiratime' && (bits & MOUNT_ATTR_ATIME) === 0) words.push('relatime');
  }
  return words;
}

/** `A|B|0x400`: the names of the bits that are set, what has no name in hex; `0` for none. */
export function formatFlags(value: number | bigint, table: FlagTable, prefix = ''): string {
  let rest = BigInt(value);
  const names: string[] = [];
  for (const [name, bit] of Object.entries(table)) {
    const big = BigInt(bit);
    if (big !== 0n && (rest & big) === big) {
      names.push(prefix + name);
      rest &= ~big;
    }
  }
  if (rest !== 0n) names.push(`0x${rest.toString(16)}`);
  return names.length === 0 ? '0' : names.join('|');
}
