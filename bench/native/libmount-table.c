/*
 * Parses a mountinfo table with libmount and reads every field of every mount: libmount-table FILE
 *
 * It does so twice, and prints for the second time the mounts, the length of all fields together, and the nanoseconds
 * by the clock and of the processor.
 */
#include <libmount.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

static int64_t now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static size_t length(const char *text) { return text ? strlen(text) : 0; }

static size_t fields(struct libmnt_fs *mount) {
  unsigned long propagation = 0;
  mnt_fs_get_propagation(mount, &propagation);
  dev_t device = mnt_fs_get_devno(mount);
  return (mnt_fs_get_id(mount) > 0) + (mnt_fs_get_parent_id(mount) > 0) + (major(device) > 0) + (minor(device) > 0) +
         (propagation > 0) + length(mnt_fs_get_root(mount)) + length(mnt_fs_get_target(mount)) +
         length(mnt_fs_get_vfs_options(mount)) + length(mnt_fs_get_optional_fields(mount)) +
         length(mnt_fs_get_fstype(mount)) + length(mnt_fs_get_source(mount)) + length(mnt_fs_get_fs_options(mount));
}

static int parse(const char *file, int *mounts, size_t *read) {
  struct libmnt_table *table = mnt_new_table_from_file(file);
  struct libmnt_iter *iterator = mnt_new_iter(MNT_ITER_FORWARD);
  struct libmnt_fs *mount;
  if (!table || !iterator) return -1;
  *mounts = 0;
  *read = 0;
  while (mnt_table_next_fs(table, iterator, &mount) == 0) {
    *read += fields(mount);
    *mounts += 1;
  }
  mnt_free_iter(iterator);
  mnt_unref_table(table);
  return 0;
}

int main(int count, char **arguments) {
  int mounts;
  size_t read;
  if (count != 2) return 2;
  if (parse(arguments[1], &mounts, &read) != 0) return 1;
  int64_t start = now(CLOCK_MONOTONIC), cpu_start = now(CLOCK_PROCESS_CPUTIME_ID);
  parse(arguments[1], &mounts, &read);
  int64_t end = now(CLOCK_MONOTONIC), cpu_end = now(CLOCK_PROCESS_CPUTIME_ID);
  printf("%lld %lld %d %zu\n", (long long)(end - start), (long long)(cpu_end - cpu_start), mounts, read);
  return 0;
}
