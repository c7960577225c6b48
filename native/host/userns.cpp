#include "userns.h"

#include <cstdio>

#include <sched.h>

#include "child_process.h"

namespace mountyard::host {

Failure make_user_namespace(const IdMaps& maps, sys::Fd& user_namespace) {
  ChildProcess child;
  ChildOrders orders{};
  orders.unshare = CLONE_NEWUSER;
  std::vector<int> kept_fds;
  kept_fds.reserve(1);
  if (const Failure failure = child.start(orders, kept_fds, maps); failure.stage != Stage::none) return failure;
  char path[32];
  std::snprintf(path, sizeof path, "%d/ns/user", child.pid());
  user_namespace = sys::Fd(sys::openat(child.procfs(), path, O_RDONLY | O_CLOEXEC));
  return user_namespace.is_open() ? Failure{} : Failure{Stage::namespace_fd, -user_namespace.get()};
}

}  // namespace mountyard::host
