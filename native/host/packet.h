#pragma once

// What a forked child and its parent say to each other over a SOCK_SEQPACKET pair. The child sends `ready` once
// it has its namespaces and waits for an answer, sends `exports` with the fds attached and waits again, batch
// by batch, and sends `result` last. The parent's answers are one byte; the end of the stream is its refusal.

#include <cstdint>

#include "../program/run.h"
#include "stage.h"

namespace mountyard::host {

// Below the kernel's SCM_MAX_FD (253). One batch is in flight at a time, so that a low RLIMIT_NOFILE, which
// bounds fds in flight too, is no obstacle.
inline constexpr uint32_t kFdsInPacket = 64;

struct Packet {
  enum class Kind : uint32_t { ready, failed, exports, result };

  Kind kind = Kind::ready;
  Failure failure;                  // failed
  uint32_t count = 0;               // exports: how many
  uint32_t slots[kFdsInPacket]{};   // exports: which export slot each fd is of
  program::Result result;           // result
};

// All of these are safe in a child after fork. The value, or -errno.
int send_packet(int socket, const Packet& packet, const int* fds) noexcept;
// The number of bytes received, 0 at the end of the stream. `fds` receives packet.count fds, close-on-exec.
// -EMFILE when there was no room for them all: then none is kept.
int receive_packet(int socket, Packet& packet, int (&fds)[kFdsInPacket]) noexcept;
int send_answer(int socket) noexcept;
// 1, 0 at the end of the stream.
int receive_answer(int socket) noexcept;

}  // namespace mountyard::host
