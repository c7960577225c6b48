#pragma once

#include <cstddef>
#include <cstdint>

#include "../sys/process_calls.h"

namespace mountyard::host {

// A namespace for setns(2), by its file, and its CLONE_NEW bit.
struct Entrance {
  int fd;
  uint32_t type;
};

// 0, or -errno of the first that is refused. Safe after fork.
inline int enter_all(const Entrance* entrances, size_t count) noexcept {
  for (size_t index = 0; index < count; ++index) {
    const int error = sys::setns(entrances[index].fd, entrances[index].type);
    if (error < 0) return error;
  }
  return 0;
}

}  // namespace mountyard::host
