#include "packet.h"

#include <cstring>

#include "../sys/file_calls.h"
#include "../sys/process_calls.h"

namespace mountyard::host {

namespace {

union FdControl {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int) * kFdsInPacket)];
};

// One byte, which says nothing but that it came.
struct Answer {
  char byte = 0;
  iovec body{&byte, sizeof byte};
  msghdr message{};
  Answer() noexcept {
    message.msg_iov = &body;
    message.msg_iovlen = 1;
  }
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
};

int send_message(int socket, const msghdr& message) noexcept {
  long sent;
  do {
    sent = sys::sendmsg(socket, message, MSG_NOSIGNAL);
  } while (sent == -EINTR);
  return static_cast<int>(sent);
}

int receive_message(int socket, msghdr& message) noexcept {
  long received;
  do {
    received = sys::recvmsg(socket, message, MSG_CMSG_CLOEXEC);
  } while (received == -EINTR);
  return static_cast<int>(received);
}

}  // namespace

int send_packet(int socket, const Packet& packet, const int* fds) noexcept {
  iovec body{const_cast<Packet*>(&packet), sizeof packet};
  msghdr message{};
  message.msg_iov = &body;
  message.msg_iovlen = 1;
  FdControl control{};
  if (packet.count > 0) {
    const size_t size = sizeof(int) * packet.count;
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(&control.header), fds, size);
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(size);
  }
  return send_message(socket, message);
}

int receive_packet(int socket, Packet& packet, int (&fds)[kFdsInPacket]) noexcept {
  iovec body{&packet, sizeof packet};
  FdControl control{};
  msghdr message{};
  message.msg_iov = &body;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = sizeof control;
  const int received = receive_message(socket, message);
  if (received <= 0) return received;

  const cmsghdr* rights = CMSG_FIRSTHDR(&message);
  const size_t bytes = rights == nullptr ? 0 : rights->cmsg_len - CMSG_LEN(0);
  if (bytes > 0) std::memcpy(&fds[0], CMSG_DATA(rights), bytes);
  // The kernel leaves out what the receiver has no room for.
  if (packet.kind == Packet::Kind::exports && bytes != sizeof(int) * packet.count) {
    for (size_t index = 0; index < bytes / sizeof(int); ++index) sys::close(fds[index]);
    return -EMFILE;
  }
  return received;
}

int send_answer(int socket) noexcept {
  const Answer answer;
  return send_message(socket, answer.message);
}

int receive_answer(int socket) noexcept {
  Answer answer;
  return receive_message(socket, answer.message);
}

}  // namespace mountyard::host
