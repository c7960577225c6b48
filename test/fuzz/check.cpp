// What the interpreter relies on, asked of every program that the checker finds sound: a sanitizer sees each byte
// that an op names. Built and run by `npm run fuzz`.

#include <cstdlib>
#include <cstring>
#include <memory>

#include <linux/mount.h>

#include "../../native/program/check.h"

namespace {

using namespace mountyard::program;

void require(bool holds) {
  if (!holds) std::abort();
}

void require_slot(const Header& header, Slot use, int32_t slot) {
  if (use == Slot::unused || (use == Slot::fd_or_none && slot == kNoSlot)) return;
  require(slot >= 0 && static_cast<uint32_t>(slot) < header.slot_count);
}

size_t read_text(const Program& program, Text use, uint32_t offset) {
  if (use == Text::unused || (use == Text::string_or_null && offset == kNoString)) return 0;
  return std::strlen(program.strings() + offset);
}

unsigned read_bytes(const char* bytes, uint64_t size) {
  unsigned sum = 0;
  for (uint64_t at = 0; at < size; ++at) sum += static_cast<unsigned char>(bytes[at]);
  return sum;
}

void require_op(const Program& program, const Op& op, bool is_undo) {
  const Header& header = program.header();
  const Shape shape = shape_of(op.code);
  require_slot(header, shape.a, op.a);
  require_slot(header, shape.b, op.b);
  if (shape.out) require_slot(header, Slot::fd, op.out);
  // Fds of the caller are neither closed nor replaced.
  if (shape.out) require(static_cast<uint32_t>(op.out) >= header.import_count);
  if (op.code == Code::close) require(static_cast<uint32_t>(op.a) >= header.import_count);
  volatile size_t length = read_text(program, shape.s1, op.s1) + read_text(program, shape.s2, op.s2) +
                           read_text(program, shape.s3, op.s3) + read_text(program, shape.n, op.n);
  static_cast<void>(length);
  if (op.code == Code::fsconfig && op.n == FSCONFIG_SET_BINARY && op.s2 != kNoString) {
    volatile unsigned sum = read_bytes(program.strings() + op.s2, op.f1);
    static_cast<void>(sum);
  }
  require(is_undo ? op.guard < header.op_count : op.guard == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  // A copy of exactly this size, at an odd address: a program may lie at any.
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[size + 1]);
  std::memcpy(copy.get() + 1, bytes, size);
  Program program;
  if (check(copy.get() + 1, size, program).name != nullptr) return 0;
  const Header& header = program.header();
  require(header.slot_count <= kMaxSlots);
  require(uint64_t{header.import_count} + header.export_count <= header.slot_count);
  const uint32_t ops = header.op_count + header.undo_count;
  for (uint32_t index = 0; index < ops; ++index) {
    require_op(program, program.op(index), index >= header.op_count);
  }
  return 0;
}
