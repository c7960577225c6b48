#include "run.h"

#include <atomic>

#include "../sys/file_calls.h"
#include "../sys/mount_calls.h"
#include "../sys/process_calls.h"

namespace mountyard::program {

namespace {

// 0 when the fd is the file that inspection saw, ESTALE when something else took its place.
int check_identity(int fd, uint64_t type, uint64_t device, uint64_t inode) noexcept {
  struct statx seen;
  const int error = sys::statx(fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_INO, seen);
  if (error < 0) return error;
  const bool same = (seen.stx_mode & S_IFMT) == type && seen.stx_ino == inode &&
                    sys::encode_device(seen.stx_dev_major, seen.stx_dev_minor) == device;
  return same ? 0 : -ESTALE;
}

class Interpreter {
 public:
  Interpreter(const Program& program, int32_t* slots) noexcept
      : program_(program), strings_(program.strings()), slots_(slots) {}

  // Performs one op, again when it may be, and keeps the fd it makes. The call's value, or -errno.
  int execute(const Op& op) noexcept {
    int value = perform(op);
    for (uint8_t left = op.retries; left > 0 && (value == -EAGAIN || value == -EINTR); --left) {
      value = perform(op);
    }
    if (value >= 0 && shape_of(op.code).out) replace(op.out, value);
    return value;
  }

  // The messages of the filesystem context that the op worked on.
  void read_log(const Op& op, Result& result) const noexcept {
    if (op.code != Code::fsconfig && op.code != Code::fsmount) return;
    // Each read gives one message, without a NUL, and ENODATA when there is none left.
    while (result.log_bytes + 1 < kLogBytes) {
      const long size = sys::read(slots_[op.a], result.log + result.log_bytes, kLogBytes - 1 - result.log_bytes);
      if (size <= 0) return;
      result.log_bytes += static_cast<uint32_t>(size);
      result.log[result.log_bytes++] = '\0';
    }
  }

  void close_from(uint32_t first) noexcept {
    for (uint32_t slot = first; slot < program_.header().slot_count; ++slot) {
      if (slots_[slot] >= 0) take_and_close(slot);
    }
  }

 private:
  [[nodiscard]] int fd(int32_t slot) const noexcept { return slots_[slot]; }
  [[nodiscard]] int dirfd(int32_t slot) const noexcept { return slot == kNoSlot ? AT_FDCWD : slots_[slot]; }
  [[nodiscard]] const char* text(uint32_t offset) const noexcept {
    return offset == kNoString ? nullptr : strings_ + offset;
  }
  [[nodiscard]] mount_attr attributes(const Op& op) const noexcept {
    mount_attr attributes{};
    attributes.attr_set = op.f1;
    attributes.attr_clr = op.f2;
    attributes.propagation = op.f3;
    // An empty slot holds -1, which the kernel refuses as an fd when MOUNT_ATTR_IDMAP is set.
    attributes.userns_fd = op.b == kNoSlot ? 0 : static_cast<uint64_t>(slots_[op.b]);
    return attributes;
  }

  int take_and_close(uint32_t slot) noexcept {
    const int number = slots_[slot];
    slots_[slot] = -1;
    // The number is free even when close is interrupted, so EINTR is no failure and is never tried again.
    const int error = sys::close(number);
    return error == -EINTR ? 0 : error;
  }

  void replace(int32_t slot, int number) noexcept {
    if (slots_[slot] >= 0) take_and_close(static_cast<uint32_t>(slot));
    slots_[slot] = number;
  }

