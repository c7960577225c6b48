#pragma once

#include <cstdint>
#include <vector>

#include "../program/run.h"
#include "../sys/fd.h"
#include "entrance.h"
#include "id_maps.h"

namespace mountyard::host {

// A process with several threads may not enter a user namespace; a forked child of it may.
struct ChildRun {
  const std::vector<Entrance>& enter;
  uint32_t unshare;
  const IdMaps& maps;
  std::vector<int>& kept_fds;  // ascending, with room for one more
  const program::Program& program;
  program::Memory memory;
  program::Control control;
};

// Runs a program in a forked child and receives its result and exports. Call it with every signal blocked and
// in a thread that outlives nothing else: the child dies with the thread.
Failure run_in_child(const ChildRun& run, program::Result& result, std::vector<sys::Fd>& exports) noexcept;

}  // namespace mountyard::host
