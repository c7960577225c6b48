#pragma once

#include <cstddef>
#include <cstdint>

// <sys/mount.h> of glibc 2.36 redefines what <linux/mount.h> has; this project includes only the latter.
#include <linux/mount.h>

#include "call.h"
#include "uapi.h"

namespace mountyard::sys {

// int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)
inline int mount(const char* source, const char* target, const char* type, uint64_t flags,
                 const char* options) noexcept {
  return int_call(SYS_mount, source, target, type, flags, options);
}

// int umount2(const char *target, int flags)
inline int umount2(const char* target, uint32_t flags) noexcept { return int_call(SYS_umount2, target, flags); }

// int open_tree(int dirfd, const char *path, unsigned int flags)
inline int open_tree(int dirfd, const char* path, uint32_t flags) noexcept {
  return int_call(SYS_open_tree, dirfd, path, flags);
}

// int open_tree_attr(int dirfd, const char *path, unsigned int flags, struct mount_attr *attr, size_t size)
inline int open_tree_attr(int dirfd, const char* path, uint32_t flags, const mount_attr& attributes) noexcept {
  return int_call(SYS_open_tree_attr, dirfd, path, flags, &attributes, sizeof attributes);
}

// int move_mount(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned int flags)
inline int move_mount(int from_dirfd, const char* from, int to_dirfd, const char* to, uint32_t flags) noexcept {
  return int_call(SYS_move_mount, from_dirfd, from, to_dirfd, to, flags);
}

// int mount_setattr(int dirfd, const char *path, unsigned int flags, struct mount_attr *attr, size_t size)
inline int mount_setattr(int dirfd, const char* path, uint32_t flags, const mount_attr& attributes) noexcept {
  return int_call(SYS_mount_setattr, dirfd, path, flags, &attributes, sizeof attributes);
}

// int fsopen(const char *type, unsigned int flags)
inline int fsopen(const char* type, uint32_t flags) noexcept { return int_call(SYS_fsopen, type, flags); }

// int fsconfig(int fs, unsigned int command, const char *key, const void *value, int aux)
inline int fsconfig(int fs, uint32_t command, const char* key, const char* value, int aux) noexcept {
  return int_call(SYS_fsconfig, fs, command, key, value, aux);
}

// int fsmount(int fs, unsigned int flags, unsigned int attributes)
inline int fsmount(int fs, uint32_t flags, uint32_t attributes) noexcept {
  return int_call(SYS_fsmount, fs, flags, attributes);
}

// int fspick(int dirfd, const char *path, unsigned int flags)
inline int fspick(int dirfd, const char* path, uint32_t flags) noexcept {
  return int_call(SYS_fspick, dirfd, path, flags);
}

// int pivot_root(const char *new_root, const char *put_old)
inline int pivot_root(const char* new_root, const char* put_old) noexcept {
  return int_call(SYS_pivot_root, new_root, put_old);
}

// int statmount(struct mnt_id_req *request, struct statmount *answer, size_t size, unsigned int flags)
inline int statmount(const MountIdRequest& request, void* answer, size_t size) noexcept {
  return int_call(SYS_statmount, &request, answer, size, 0);
}

// ssize_t listmount(struct mnt_id_req *request, u64 *ids, size_t count, unsigned int flags)
inline long listmount(const MountIdRequest& request, uint64_t* ids, size_t count, uint32_t flags) noexcept {
  return call(SYS_listmount, &request, ids, count, flags);
}

}  // namespace mountyard::sys
