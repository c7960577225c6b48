// Makes the very syscalls of a compiled program, with as little as possible around them, and prints how many
// nanoseconds they took, by the clock and of the processor: replay PROGRAM [hold|each] [IMPORT...]
//
// Everything that can be made ready is, before the clock starts: an op becomes a syscall number and six words, of
// which only the fds are filled in on the way. IMPORT is a path for each import slot. With `hold` it stays until
// standard input closes. With `each` it prints, for each op code, that, its calls, and the nanoseconds of them all,
// by the clock and of the processor.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <sys/stat.h>

#include "../../native/program/check.h"
#include "../../native/sys/file_calls.h"
#include "../../native/sys/mount_calls.h"
#include "../../native/sys/process_calls.h"

namespace {

using namespace mountyard;
using program::Code;

constexpr int8_t kNoWord = -1;

struct Call {
  long number = 0;
  long words[6] = {};
  int32_t a = program::kNoSlot;
  int32_t b = program::kNoSlot;
  int32_t out = program::kNoSlot;
  int8_t a_word = kNoWord;  // which of the words slot a is
  int8_t b_word = kNoWord;
  bool closes = false;
  uint16_t tolerate = 0;
  Code code{};
};

int64_t now(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// What the calls of each op code took together.
struct Charge {
  int64_t calls = 0;
  int64_t passed = 0;
  int64_t worked = 0;
};
using Charges = std::array<Charge, static_cast<size_t>(program::kLastCode) + 1>;

[[noreturn]] void die(const std::string& reason) {
  std::fprintf(stderr, "replay: %s\n", reason.c_str());
  std::exit(1);
}

class Preparation {
 public:
  explicit Preparation(const program::Program& program) : strings_(program.strings()) {
    for (uint32_t index = 0; index < program.header().op_count; ++index) calls_.push_back(prepare(program.op(index)));
  }

  [[nodiscard]] std::vector<Call>& calls() { return calls_; }

 private:
  [[nodiscard]] long text(uint32_t offset) const {
    return offset == program::kNoString ? 0 : reinterpret_cast<long>(strings_ + offset);
  }
  long attributes(const program::Op& op) {
    if (op.b != program::kNoSlot) die("idmapped mounts are not replayed");
    mount_attr& attributes = attributes_.emplace_back();
    attributes.attr_set = op.f1;
    attributes.attr_clr = op.f2;
    attributes.propagation = op.f3;
    return reinterpret_cast<long>(&attributes);
  }
  long how(const program::Op& op) {
    open_how& how = hows_.emplace_back();
    how.flags = op.f1;
    how.mode = op.f2;
    how.resolve = op.f3;
    return reinterpret_cast<long>(&how);
  }

  Call prepare(const program::Op& op) {
    Call call = shape(op);
    call.tolerate = op.tolerate;
    if (program::shape_of(op.code).out) call.out = op.out;
    if (call.a_word != kNoWord) slot(op.a, call.a, call.words[call.a_word], call.a_word);
    if (call.b_word != kNoWord) slot(op.b, call.b, call.words[call.b_word], call.b_word);
    call.closes = op.code == Code::close;
    call.code = op.code;
    return call;
  }

  // A word that no slot fills is AT_FDCWD once and for all.
  static void slot(int32_t number, int32_t& slot, long& word, int8_t& position) {
    slot = number;
    word = AT_FDCWD;
    if (number == program::kNoSlot) position = kNoWord;
  }

  Call shape(const program::Op& op) {
    const long s1 = text(op.s1), s2 = text(op.s2), s3 = text(op.s3);
    const long n = op.n, f1 = static_cast<long>(op.f1), f2 = static_cast<long>(op.f2);
    switch (op.code) {
      case Code::mount:
        return {SYS_mount, {s1, s2, s3, f1, text(op.n)}};
      case Code::umount2:
        return {SYS_umount2, {s1, f1}};
      case Code::open_tree:
        return {.number = SYS_open_tree, .words = {0, s1, n}, .a_word = 0};
      case Code::open_tree_attr:
        return {.number = SYS_open_tree_attr, .words = {0, s1, n, attributes(op), sizeof(mount_attr)}, .a_word = 0};
      case Code::move_mount:
        return {.number = SYS_move_mount, .words = {0, s1, 0, s2, n}, .a_word = 0, .b_word = 2};
      case Code::mount_setattr:
        return {.number = SYS_mount_setattr, .words = {0, s1, n, attributes(op), sizeof(mount_attr)}, .a_word = 0};
      case Code::fsopen:
        return {SYS_fsopen, {s1, n}};
      case Code::fsconfig:
        if (op.b != program::kNoSlot) die("fds given to a filesystem are not replayed");
        return {.number = SYS_fsconfig, .words = {0, n, s1, s2, f1}, .a_word = 0};
      case Code::fsmount:
        return {.number = SYS_fsmount, .words = {0, n, f1}, .a_word = 0};
      case Code::openat2:
        return {.number = SYS_openat2, .words = {0, s1, how(op), sizeof(open_how)}, .a_word = 0};
      case Code::mkdirat:
        return {.number = SYS_mkdirat, .words = {0, s1, f1}, .a_word = 0};
      case Code::mknodat:
        return {.number = SYS_mknodat, .words = {0, s1, f1, f2}, .a_word = 0};
      case Code::unlinkat:
        return {.number = SYS_unlinkat, .words = {0, s1, n}, .a_word = 0};
      case Code::pivot_root:
        return {SYS_pivot_root, {s1, s2}};
      case Code::setns:
        return {.number = SYS_setns, .words = {0, f1}, .a_word = 0};
      case Code::unshare:
        return {SYS_unshare, {f1}};
      case Code::fchdir:
        return {.number = SYS_fchdir, .words = {0}, .a_word = 0};
      case Code::close:
        return {.number = SYS_close, .words = {0}, .a_word = 0};
      default:
        die("op code " + std::to_string(static_cast<int>(op.code)) + " is not replayed");
    }
  }

  const char* strings_;
  std::vector<Call> calls_;
  std::deque<mount_attr> attributes_;  // what calls point at stays where it is
  std::deque<open_how> hows_;
};

long perform(const Call& call) {
  const long* words = call.words;
  return syscall(call.number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

// Returns the index of the call that was refused, or -1.
template <typename Perform>
long replay(std::vector<Call>& calls, std::vector<int32_t>& slots, uint32_t kept, Perform perform) {
  for (Call& call : calls) {
    long* words = call.words;
    if (call.a_word != kNoWord) words[call.a_word] = slots[static_cast<size_t>(call.a)];
    if (call.b_word != kNoWord) words[call.b_word] = slots[static_cast<size_t>(call.b)];
    const long value = perform(call);
    if (value < 0) {
      if (errno == call.tolerate) continue;
      return &call - calls.data();
    }
    if (call.out != program::kNoSlot) slots[static_cast<size_t>(call.out)] = static_cast<int32_t>(value);
    if (call.closes) slots[static_cast<size_t>(call.a)] = -1;
  }
  for (size_t slot = kept; slot < slots.size(); ++slot) {
    if (slots[slot] >= 0) close(slots[slot]);
  }
  return -1;
}

std::vector<char> read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) die(std::string(path) + ": " + std::strerror(errno));
  return {std::istreambuf_iterator<char>(file), {}};
}

void print_whole(Preparation& preparation, std::vector<int32_t>& slots, uint32_t kept) {
  const int64_t start = now(CLOCK_MONOTONIC), cpu_start = now(CLOCK_PROCESS_CPUTIME_ID);
  const long refused = replay(preparation.calls(), slots, kept, perform);
  const int64_t end = now(CLOCK_MONOTONIC), cpu_end = now(CLOCK_PROCESS_CPUTIME_ID);
  if (refused >= 0) die("call " + std::to_string(refused) + ": " + std::strerror(errno));
  std::printf("%lld %lld\n", static_cast<long long>(end - start), static_cast<long long>(cpu_end - cpu_start));
}

// Adds what one piece of work takes.
template <typename Work>
long charged(Charge& charge, Work work) {
  const int64_t start = now(CLOCK_MONOTONIC), cpu_start = now(CLOCK_THREAD_CPUTIME_ID);
  const long value = work();
  charge.worked += now(CLOCK_THREAD_CPUTIME_ID) - cpu_start;
  charge.passed += now(CLOCK_MONOTONIC) - start;
  ++charge.calls;
  return value;
}

// What looking at the clocks costs, where nothing comes between.
Charge least_charge() {
  Charge least{.passed = INT64_MAX, .worked = INT64_MAX};
  for (int i = 0; i < 10'000; ++i) {
    Charge one;
    charged(one, [] { return 0; });
    least = {.passed = std::min(least.passed, one.passed), .worked = std::min(least.worked, one.worked)};
  }
  return least;
}

void print_each(Preparation& preparation, std::vector<int32_t>& slots, uint32_t kept) {
  const Charge looking = least_charge();
  Charges charges{};
  const long refused = replay(preparation.calls(), slots, kept, [&charges](const Call& call) {
    return charged(charges[static_cast<size_t>(call.code)], [&call] { return perform(call); });
  });
  if (refused >= 0) die("call " + std::to_string(refused) + ": " + std::strerror(errno));
  for (size_t code = 0; code < charges.size(); ++code) {
    const Charge& charge = charges[code];
    if (charge.calls == 0) continue;
    const auto net = [&](int64_t Charge::*time) {
      return static_cast<long long>(charge.*time - looking.*time * charge.calls);
    };
    std::printf("%zu %lld %lld %lld\n", code, static_cast<long long>(charge.calls), net(&Charge::passed),
                net(&Charge::worked));
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) die("usage: replay PROGRAM [hold] [IMPORT...]");
  const std::vector<char> bytes = read_file(arguments[1]);
  program::Program program;
  if (const program::Defect defect = program::check(bytes.data(), bytes.size(), program); defect.name != nullptr) {
    die(std::string("the program is not sound: ") + defect.name);
  }
  const std::string mode = count > 2 ? arguments[2] : "";
  const bool hold = mode == "hold", each = mode == "each";
  const program::Header& header = program.header();
  std::vector<int32_t> slots(header.slot_count, -1);
  const int imports = hold || each ? 3 : 2;
  if (static_cast<uint32_t>(count - imports) != header.import_count) die("as many imports as the program has");
  for (int i = imports; i < count; ++i) {
    slots[static_cast<size_t>(i - imports)] = sys::openat(AT_FDCWD, arguments[i], O_PATH | O_CLOEXEC);
  }
  Preparation preparation(program);
  umask(0);
  (each ? print_each : print_whole)(preparation, slots, header.import_count + header.export_count);
  std::fflush(stdout);
  for (char byte; hold && read(STDIN_FILENO, &byte, 1) > 0;) continue;
  return 0;
}
