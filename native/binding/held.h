#pragma once

#include <set>

#include <napi.h>

namespace mountyard::binding {

// The fds that a worker thread holds. A worker that is terminated runs no JavaScript any more, so they are closed here:
// with its environment, which ends after the threads of its runs, which borrow some of them, were joined.
class HeldFds {
 public:
  HeldFds() = default;
  HeldFds(const HeldFds&) = delete;
  HeldFds& operator=(const HeldFds&) = delete;
  ~HeldFds();

  void hold(int fd) { fds_.insert(fd); }
  void let_go(int fd) noexcept { fds_.erase(fd); }

 private:
  std::set<int> fds_;
};

void add_held(Napi::Object sys);

}  // namespace mountyard::binding
