#pragma once

#include <string>

#include <sys/types.h>

#include "stage.h"

namespace mountyard::host {

// What goes to a process's uid_map, setgroups and gid_map; what is empty is not written.
struct IdMaps {
  std::string uid_map;
  std::string setgroups;
  std::string gid_map;
};

// Writes the maps of a child that has unshared its user namespace. An unprivileged parent may do that too, as
// the owner of the namespace, for a map of its own id alone and with setgroups "deny" before gid_map.
Failure write_id_maps(int procfs, pid_t pid, const IdMaps& maps) noexcept;

// An O_PATH fd of /proc when that is a procfs, else -errno.
int open_procfs() noexcept;

}  // namespace mountyard::host
