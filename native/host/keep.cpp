#include "keep.h"

#include <cerrno>
#include <csignal>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mountyard::host {

namespace {

bool say(int socket, int32_t number) { return ::write(socket, &number, sizeof number) == sizeof number; }

// Whether a byte came; else the stream has ended.
bool hear(int socket) {
  char byte;
  ssize_t size;
  do {
    size = ::read(socket, &byte, sizeof byte);
  } while (size < 0 && errno == EINTR);
  return size > 0;
}

// The first process of a pid namespace is the parent of all that lose theirs; when it ends, so do they.
[[noreturn]] void live_as_first(int socket) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::signal(SIGCHLD, SIG_IGN);
  while (hear(socket)) {
  }
  ::_exit(0);
}

}  // namespace

int keep(uint32_t flags, int socket) {
  // The namespaces are ended by their keeper's owner alone, and not with the group of processes it was started in.
  ::setsid();
  if (::chdir("/") != 0 || ::unshare(static_cast<int>(flags)) != 0) {
    say(socket, errno);
    return 1;
  }
  if (!say(socket, 0) || !hear(socket)) return 1;
  if ((flags & CLONE_NEWPID) == 0) {
    say(socket, ::getpid());
    while (hear(socket)) {
    }
    return 0;
  }
  const pid_t first = ::fork();
  if (first == 0) live_as_first(socket);
  say(socket, first < 0 ? -errno : first);
  if (first > 0) ::waitpid(first, nullptr, 0);
  return 0;
}

}  // namespace mountyard::host
