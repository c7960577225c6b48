#pragma once

#include <cstddef>
#include <cstdint>

#include "format.h"

namespace mountyard::program {

// Bytes that `check` found sound. It borrows them. Ops are copied out one at a time, because a program may lie
// at any address.
class Program {
 public:
  [[nodiscard]] const Header& header() const noexcept { return header_; }
  // Main ops, then undo ops.
  [[nodiscard]] Op op(uint32_t index) const noexcept;
  [[nodiscard]] const char* strings() const noexcept;

 private:
  friend struct Defect check(const void* bytes, size_t size, Program& program) noexcept;

  const unsigned char* bytes_ = nullptr;
  Header header_{};
};

// What is wrong with a program: a name, null when nothing is, and the op it was found at, counted through main
// and undo ops, or -1 for the program as a whole.
struct Defect {
  const char* name = nullptr;
  int32_t op = -1;
};

// Proves once what the interpreter relies on, so that it need not look again: every slot lies in bounds, every
// string ends inside the block, no import is closed or overwritten, every guard names a main op.
Defect check(const void* bytes, size_t size, Program& program) noexcept;

inline Op Program::op(uint32_t index) const noexcept {
  Op op;
  __builtin_memcpy(&op, bytes_ + sizeof(Header) + size_t{index} * sizeof(Op), sizeof op);
  return op;
}

inline const char* Program::strings() const noexcept {
  const size_t ops = size_t{header_.op_count} + header_.undo_count;
  return reinterpret_cast<const char*>(bytes_ + sizeof(Header) + ops * sizeof(Op));
}

}  // namespace mountyard::program
