#include "proxy.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mountyard::host {

namespace {

[[noreturn]] void end_as(int status) {
  if (WIFEXITED(status)) std::_Exit(WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  // The core, if any, is the child's.
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  std::signal(number, SIG_DFL);
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, number);
  ::sigprocmask(SIG_UNBLOCK, &one, nullptr);
  ::raise(number);
  std::_Exit(128 + number);
}

// What became of the child since the last time.
void look_after(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, WNOHANG | WUNTRACED) == child) {
    if (!WIFSTOPPED(status)) end_as(status);
    ::raise(SIGSTOP);
  }
}

[[noreturn]] void attend(pid_t child, const sigset_t& all) {
  for (;;) {
    siginfo_t signal;
    const int number = ::sigwaitinfo(&all, &signal);
    if (number < 0) continue;
    // A terminal sends its signals (si_code > 0) to the child itself, which is in the same process group.
    if (number != SIGCHLD && signal.si_code <= 0) ::kill(child, number);
    look_after(child);
  }
}

}  // namespace

int go_on_in_child() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t child = ::fork();
  if (child < 0) return -errno;
  if (child > 0) attend(child, all);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  return 0;
}

}  // namespace mountyard::host
