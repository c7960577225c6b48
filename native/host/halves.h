#pragma once

#include <cstddef>
#include <thread>

#include "thread.h"

namespace mountyard::host {

// A thread takes as long to start as some dozens of system calls.
inline constexpr size_t kWorthAThread = 512;

// Calls `body(begin, end)`, which throws nothing, for all of `count`; of many, for the first half in a thread, where
// there is one to have.
template <typename Body>
void in_halves(size_t count, const Body& body) {
  const size_t half = count < kWorthAThread ? 0 : count / 2;
  std::thread thread;
  const auto first = [&]() noexcept { body(size_t{0}, half); };
  const bool started = half > 0 && start_thread(thread, first).stage == Stage::none;
  body(half, count);
  if (started) {
    thread.join();
  } else {
    first();
  }
}

}  // namespace mountyard::host
