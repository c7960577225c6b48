#pragma once

// What the oldest supported headers (Debian 12, Linux 6.1) lack. The kernel's own structs are restated under
// names of this project, so that newer headers do not clash with them.

#include <cstdint>

#include <sys/stat.h>
#include <sys/syscall.h>

// Numbers from 424 on are the same on every architecture.
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_statmount
#define SYS_statmount 457
#endif
#ifndef SYS_listmount
#define SYS_listmount 458
#endif
#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U
#endif

namespace mountyard::sys {

// struct mnt_id_req, as of MNT_ID_REQ_SIZE_VER1. `param` is a mask for statmount and the id to go on after
// for listmount. Linux 6.8, which knows only the first 24 bytes, accepts the rest when it is zero.
struct MountIdRequest {
  uint32_t size = sizeof(MountIdRequest);
  uint32_t spare = 0;
  uint64_t mount_id = 0;
  uint64_t param = 0;
  uint64_t namespace_id = 0;
};
static_assert(sizeof(MountIdRequest) == 32);

// struct statmount starts with the size of the whole answer, strings included.
struct StatmountPrefix {
  uint32_t size;
};

// struct mnt_ns_info (linux/nsfs.h, Linux 6.12). The mount at the bottom of the namespace is not counted.
struct MountNamespaceInfo {
  uint32_t size;
  uint32_t mounts;
  uint64_t id;
};
static_assert(sizeof(MountNamespaceInfo) == 16);

}  // namespace mountyard::sys
