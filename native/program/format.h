#pragma once

// The byte format of a program. `lib/program/format.ts` states the same and says what each field means; a test
// compares the two.

#include <bit>
#include <cstddef>
#include <cstdint>

namespace mountyard::program {

static_assert(std::endian::native == std::endian::little, "a program is little-endian and is read in place");

inline constexpr uint32_t kMagic = 0x4452594d;  // "MYRD"
inline constexpr uint16_t kFormatVersion = 1;
inline constexpr int32_t kNoSlot = -1;
inline constexpr uint32_t kNoString = 0xffffffff;
// Bounds what a program can make the caller allocate for slots: 16 MiB.
inline constexpr uint32_t kMaxSlots = 1U << 22;

struct Header {
  uint32_t magic;
  uint16_t version;
  uint16_t op_size;
  uint32_t op_count;
  uint32_t undo_count;
  uint32_t slot_count;
  uint32_t import_count;
  uint32_t export_count;
  uint32_t string_bytes;
};
static_assert(sizeof(Header) == 32);

enum class Code : uint16_t {
  mount = 1,
  umount2,
  open_tree,
  open_tree_attr,
  move_mount,
  mount_setattr,
  fsopen,
  fsconfig,
  fsmount,
  fspick,
  openat2,
  mkdirat,
  mknodat,
  symlinkat,
  unlinkat,
  renameat2,
  pivot_root,
  setns,
  unshare,
  fchdir,
  chroot,
  close,
  check,
  fchmodat,
  fchownat,
  linkat,
};
inline constexpr Code kLastCode = Code::linkat;

struct Op {
  Code code;
  uint16_t tolerate;
  uint8_t retries;
  uint8_t padding[3];
  int32_t a;
  int32_t b;
  int32_t out;
  uint32_t guard;
  uint32_t s1;
  uint32_t s2;
  uint32_t s3;
  uint32_t n;
  uint64_t f1;
  uint64_t f2;
  uint64_t f3;
};
static_assert(sizeof(Op) == 64);

// Which fields an op uses. `none` in Slot is AT_FDCWD, or no user namespace, or no value fd.
enum class Slot : uint8_t { unused, fd, fd_or_none };
enum class Text : uint8_t { unused, string, string_or_null };

struct Shape {
  Slot a = Slot::unused;
  Slot b = Slot::unused;
  bool out = false;
  Text s1 = Text::unused;
  Text s2 = Text::unused;
  Text s3 = Text::unused;
  Text n = Text::unused;  // unused: a number
};

constexpr Shape shape_of(Code code) noexcept {
  constexpr Slot at = Slot::fd_or_none;
  constexpr Text path = Text::string;
  switch (code) {
    case Code::mount:
      return {.s1 = Text::string_or_null, .s2 = path, .s3 = Text::string_or_null, .n = Text::string_or_null};
    case Code::umount2:
    case Code::chroot:
      return {.s1 = path};
    case Code::open_tree:
    case Code::fspick:
    case Code::openat2:
      return {.a = at, .out = true, .s1 = path};
    case Code::open_tree_attr:
      return {.a = at, .b = Slot::fd_or_none, .out = true, .s1 = path};
    case Code::mount_setattr:
      return {.a = at, .b = Slot::fd_or_none, .s1 = path};
    case Code::move_mount:
    case Code::renameat2:
    case Code::linkat:
      return {.a = at, .b = at, .s1 = path, .s2 = path};
    case Code::fsopen:
      return {.out = true, .s1 = Text::string};
    case Code::fsconfig:
      return {.a = Slot::fd, .b = Slot::fd_or_none, .s1 = Text::string_or_null, .s2 = Text::string_or_null};
    case Code::fsmount:
      return {.a = Slot::fd, .out = true};
    case Code::mkdirat:
    case Code::mknodat:
    case Code::unlinkat:
    case Code::fchmodat:
    case Code::fchownat:
      return {.a = at, .s1 = path};
    case Code::symlinkat:
      return {.a = at, .s1 = Text::string, .s2 = path};
    case Code::pivot_root:
      return {.s1 = path, .s2 = path};
    case Code::setns:
    case Code::fchdir:
    case Code::close:
    case Code::check:
      return {.a = Slot::fd};
    case Code::unshare:
      return {};
  }
  return {};
}

}  // namespace mountyard::program
