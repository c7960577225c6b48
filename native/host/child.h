#pragma once

#include <cstddef>
#include <cstdint>

#include "../program/run.h"

namespace mountyard::host {

// All that a forked child needs, made ready before the fork because the child must not allocate.
struct ChildOrders {
  int socket;
  uint32_t unshare;
  // Become uid and gid 0 of the new user namespace, where it has them.
  bool become_root;
  // Fds to keep besides standard input, output and error; ascending. All others are closed: they are copies,
  // and a socket that the parent closes meanwhile has to close.
  const int* kept_fds;
  size_t kept_count;
  // Null: hold the namespaces until the parent ends the stream.
  const program::Program* program;
  program::Memory memory;
  program::Control control;
};

// The life of a forked child. Only syscalls are made here; a test inspects the object file's symbols.
[[noreturn]] void live_as_child(const ChildOrders& orders) noexcept;

}  // namespace mountyard::host
