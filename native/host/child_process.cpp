#include "child_process.h"

#include <algorithm>

#include "../sys/process_calls.h"
#include "packet.h"

namespace mountyard::host {

namespace {

// The child's first packet: it is ready, or says what it could not have.
Failure await_ready(int socket) noexcept {
  Packet packet;
  int fds[kFdsInPacket];
  if (receive_packet(socket, packet, fds) <= 0) return {Stage::child, ECHILD};
  return packet.failure;
}

}  // namespace

ChildProcess::~ChildProcess() {
  socket_.reset();
  if (pid_ > 0) sys::wait_for(pid_);
}

Failure ChildProcess::start(ChildOrders orders, std::vector<int>& kept_fds, const IdMaps& maps) noexcept {
  // Before the fork, so that an unusable /proc costs no process.
  procfs_ = sys::Fd(open_procfs());
  if (!procfs_.is_open()) return {Stage::procfs, -procfs_.get()};
  int pair[2];
  if (const int error = sys::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, pair); error < 0) {
    return {Stage::socketpair, -error};
  }
  socket_ = sys::Fd(pair[0]);
  sys::Fd child_socket(pair[1]);

  orders.socket = child_socket.get();
  kept_fds.insert(std::upper_bound(kept_fds.begin(), kept_fds.end(), orders.socket), orders.socket);
  orders.kept_fds = kept_fds.data();
  orders.kept_count = kept_fds.size();
  pid_ = sys::clone_quietly();
  if (pid_ == 0) {
    // Its own copy of the parent's end would keep the stream from ending.
    sys::close(pair[0]);
    live_as_child(orders);
  }
  if (pid_ < 0) return {Stage::fork, -pid_};
  child_socket.reset();

  const Failure failure = await_ready(socket_.get());
  if (failure.stage != Stage::none) return failure;
  return write_id_maps(procfs_.get(), pid_, maps);
}

}  // namespace mountyard::host