  // Each case is one syscall and safe for the same reasons: `check` proved that the slots it names exist and
  // that its strings end; flags, modes and attributes are words that the kernel judges; structs live on this
  // stack; and nothing but the slots is written. An empty slot reads as -1, which the kernel answers with EBADF
  // and never takes for AT_FDCWD.
  int perform(const Op& op) noexcept {
    switch (op.code) {
      case Code::mount:
        return sys::mount(text(op.s1), text(op.s2), text(op.s3), op.f1, text(op.n));
      case Code::umount2:
        return sys::umount2(text(op.s1), static_cast<uint32_t>(op.f1));
      case Code::open_tree:
        return sys::open_tree(dirfd(op.a), text(op.s1), op.n);
      case Code::open_tree_attr:
        return sys::open_tree_attr(dirfd(op.a), text(op.s1), op.n, attributes(op));
      case Code::move_mount:
        return sys::move_mount(dirfd(op.a), text(op.s1), dirfd(op.b), text(op.s2), op.n);
      case Code::mount_setattr:
        return sys::mount_setattr(dirfd(op.a), text(op.s1), op.n, attributes(op));
      case Code::fsopen:
        return sys::fsopen(text(op.s1), op.n);
      case Code::fsconfig:
        return sys::fsconfig(fd(op.a), op.n, text(op.s1), text(op.s2),
                             op.b == kNoSlot ? static_cast<int>(op.f1) : fd(op.b));
      case Code::fsmount:
        return sys::fsmount(fd(op.a), op.n, static_cast<uint32_t>(op.f1));
      case Code::fspick:
        return sys::fspick(dirfd(op.a), text(op.s1), op.n);
      case Code::openat2: {
        open_how how{};
        how.flags = op.f1;
        how.mode = op.f2;
        how.resolve = op.f3;
        return sys::openat2(dirfd(op.a), text(op.s1), how);
      }
      case Code::mkdirat:
        return sys::mkdirat(dirfd(op.a), text(op.s1), static_cast<uint32_t>(op.f1));
      case Code::mknodat:
        return sys::mknodat(dirfd(op.a), text(op.s1), static_cast<uint32_t>(op.f1), op.f2);
      case Code::symlinkat:
        return sys::symlinkat(text(op.s1), dirfd(op.a), text(op.s2));
      case Code::unlinkat:
        return sys::unlinkat(dirfd(op.a), text(op.s1), op.n);
      case Code::renameat2:
        return sys::renameat2(dirfd(op.a), text(op.s1), dirfd(op.b), text(op.s2), op.n);
      case Code::pivot_root:
        return sys::pivot_root(text(op.s1), text(op.s2));
      case Code::setns:
        return sys::setns(fd(op.a), static_cast<uint32_t>(op.f1));
      case Code::unshare:
        return sys::unshare(op.f1);
      case Code::fchdir:
        return sys::fchdir(fd(op.a));
      case Code::chroot:
        return sys::chroot(text(op.s1));
      case Code::close:
        return take_and_close(static_cast<uint32_t>(op.a));
      case Code::check:
        return check_identity(fd(op.a), op.f1, op.f2, op.f3);
      case Code::fchmodat:
        return sys::fchmodat(dirfd(op.a), text(op.s1), static_cast<uint32_t>(op.f1), op.n);
      case Code::fchownat:
        return sys::fchownat(dirfd(op.a), text(op.s1), static_cast<uint32_t>(op.f1), static_cast<uint32_t>(op.f2), op.n);
      case Code::linkat:
        return sys::linkat(dirfd(op.a), text(op.s1), dirfd(op.b), text(op.s2), op.n);
    }
    return -ENOSYS;
  }

  const Program& program_;
  const char* strings_;
  int32_t* slots_;
};

bool is_cancelled(const Control& control) noexcept {
  return control.cancel != nullptr && std::atomic_ref(*control.cancel).load(std::memory_order_relaxed) != 0;
}

void report_progress(const Control& control, uint32_t done) noexcept {
  if (control.progress == nullptr) return;
  std::atomic_ref(*control.progress).store(static_cast<int32_t>(done), std::memory_order_relaxed);
}

// Runs main ops until one fails, or a cancellation, or the end; returns how many succeeded.
uint32_t advance(const Program& program, Interpreter& interpreter, uint8_t* tolerated, const Control& control,
                 Result& result) noexcept {
  const uint32_t count = program.header().op_count;
  for (uint32_t index = 0; index < count; ++index) {
    result.op = static_cast<int32_t>(index);
    if (is_cancelled(control)) {
      result.status = Status::cancelled;
      result.error = ECANCELED;
      return index;
    }
    const Op op = program.op(index);
    const int value = interpreter.execute(op);
    if (value < 0) {
      if (value != -int{op.tolerate}) {
        result.status = Status::failed;
        result.error = -value;
        interpreter.read_log(op, result);
        return index;
      }
      tolerated[index] = 1;
    }
    report_progress(control, index + 1);
  }
  result.op = -1;
  return count;
}

// Takes back, last first, what the main ops before `done` did.
void undo(const Program& program, Interpreter& interpreter, const uint8_t* tolerated, uint32_t done,
          Result& result) noexcept {
  for (uint32_t index = program.header().undo_count; index-- > 0;) {
    const Op op = program.op(program.header().op_count + index);
    if (op.guard >= done || tolerated[op.guard] != 0) continue;
    const int value = interpreter.execute(op);
    if (value >= 0 || value == -int{op.tolerate}) continue;
    if (result.undo_failures < kMaxUndoFailures) {
      result.undo[result.undo_failures] = {static_cast<int32_t>(index), -value};
    }
    ++result.undo_failures;
  }
}

}  // namespace

void run(const Program& program, const Memory& memory, const Control& control, Result& result) noexcept {
  Interpreter interpreter(program, memory.slots);
  const uint32_t done = advance(program, interpreter, memory.tolerated, control, result);
  const Header& header = program.header();
  if (result.status == Status::done) {
    interpreter.close_from(header.import_count + header.export_count);
  } else {
    undo(program, interpreter, memory.tolerated, done, result);
    interpreter.close_from(header.import_count);
  }
}

}  // namespace mountyard::program
