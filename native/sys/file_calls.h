#pragma once

#include <cstddef>
#include <cstdint>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "call.h"
#include "uapi.h"

namespace mountyard::sys {

// st_dev of a major and minor number. glibc's makedev is a function, which code after fork must not call.
constexpr uint64_t encode_device(uint32_t major, uint32_t minor) noexcept {
  return (uint64_t{major & 0xfffff000U} << 32) | (uint64_t{major & 0xfffU} << 8) |
         (uint64_t{minor & 0xffffff00U} << 12) | (minor & 0xffU);
}

// int openat(int dirfd, const char *path, int flags)
inline int openat(int dirfd, const char* path, int flags) noexcept {
  return int_call(SYS_openat, dirfd, path, flags, 0);
}

// int openat2(int dirfd, const char *path, struct open_how *how, size_t size)
inline int openat2(int dirfd, const char* path, const open_how& how) noexcept {
  return int_call(SYS_openat2, dirfd, path, &how, sizeof how);
}

// int mkdirat(int dirfd, const char *path, mode_t mode)
inline int mkdirat(int dirfd, const char* path, uint32_t mode) noexcept {
  return int_call(SYS_mkdirat, dirfd, path, mode);
}

// int mknodat(int dirfd, const char *path, mode_t mode, dev_t device)
inline int mknodat(int dirfd, const char* path, uint32_t mode, uint64_t device) noexcept {
  // The kernel takes 32 bits: what they cannot hold would become another device.
  if (device > UINT32_MAX) return -EINVAL;
  return int_call(SYS_mknodat, dirfd, path, mode, device);
}

// int symlinkat(const char *target, int dirfd, const char *path)
inline int symlinkat(const char* target, int dirfd, const char* path) noexcept {
  return int_call(SYS_symlinkat, target, dirfd, path);
}

// ssize_t readlinkat(int dirfd, const char *path, char *target, size_t size)
inline long readlinkat(int dirfd, const char* path, char* target, size_t size) noexcept {
  return call(SYS_readlinkat, dirfd, path, target, size);
}

// ssize_t getdents64(int fd, void *entries, size_t size)
inline long getdents64(int fd, void* entries, size_t size) noexcept {
  return call(SYS_getdents64, fd, entries, size);
}

// int fchmodat(int dirfd, const char *path, mode_t mode, int flags). The call without flags is the older one.
inline int fchmodat(int dirfd, const char* path, uint32_t mode, uint32_t flags) noexcept {
  if (flags == 0) return int_call(SYS_fchmodat, dirfd, path, mode);
  return int_call(SYS_fchmodat2, dirfd, path, mode, flags);
}

// int fchownat(int dirfd, const char *path, uid_t owner, gid_t group, int flags)
inline int fchownat(int dirfd, const char* path, uint32_t owner, uint32_t group, uint32_t flags) noexcept {
  return int_call(SYS_fchownat, dirfd, path, owner, group, flags);
}

// int unlinkat(int dirfd, const char *path, int flags)
inline int unlinkat(int dirfd, const char* path, uint32_t flags) noexcept {
  return int_call(SYS_unlinkat, dirfd, path, flags);
}

// int linkat(int from_dirfd, const char *from, int to_dirfd, const char *to, int flags)
inline int linkat(int from_dirfd, const char* from, int to_dirfd, const char* to, uint32_t flags) noexcept {
  return int_call(SYS_linkat, from_dirfd, from, to_dirfd, to, flags);
}

// int renameat2(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned int flags)
inline int renameat2(int from_dirfd, const char* from, int to_dirfd, const char* to, uint32_t flags) noexcept {
  return int_call(SYS_renameat2, from_dirfd, from, to_dirfd, to, flags);
}

// int statx(int dirfd, const char *path, int flags, unsigned int mask, struct statx *answer)
inline int statx(int dirfd, const char* path, uint32_t flags, uint32_t mask, struct ::statx& answer) noexcept {
  return int_call(SYS_statx, dirfd, path, flags, mask, &answer);
}

// int fstatfs(int fd, struct statfs *answer)
inline int fstatfs(int fd, struct ::statfs& answer) noexcept { return int_call(SYS_fstatfs, fd, &answer); }

// ssize_t read(int fd, void *buffer, size_t size)
inline long read(int fd, void* buffer, size_t size) noexcept { return call(SYS_read, fd, buffer, size); }

// ssize_t write(int fd, const void *bytes, size_t size)
inline long write(int fd, const void* bytes, size_t size) noexcept { return call(SYS_write, fd, bytes, size); }

// int ioctl(int fd, unsigned int request, unsigned long argument)
inline int ioctl(int fd, uint32_t request) noexcept { return int_call(SYS_ioctl, fd, request, 0); }

// ioctl_nsfs(2) NS_GET_MNTNS_ID: the 64-bit id of a mount namespace.
inline int namespace_id(int fd, uint64_t& id) noexcept {
  constexpr uint32_t kGetMountNamespaceId = 0x8008b705;  // _IOR(0xb7, 5, __u64)
  return int_call(SYS_ioctl, fd, kGetMountNamespaceId, &id);
}

// ioctl_nsfs(2) NS_MNT_GET_INFO: of a mount namespace its id and how many mounts it has.
inline int namespace_info(int fd, MountNamespaceInfo& info) noexcept {
  constexpr uint32_t kGetMountNamespaceInfo = 0x8010b70a;  // _IOR(0xb7, 10, struct mnt_ns_info)
  return int_call(SYS_ioctl, fd, kGetMountNamespaceInfo, &info);
}

// int close(int fd)
inline int close(int fd) noexcept { return int_call(SYS_close, fd); }

// long getcwd(char *path, size_t size). Unlike the library's, it says `(unreachable)` of what is outside of the root.
inline int getcwd(char* path, size_t size) noexcept { return int_call(SYS_getcwd, path, size); }

// int close_range(unsigned int first, unsigned int last, unsigned int flags)
inline int close_range(uint32_t first, uint32_t last, uint32_t flags) noexcept {
  return int_call(SYS_close_range, first, last, flags);
}

// int memfd_create(const char *name, unsigned int flags)
inline int memfd_create(const char* name, uint32_t flags) noexcept {
  return int_call(SYS_memfd_create, name, flags);
}

}  // namespace mountyard::sys
