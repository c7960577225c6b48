#include "keep.h"

#include <cerrno>
#include <csignal>
#include <utility>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sys/fd.h"
#include "../sys/process_calls.h"
#include "seclude.h"

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

// Has no directory of the host any more, where that is permitted, and shows nobody in the namespaces what it has.
void leave(const sys::Fd& nowhere) {
  if (nowhere.is_open() && sys::fchdir(nowhere.get()) == 0) static_cast<void>(sys::chroot("."));
  hide();
}

// Its files can be opened until the starter has opened them.
void live(int socket, sys::Fd nowhere) {
  if (!hear(socket)) return;
  leave(nowhere);
  nowhere.reset();
  if (!say(socket, 0)) return;
  while (hear(socket)) {
  }
}

// The first process of a pid namespace is the parent of all that lose theirs; when it ends, so do they.
[[noreturn]] void live_as_first(int socket, sys::Fd nowhere) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::signal(SIGCHLD, SIG_IGN);
  live(socket, std::move(nowhere));
  ::_exit(0);
}

}  // namespace

int keep(uint32_t flags, int socket) {
  close_fds_but(socket);
  // The namespaces are ended by their keeper's owner alone, and not with the group of processes it was started in.
  ::setsid();
  sys::Fd nowhere(open_nowhere()); // by the privilege that this process was started with
  if (::chdir("/") != 0 || ::unshare(static_cast<int>(flags)) != 0) {
    say(socket, errno);
    return 1;
  }
  if (!say(socket, 0) || !hear(socket)) return 1;
  if ((flags & CLONE_NEWPID) == 0) {
    say(socket, ::getpid());
    live(socket, std::move(nowhere));
    return 0;
  }
  const pid_t first = ::fork();
  if (first == 0) live_as_first(socket, std::move(nowhere));
  const int error = errno;
  leave(nowhere);
  nowhere.reset();
  say(socket, first < 0 ? -error : first);
  if (first > 0) ::waitpid(first, nullptr, 0);
  return 0;
}

}  // namespace mountyard::host
