/*
 * Builds one of the benchmarks' trees by hand, with the fewest calls that its author knows, and prints how many
 * nanoseconds that took, by the clock and of the processor: floor SHAPE MOUNTS [clones|paths] [hold]
 *
 *   clones  what repeats itself comes by recursive clones
 *   paths   mount(2) by path, in place of open_tree(2), fsmount(2) and move_mount(2)
 *   hold    stays, with the tree as its root, until standard input closes
 *
 * bench/trees.mjs describes the same trees as mountinfo.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Not <sys/mount.h>: in glibc 2.36 the two clash. */
#include <linux/mount.h>

#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif

enum { MNT_DETACH_FLAG = 2, DIRECTORIES = 64, BLOCK = 10, COPY = 100 };

static const char *shape, *variant = "";

static int must(long value, const char *call) {
  if (value >= 0) return (int)value;
  fprintf(stderr, "floor %s: %s: %s\n", shape, call, strerror(errno));
  exit(1);
}

/* "prefix" and a number, in one buffer: each name is used up before the next is made. */
static const char *name(const char *prefix, int number) {
  static char text[32];
  snprintf(text, sizeof text, "%s%d", prefix, number);
  return text;
}

static void make_directory(int at, const char *path) { must(mkdirat(at, path, 0755), "mkdirat"); }

static void set(int fd, struct mount_attr attributes) {
  must(syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attributes, sizeof attributes), "mount_setattr");
}

static int filesystem(const char *source, unsigned attributes) {
  int context = must(syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC), "fsopen");
  must(syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "source", source, 0), "fsconfig source");
  must(syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0), "fsconfig create");
  int fd = must(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes), "fsmount");
  close(context);
  return fd;
}

static int clone_of(int at, const char *path, unsigned more) {
  return must(syscall(SYS_open_tree, at, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | more),
              "open_tree");
}

/* Since Linux 6.15 a clone is made with its attributes; before that they take a call of their own. */
static int clone_with(int at, const char *path, struct mount_attr attributes) {
  long fd = syscall(SYS_open_tree_attr, at, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH, &attributes,
                    sizeof attributes);
  if (fd >= 0 || errno != ENOSYS) return must(fd, "open_tree_attr");
  fd = clone_of(at, path, 0);
  set((int)fd, attributes);
  return (int)fd;
}

static int clone_read_only(int at, const char *path) {
  return clone_with(at, path, (struct mount_attr){.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID});
}

static void move_to(int fd, int at, const char *path) {
  unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (*path ? 0 : MOVE_MOUNT_T_EMPTY_PATH);
  must(syscall(SYS_move_mount, fd, "", at, path, flags), "move_mount");
}

static void place(int fd, int at, const char *path) {
  move_to(fd, at, path);
  close(fd);
}

