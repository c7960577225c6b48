#pragma once

#include <vector>

#include <sys/types.h>

#include "../sys/fd.h"
#include "child.h"
#include "id_maps.h"
#include "stage.h"

namespace mountyard::host {

// A forked child and this end of its socket. The destructor ends the stream, which ends a child that waits for
// an answer, and reaps it.
class ChildProcess {
 public:
  ChildProcess() noexcept = default;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  // Forks a child that lives by `orders`; its socket and fds to keep are filled in here, from `kept_fds`, which
  // is ascending and has room for one more. Returns when the child has its namespaces and their id maps, and
  // waits for an answer. Every signal must be blocked, or a handler of Node's would run in the child.
  Failure start(ChildOrders orders, std::vector<int>& kept_fds, const IdMaps& maps) noexcept;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  [[nodiscard]] int socket() const noexcept { return socket_.get(); }
  [[nodiscard]] int procfs() const noexcept { return procfs_.get(); }

 private:
  sys::Fd procfs_;
  sys::Fd socket_;
  pid_t pid_ = -1;
};

}  // namespace mountyard::host
