#pragma once

#include <cstdint>

#include "check.h"

namespace mountyard::program {

enum class Status : int32_t { done, failed, cancelled };

inline constexpr uint32_t kMaxUndoFailures = 16;
// The kernel keeps at most eight messages for a filesystem context; each is a line of text.
inline constexpr uint32_t kLogBytes = 4096;

// Plain bytes: a forked child sends one to its parent.
struct Result {
  Status status = Status::done;
  int32_t op = -1;  // that failed, or before which it was cancelled
  int32_t error = 0;
  uint32_t undo_failures = 0;
  struct {
    int32_t op;  // among the undo ops
    int32_t error;
  } undo[kMaxUndoFailures] = {};
  uint32_t log_bytes = 0;
  char log[kLogBytes] = {};  // messages, each with its NUL
};

// What the caller lends a run.
struct Memory {
  // One word a slot: the imports' fds, and -1 in all others. After a run only imports and, when it is done,
  // exports hold an fd.
  int32_t* slots;
  // One byte a main op, all zero: set when the op succeeded by its `tolerate` alone.
  uint8_t* tolerated;
};

// Words that other threads write and read while a program runs.
struct Control {
  int32_t* cancel = nullptr;    // not zero: stop before the next op
  int32_t* progress = nullptr;  // main ops done
};

// Runs a checked program. Allocates nothing, takes no lock and throws nothing, so that a forked child of a
// multi-threaded process may call it.
void run(const Program& program, const Memory& memory, const Control& control, Result& result) noexcept;

}  // namespace mountyard::program
