#pragma once

#include <cstddef>
#include <cstdint>

#include "../program/run.h"
#include "entrance.h"

namespace mountyard::host {

// All that a forked child needs, made ready before the fork because the child must not allocate.
struct ChildOrders {
  int socket;
  // Namespaces to enter first, in this order.
  const Entrance* enter;
  size_t enter_count;
  // And those to make then.
  uint32_t unshare;
  // Become uid and gid 0 of the user namespace that is new or entered, where it has them.
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