/* The new root covers the old one, which then goes. */
static void cover_root(int root) {
  must(unshare(CLONE_NEWNS), "unshare");
  must(syscall(SYS_mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount private");
  move_to(root, AT_FDCWD, "/");
  must(fchdir(root), "fchdir");
}

static void become_root(void) {
  must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  must(syscall(SYS_umount2, ".", MNT_DETACH_FLAG), "umount2");
}

/* A filesystem with directories d0, d1, … whose binds make up most trees. */
static int make_disk(void) {
  int disk = filesystem("disk", 0);
  for (int i = 0; i < DIRECTORIES; i++) make_directory(disk, name("d", i));
  return disk;
}

static void place_disk(int disk, int root) {
  make_directory(root, "all");
  place(disk, root, "all");
}

static void binds(int root, int mounts) {
  int disk = make_disk();
  for (int i = 0; i < mounts - 1; i++) {
    make_directory(root, name("m", i));
    int fd = clone_of(disk, name("d", i % DIRECTORIES), 0);
    place(fd, root, name("m", i));
  }
  place_disk(disk, root);
}

static void tmpfs(int root, int mounts) {
  for (int i = 0; i < mounts; i++) {
    make_directory(root, name("m", i));
    place(filesystem("t", 0), root, name("m", i));
  }
}

/* Ten mounts: a shared tmpfs with two mounts in it, a peer, a slave, a shared slave, and four binds. */
static void mix_block(int root, int disk, int i) {
  int group = filesystem("t", 0);
  make_directory(group, "x");
  make_directory(group, "y");
  place(clone_read_only(disk, "d1"), group, "x");
  place(filesystem("t", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV), group, "y");
  set(group, (struct mount_attr){.propagation = MS_SHARED});
  int peer = clone_of(group, "", 0); /* of a shared mount: in its group */
  int slave = clone_with(group, "", (struct mount_attr){.propagation = MS_SLAVE});
  int both = clone_with(group, "", (struct mount_attr){.propagation = MS_SLAVE});
  set(both, (struct mount_attr){.propagation = MS_SHARED});
  const struct { const char *at; int fd; } members[] = {{"g", group}, {"p", peer}, {"s", slave}, {"q", both}};
  for (int m = 0; m < 4; m++) {
    make_directory(root, name(members[m].at, i));
    place(members[m].fd, root, name(members[m].at, i));
  }
  for (int m = 4 * i; m < 4 * i + 4; m++) {
    make_directory(root, name("m", m));
    int fd = m % 2 ? clone_read_only(disk, name("d", m % DIRECTORIES)) : clone_of(disk, name("d", m % DIRECTORIES), 0);
    place(fd, root, name("m", m));
  }
}

static void mix(int root, int mounts) {
  int disk = make_disk();
  for (int i = 0; i < mounts / BLOCK; i++) mix_block(root, disk, i);
  place_disk(disk, root);
}

/* Two filesystems in turn, each mount on the one before. */
static void stack(int root, int mounts) {
  int layers[2] = {filesystem("even", 0), filesystem("odd", 0)};
  make_directory(root, "s");
  int below = root;
  for (int i = 0; i < mounts; i++) {
    int fd = clone_of(layers[i % 2], "", 0);
    move_to(fd, below, below == root ? "s" : "");
    if (below != root) close(below);
    below = fd;
  }
  close(below);
  close(layers[0]);
  close(layers[1]);
}

/* A bind of the disk with 99 binds in it, every other one read-only. */
static int one_copy(int disk) {
  int top = clone_of(disk, "", 0);
  for (int i = 0; i < COPY - 1; i++) {
    int fd = i % 2 ? clone_read_only(disk, name("e", i)) : clone_of(disk, name("e", i), 0);
    place(fd, top, name("f", i));
  }
  return top;
}

static void repeats(int root, int mounts) {
  int disk = filesystem("disk", 0);
  for (int i = 0; i < COPY - 1; i++) {
    make_directory(disk, name("e", i));
    make_directory(disk, name("f", i));
  }
  bool clones = strcmp(variant, "clones") == 0;
  int first = one_copy(disk);
  for (int i = 1; i < mounts / COPY; i++) {
    int copy = clones ? clone_of(first, "", AT_RECURSIVE) : one_copy(disk);
    make_directory(root, name("c", i));
    place(copy, root, name("c", i));
  }
  make_directory(root, "c0");
  place(first, root, "c0");
  close(disk);
}

static void mount_path(const char *source, const char *target, const char *type, unsigned long flags) {
  must(syscall(SYS_mount, source, target, type, flags, NULL), "mount");
}

static void binds_by_path(int mounts) {
  make_directory(AT_FDCWD, "all");
  mount_path("disk", "all", "tmpfs", 0);
  for (int i = 0; i < DIRECTORIES; i++) make_directory(AT_FDCWD, name("all/d", i));
  for (int i = 0; i < mounts - 1; i++) {
    char source[32];
    strcpy(source, name("all/d", i % DIRECTORIES));
    make_directory(AT_FDCWD, name("m", i));
    mount_path(source, name("m", i), NULL, MS_BIND);
  }
}

static void tmpfs_by_path(int mounts) {
  for (int i = 0; i < mounts; i++) {
    make_directory(AT_FDCWD, name("m", i));
    mount_path("t", name("m", i), "tmpfs", 0);
  }
}

static const struct {
  const char *name;
  void (*build)(int root, int mounts);
  void (*by_path)(int mounts);
} shapes[] = {
    {"binds", binds, binds_by_path}, {"tmpfs", tmpfs, tmpfs_by_path}, {"mix", mix, NULL},
    {"stack", stack, NULL},          {"repeats", repeats, NULL},
};

static bool build(int mounts) {
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    if (strcmp(shapes[i].name, shape) != 0) continue;
    bool by_path = strcmp(variant, "paths") == 0;
    if (by_path && !shapes[i].by_path) return false;
    int root = filesystem("root", 0);
    if (by_path) {
      cover_root(root);
      shapes[i].by_path(mounts);
    } else {
      shapes[i].build(root, mounts);
      cover_root(root);
    }
    become_root();
    return true;
  }
  return false;
}

static int64_t now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int main(int count, char **arguments) {
  if (count < 3) {
    fprintf(stderr, "usage: floor SHAPE MOUNTS [clones|paths] [hold]\n");
    return 2;
  }
  shape = arguments[1];
  bool hold = strcmp(arguments[count - 1], "hold") == 0;
  if (count > 3 + hold) variant = arguments[3];
  umask(0);
  int64_t start = now(CLOCK_MONOTONIC), cpu_start = now(CLOCK_PROCESS_CPUTIME_ID);
  bool known = build(atoi(arguments[2]));
  int64_t end = now(CLOCK_MONOTONIC), cpu_end = now(CLOCK_PROCESS_CPUTIME_ID);
  if (!known) {
    fprintf(stderr, "floor: no shape %s %s\n", shape, variant);
    return 2;
  }
  printf("%lld %lld\n", (long long)(end - start), (long long)(cpu_end - cpu_start));
  fflush(stdout);
  char byte;
  while (hold && read(STDIN_FILENO, &byte, 1) > 0) continue;
  return 0;
}
