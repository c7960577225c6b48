#include "fork.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include <sched.h>
#include <sys/mman.h>

#include "../sys/process_calls.h"
#include "packet.h"
#include "child_process.h"

namespace mountyard::host {

namespace {

// The caller's control words and list of tolerated ops are private memory, which a fork copies: the child reads and
// writes this memory and the parent carries it over.
class SharedControl {
 public:
  explicit SharedControl(uint32_t op_count) noexcept
      : size_(kWords + op_count),
        page_(::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)),
        error_(page_ == MAP_FAILED ? errno : 0) {}
  SharedControl(const SharedControl&) = delete;
  SharedControl& operator=(const SharedControl&) = delete;
  ~SharedControl() {
    if (error_ == 0) ::munmap(page_, size_);
  }

  [[nodiscard]] int error() const noexcept { return error_; }
  [[nodiscard]] program::Control words() const noexcept {
    auto* words = static_cast<int32_t*>(page_);
    return {.cancel = words, .progress = words + 1};
  }

  [[nodiscard]] uint8_t* tolerated() const noexcept { return static_cast<uint8_t*>(page_) + kWords; }

  void carry_over(const program::Control& caller) const noexcept {
    if (caller.cancel != nullptr) copy(*caller.cancel, *words().cancel);
    if (caller.progress != nullptr) copy(*words().progress, *caller.progress);
  }

 private:
  static constexpr size_t kWords = 2 * sizeof(int32_t);

  static void copy(int32_t& from, int32_t& to) noexcept {
    std::atomic_ref(to).store(std::atomic_ref(from).load(std::memory_order_relaxed), std::memory_order_relaxed);
  }

  size_t size_;
  void* page_;
  int error_;
};

constexpr timespec kCarryInterval{.tv_sec = 0, .tv_nsec = 5'000'000};

// Waits for the child's next packet and meanwhile carries the control words over, when there are any.
void await_packet(int socket, const SharedControl& control, const program::Control& caller) noexcept {
  if (caller.cancel == nullptr && caller.progress == nullptr) return;
  pollfd readable{.fd = socket, .events = POLLIN, .revents = 0};
  do {
    control.carry_over(caller);
  } while (sys::ppoll(readable, &kCarryInterval) == 0);
  control.carry_over(caller);
}

bool enters_user_namespace(const std::vector<Entrance>& entrances) noexcept {
  return std::any_of(entrances.begin(), entrances.end(),
                     [](const Entrance& entrance) { return entrance.type == CLONE_NEWUSER; });
}

void keep_exports(const Packet& packet, const int (&fds)[kFdsInPacket], std::vector<sys::Fd>& exports) noexcept {
  for (uint32_t index = 0; index < packet.count; ++index) exports[packet.slots[index]] = sys::Fd(fds[index]);
}

}  // namespace

Failure run_in_child(const ChildRun& run, program::Result& result, std::vector<sys::Fd>& exports) noexcept {
  const uint32_t op_count = run.program.header().op_count;
  const SharedControl control(op_count);
  if (control.error() != 0) return {Stage::control, control.error()};
  ChildProcess child;
  ChildOrders orders{};
  orders.enter = run.enter.data();
  orders.enter_count = run.enter.size();
  orders.unshare = run.unshare;
  orders.become_root = !run.maps.uid_map.empty() || enters_user_namespace(run.enter);
  orders.program = &run.program;
  orders.memory = {run.memory.slots, control.tolerated()};
  orders.control = control.words();
  if (const Failure failure = child.start(orders, run.kept_fds, run.maps); failure.stage != Stage::none) {
    return failure;
  }
  control.carry_over(run.control);
  // Without its answer the child would wait, and so would its parent.
  if (send_answer(child.socket()) < 0) return {Stage::child, ECHILD};

  Packet packet;
  int fds[kFdsInPacket];
  for (;;) {
    await_packet(child.socket(), control, run.control);
    const int received = receive_packet(child.socket(), packet, fds);
    if (received == -EMFILE) return {Stage::receive, EMFILE};
    if (received <= 0) return {Stage::child, ECHILD};
    switch (packet.kind) {
      case Packet::Kind::exports:
        keep_exports(packet, fds, exports);
        if (send_answer(child.socket()) < 0) return {Stage::child, ECHILD};
        break;
      case Packet::Kind::result:
        result = packet.result;
        std::memcpy(run.memory.tolerated, control.tolerated(), op_count);
        return {};
      case Packet::Kind::ready:
      case Packet::Kind::failed:
        return packet.failure;
    }
  }
}

}  // namespace mountyard::host
