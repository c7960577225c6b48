#include "id_maps.h"

#include <cstdio>

#include <linux/magic.h>

#include "../sys/fd.h"
#include "../sys/file_calls.h"

namespace mountyard::host {

namespace {

// A map is taken in one write or not at all.
int write_whole(int procfs, pid_t pid, const char* name, const std::string& bytes) noexcept {
  if (bytes.empty()) return 0;
  char path[32];
  std::snprintf(path, sizeof path, "%d/%s", pid, name);
  // What is mounted over it is not the map.
  open_how how{};
  how.flags = O_WRONLY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const sys::Fd file(sys::openat2(procfs, path, how));
  if (!file.is_open()) return file.get();
  const long written = sys::write(file.get(), bytes.data(), bytes.size());
  if (written < 0) return static_cast<int>(written);
  return static_cast<size_t>(written) == bytes.size() ? 0 : -EIO;
}

}  // namespace

Failure write_id_maps(int procfs, pid_t pid, const IdMaps& maps) noexcept {
  if (const int error = write_whole(procfs, pid, "uid_map", maps.uid_map); error < 0) {
    return {Stage::uid_map, -error};
  }
  if (const int error = write_whole(procfs, pid, "setgroups", maps.setgroups); error < 0) {
    return {Stage::setgroups, -error};
  }
  if (const int error = write_whole(procfs, pid, "gid_map", maps.gid_map); error < 0) {
    return {Stage::gid_map, -error};
  }
  return {};
}

int open_procfs() noexcept {
  sys::Fd directory(sys::openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) return directory.get();
  struct statfs filesystem;
  if (const int error = sys::fstatfs(directory.get(), filesystem); error < 0) return error;
  // A plain directory of that name could feed us, or be fed, anything.
  if (filesystem.f_type != PROC_SUPER_MAGIC) return -ENOTSUP;
  return directory.release();
}

}  // namespace mountyard::host
