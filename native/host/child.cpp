#include "child.h"

#include <climits>
#include <csignal>
#include <sched.h>
#include <sys/prctl.h>

#include "../sys/file_calls.h"
#include "../sys/process_calls.h"
#include "packet.h"

namespace mountyard::host {

namespace {

void close_all_but(const int* kept, size_t count) noexcept {
  unsigned first = STDERR_FILENO + 1;
  for (size_t index = 0; index < count; ++index) {
    const unsigned number = static_cast<unsigned>(kept[index]);
    if (number < first) continue;
    // ENOSYS (before Linux 5.9) leaves them open for the short life of this process.
    if (number > first) sys::close_range(first, number - 1, 0);
    first = number + 1;
  }
  sys::close_range(first, UINT_MAX, 0);
}

// The signal comes when the *thread* that forked ends; that thread waits for this process. Set before the
// parent's answer is awaited, so that a parent that died earlier shows as the end of the stream.
void die_with_parent() noexcept { sys::prctl(PR_SET_PDEATHSIG, SIGKILL); }

// Who is root in a user namespace that this process enters could otherwise trace it, and it has a copy of all that the
// parent has in memory.
void hide() noexcept { sys::prctl(PR_SET_DUMPABLE, 0); }

[[noreturn]] void fail(int socket, Stage stage, int error) noexcept {
  Packet packet;
  packet.kind = Packet::Kind::failed;
  packet.failure = {stage, -error};
  send_packet(socket, packet, nullptr);
  sys::exit_group(1);
}

// A process is never in the pid namespace that it unshares or enters: its next child is, and only that
// child may mount a proc of it. So the child goes on there, and the process in between only waits.
void enter_pid_namespace(int socket) noexcept {
  const pid_t inner = sys::clone_quietly();
  if (inner < 0) fail(socket, Stage::fork, inner);
  if (inner == 0) {
    die_with_parent();
    return;
  }
  sys::close(socket);
  sys::wait_for(inner);
  sys::exit_group(0);
}

bool changes_pid_namespace(const ChildOrders& orders) noexcept {
  uint32_t types = orders.unshare;
  for (size_t index = 0; index < orders.enter_count; ++index) types |= orders.enter[index].type;
  return (types & CLONE_NEWPID) != 0;
}

// Without an id that the namespace maps, this process could not own what it creates (EOVERFLOW). A map without
// 0 answers EINVAL: then the ids stay, as the map shows them. A change of ids clears the parent-death signal.
void become_root() noexcept {
  sys::setresgid(0);
  sys::setresuid(0);
  die_with_parent();
}

void send_exports(const ChildOrders& orders) noexcept {
  const program::Header& header = orders.program->header();
  const int* exports = orders.memory.slots + header.import_count;
  Packet packet;
  packet.kind = Packet::Kind::exports;
  int fds[kFdsInPacket];
  for (uint32_t slot = 0; slot < header.export_count; ++slot) {
    if (exports[slot] >= 0) {
      packet.slots[packet.count] = slot;
      fds[packet.count++] = exports[slot];
    }
    const bool last = slot + 1 == header.export_count;
    if (packet.count == 0 || (packet.count < kFdsInPacket && !last)) continue;
    const int sent = send_packet(orders.socket, packet, fds);
    if (sent < 0) fail(orders.socket, Stage::receive, sent);
    if (receive_answer(orders.socket) <= 0) sys::exit_group(1);
    packet.count = 0;
  }
}

}  // namespace

void live_as_child(const ChildOrders& orders) noexcept {
  die_with_parent();
  close_all_but(orders.kept_fds, orders.kept_count);
  sys::umask(0);
  // The parent, when it may be anybody, has to write the maps of a new user namespace first; there nobody else is yet.
  if ((orders.unshare & CLONE_NEWUSER) == 0) hide();
  const int entered = enter_all(orders.enter, orders.enter_count);
  if (entered < 0) fail(orders.socket, Stage::setns, entered);
  const int unshared = sys::unshare(orders.unshare);
  if (unshared < 0) fail(orders.socket, Stage::unshare, unshared);
  if (changes_pid_namespace(orders)) enter_pid_namespace(orders.socket);

  Packet packet;
  if (send_packet(orders.socket, packet, nullptr) < 0 || receive_answer(orders.socket) <= 0) sys::exit_group(1);
  if (orders.program == nullptr) sys::exit_group(0);
  if (orders.become_root) become_root();
  hide();

  program::run(*orders.program, orders.memory, orders.control, packet.result);
  if (packet.result.status == program::Status::done) send_exports(orders);
  packet.kind = Packet::Kind::result;
  send_packet(orders.socket, packet, nullptr);
  sys::exit_group(0);
}

}  // namespace mountyard::host
