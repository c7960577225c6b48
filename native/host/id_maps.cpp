#include "id_maps.h"

#include <cerrno>
#include <cstdio>

#include <linux/magic.h>

#include "../sys/fd.h"
#include "../sys/file_calls.h"

namespace mountyard::host {

namespace {

struct MapFile {
  Stage stage;
  const char* name;
  const std::string& bytes;
};

// A map is taken in one write or not at all.
Failure write_whole(int procfs, pid_t pid, const MapFile& map) noexcept {
  char path[32];
  std::snprintf(path, sizeof path, "%d/%s", pid, map.name);
  // What is mounted over it is not the map.
  open_how how{};
  how.flags = O_WRONLY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const sys::Fd file(sys::openat2(procfs, path, how));
  if (!file.is_open()) return {Stage::openat2, -file.get()};
  const long written = sys::write(file.get(), map.bytes.data(), map.bytes.size());
  if (written < 0) return {map.stage, static_cast<int>(-written)};
  return static_cast<size_t>(written) == map.bytes.size() ? Failure{} : Failure{map.stage, EIO};
}

}  // namespace

Failure write_id_maps(int procfs, pid_t pid, const IdMaps& maps) noexcept {
  const MapFile files[] = {{Stage::uid_map, "uid_map", maps.uid_map},
                           {Stage::setgroups, "setgroups", maps.setgroups},
                           {Stage::gid_map, "gid_map", maps.gid_map}};
  for (const MapFile& map : files) {
    if (map.bytes.empty()) continue;
    if (const Failure failure = write_whole(procfs, pid, map); failure.stage != Stage::none) return failure;
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
