#pragma once

#include <cstdint>

namespace mountyard::host {

// What could not be had when a place for a program was set up. A forked child sends it as a number.
enum class Stage : int32_t {
  none,
  thread,
  setns,
  unshare,
  socketpair,
  control,  // the page shared with a forked child
  fork,
  procfs,
  openat2,  // of a file of another process's maps
  uid_map,
  setgroups,
  gid_map,
  namespace_fd,
  child,    // it ended without a word: killed, or out of memory
  receive,  // of the exported fds
  memory,
};

// Zero error: nothing failed.
struct Failure {
  Stage stage = Stage::none;
  int32_t error = 0;
};

constexpr const char* name_of(Stage stage) noexcept {
  switch (stage) {
    case Stage::none:
      return "";
    case Stage::thread:
      return "thread";
    case Stage::setns:
      return "setns";
    case Stage::unshare:
      return "unshare";
    case Stage::socketpair:
      return "socketpair";
    case Stage::control:
      return "control";
    case Stage::fork:
      return "fork";
    case Stage::procfs:
      return "procfs";
    case Stage::openat2:
      return "openat2";
    case Stage::uid_map:
      return "uid_map";
    case Stage::setgroups:
      return "setgroups";
    case Stage::gid_map:
      return "gid_map";
    case Stage::namespace_fd:
      return "namespace";
    case Stage::child:
      return "child";
    case Stage::receive:
      return "receive";
    case Stage::memory:
      return "memory";
  }
  return "";
}

}  // namespace mountyard::host
