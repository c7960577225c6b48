/**
 * The byte format of a program: what TypeScript writes and `native/program` reads.
 *
 * A program is a 32-byte header, `opCount` main ops, `undoCount` undo ops, and a block of NUL-terminated
 * strings. All integers are little-endian; a string is an offset into the block, {@link NO_STRING} stands for
 * NULL. An fd argument is a slot number; {@link NO_SLOT} stands for AT_FDCWD, or for "none" where the call has
 * no directory. Slots `[0, importCount)` hold fds of the caller, which the program never closes; the next
 * `exportCount` slots are handed back when the program succeeds; all others are closed when it ends.
 *
 * `native/program/format.h` states the same; a test compares the two.
 */

export const MAGIC = 0x4452594d; // "MYRD"
export const FORMAT_VERSION = 1;
export const HEADER_SIZE = 32;
export const OP_SIZE = 64;
export const NO_SLOT = -1;
export const NO_STRING = 0xffffffff;

/** Byte offsets in the header. */
export const HEADER = {
  magic: 0, // u32
  version: 4, // u16
  opSize: 6, // u16
  opCount: 8, // u32
  undoCount: 12, // u32
  slotCount: 16, // u32
  importCount: 20, // u32
  exportCount: 24, // u32
  stringBytes: 28, // u32
} as const;

/**
 * Byte offsets in an op. `tolerate` is an errno that counts as success (0: none). `retries` bounds how often
 * EAGAIN and EINTR are tried again. In an undo op `guard` is the index of the main op that it takes back: it
 * runs only when that op succeeded without needing its `tolerate`; main ops hold 0.
 */
export const OP = {
  code: 0, // u16
  tolerate: 2, // u16
  retries: 4, // u8
  a: 8, // i32 slot
  b: 12, // i32 slot
  out: 16, // i32 slot
  guard: 20, // u32
  s1: 24, // u32 string
  s2: 28, // u32 string
  s3: 32, // u32 string
  n: 36, // u32
  f1: 40, // u64
  f2: 48, // u64
  f3: 56, // u64
} as const;

/** Op codes. The comment after each says where its arguments are. */
export const OPCODE = {
  mount: 1, // s1 source, s2 target, s3 type, n data (a string), f1 flags
  umount2: 2, // s1 target, f1 flags
  open_tree: 3, // a dirfd, s1 path, n flags → out
  open_tree_attr: 4, // a dirfd, s1 path, n flags, b userns, f1 set, f2 clear, f3 propagation → out
  move_mount: 5, // a from, s1 path, b to, s2 path, n flags
  mount_setattr: 6, // a dirfd, s1 path, n flags, b userns, f1 set, f2 clear, f3 propagation
  fsopen: 7, // s1 type, n flags → out
  fsconfig: 8, // a fs, n command, s1 key, s2 value, b fd of the value (f1 when none)
  fsmount: 9, // a fs, n flags, f1 attributes → out
  fspick: 10, // a dirfd, s1 path, n flags → out
  openat2: 11, // a dirfd, s1 path, f1 flags, f2 mode, f3 resolve → out
  mkdirat: 12, // a dirfd, s1 path, f1 mode
  mknodat: 13, // a dirfd, s1 path, f1 mode, f2 device
  symlinkat: 14, // s1 target, a dirfd, s2 path
  unlinkat: 15, // a dirfd, s1 path, n flags
  renameat2: 16, // a dirfd, s1 path, b dirfd, s2 path, n flags
  pivot_root: 17, // s1 new root, s2 where the old one goes
  setns: 18, // a namespace, f1 type
  unshare: 19, // f1 flags
  fchdir: 20, // a directory
  chroot: 21, // s1 path
  close: 22, // a slot, not an imported one
  check: 23, // a fd, f1 file type (S_IFMT part of st_mode), f2 st_dev, f3 st_ino; ESTALE when it differs
  fchmodat: 24, // a dirfd, s1 path, f1 mode, n flags
  fchownat: 25, // a dirfd, s1 path, f1 owner, f2 group, n flags
  linkat: 26, // a dirfd, s1 path, b dirfd, s2 path, n flags
} as const;

export type OpName = keyof typeof OPCODE;
