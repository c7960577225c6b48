#include "check.h"

#include <cstring>

#include <linux/mount.h>

namespace mountyard::program {

namespace {

bool slot_fits(const Header& header, Slot use, int32_t slot) noexcept {
  if (use == Slot::unused || (use == Slot::fd_or_none && slot == kNoSlot)) return true;
  return slot >= 0 && static_cast<uint32_t>(slot) < header.slot_count;
}

bool is_import(const Header& header, int32_t slot) noexcept {
  return static_cast<uint32_t>(slot) < header.import_count;
}

// The block ends in NUL, so a string that starts inside it ends inside it.
bool text_fits(const Header& header, Text use, uint32_t offset) noexcept {
  if (use == Text::unused || (use == Text::string_or_null && offset == kNoString)) return true;
  return offset < header.string_bytes;
}

// FSCONFIG_SET_BINARY reads as many bytes as it is told, whatever NUL there is.
bool value_fits(const Header& header, const Op& op) noexcept {
  if (op.n != FSCONFIG_SET_BINARY || op.s2 == kNoString) return true;
  return op.b == kNoSlot && op.f1 <= header.string_bytes - op.s2;
}

const char* defect_of_header(const Header& header, size_t size) noexcept {
  if (header.magic != kMagic) return "magic";
  if (header.version != kFormatVersion) return "version";
  if (header.op_size != sizeof(Op)) return "op-size";
  if (header.op_count > INT32_MAX || header.undo_count > INT32_MAX) return "op-count";
  const uint64_t ops = uint64_t{header.op_count} + header.undo_count;
  if (ops > INT32_MAX) return "op-count";
  if (size != sizeof(Header) + ops * sizeof(Op) + header.string_bytes) return "length";
  if (header.slot_count > kMaxSlots) return "slot-count";
  if (uint64_t{header.import_count} + header.export_count > header.slot_count) return "slot-count";
  return nullptr;
}

const char* defect_of_op(const Header& header, const Op& op, bool is_undo) noexcept {
  if (op.code < Code::mount || op.code > kLastCode) return "code";
  const Shape shape = shape_of(op.code);
  if (!slot_fits(header, shape.a, op.a)) return "slot-a";
  if (!slot_fits(header, shape.b, op.b)) return "slot-b";
  if (shape.out && !slot_fits(header, Slot::fd, op.out)) return "slot-out";
  if (shape.out && is_import(header, op.out)) return "out-import";
  if (op.code == Code::close && is_import(header, op.a)) return "close-import";
  if (!text_fits(header, shape.s1, op.s1)) return "string-s1";
  if (!text_fits(header, shape.s2, op.s2)) return "string-s2";
  if (!text_fits(header, shape.s3, op.s3)) return "string-s3";
  if (!text_fits(header, shape.n, op.n)) return "string-n";
  if (op.code == Code::fsconfig && !value_fits(header, op)) return "binary-value";
  if (is_undo ? op.guard >= header.op_count : op.guard != 0) return "guard";
  return nullptr;
}

}  // namespace

Defect check(const void* bytes, size_t size, Program& program) noexcept {
  Program candidate;
  if (size < sizeof(Header)) return {.name = "truncated"};
  candidate.bytes_ = static_cast<const unsigned char*>(bytes);
  std::memcpy(&candidate.header_, bytes, sizeof(Header));
  const Header& header = candidate.header_;
  if (const char* defect = defect_of_header(header, size)) return {.name = defect};
  if (header.string_bytes > 0 && candidate.bytes_[size - 1] != 0) return {.name = "strings"};

  const uint32_t ops = header.op_count + header.undo_count;
  for (uint32_t index = 0; index < ops; ++index) {
    const char* defect = defect_of_op(header, candidate.op(index), index >= header.op_count);
    if (defect != nullptr) return {.name = defect, .op = static_cast<int32_t>(index)};
  }
  program = candidate;
  return {};
}

}  // namespace mountyard::program
