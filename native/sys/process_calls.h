#pragma once

#include <cstdint>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "call.h"

namespace mountyard::sys {

// int setns(int fd, int type)
inline int setns(int fd, uint32_t type) noexcept { return int_call(SYS_setns, fd, type); }

// int unshare(int flags)
inline int unshare(uint64_t flags) noexcept { return int_call(SYS_unshare, flags); }

// int fchdir(int fd)
inline int fchdir(int fd) noexcept { return int_call(SYS_fchdir, fd); }

// int chroot(const char *path)
inline int chroot(const char* path) noexcept { return int_call(SYS_chroot, path); }

// mode_t umask(mode_t mask)
inline int umask(uint32_t mask) noexcept { return int_call(SYS_umask, mask); }

// int setresuid(uid_t real, uid_t effective, uid_t saved). Of the calling thread only, unlike libc's.
inline int setresuid(uid_t uid) noexcept { return int_call(SYS_setresuid, uid, uid, uid); }

// int setresgid(gid_t real, gid_t effective, gid_t saved). Of the calling thread only, unlike libc's.
inline int setresgid(gid_t gid) noexcept { return int_call(SYS_setresgid, gid, gid, gid); }

// int setgroups(size_t size, const gid_t *list), with none
inline int setgroups_none() noexcept { return int_call(SYS_setgroups, 0, nullptr); }

// int prctl(int option, unsigned long argument)
inline int prctl(int option, unsigned long argument) noexcept {
  return int_call(SYS_prctl, option, argument, 0, 0, 0);
}

// int clone(unsigned long flags, NULL, ...): a copy of this process that sends no signal when it ends, so that
// neither libuv's SIGCHLD handler nor another library's waitpid(-1) takes notice of it.
inline pid_t clone_quietly() noexcept { return int_call(SYS_clone, 0, nullptr, nullptr, nullptr, nullptr); }

// pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage). __WALL: see clone_quietly.
inline int wait_for(pid_t pid) noexcept {
  int result;
  do {
    result = int_call(SYS_wait4, pid, nullptr, __WALL, nullptr);
  } while (result == -EINTR);
  return result;
}

// void exit_group(int status)
[[noreturn]] inline void exit_group(int status) noexcept {
  for (;;) call(SYS_exit_group, status);
}

// int execveat(int fd, "", char *const argv[], char *const environment[], AT_EMPTY_PATH). Returns -errno, or not.
inline int execveat(int program, char* const* argv, char* const* environment) noexcept {
  return int_call(SYS_execveat, program, "", argv, environment, AT_EMPTY_PATH);
}

// int pidfd_open(pid_t pid, unsigned int flags)
inline int pidfd_open(pid_t pid, uint32_t flags) noexcept { return int_call(SYS_pidfd_open, pid, flags); }

// int poll(struct pollfd *fds, nfds_t count, int timeout), of one fd and without waiting. The events that it has.
inline int poll_now(int fd, int16_t events) noexcept {
  pollfd one{.fd = fd, .events = events, .revents = 0};
  const timespec none{};
  const int error = int_call(SYS_ppoll, &one, 1, &none, nullptr, 0);
  return error < 0 ? error : one.revents;
}

// int socketpair(int domain, int type, int protocol, int pair[2])
inline int socketpair(int domain, int type, int (&pair)[2]) noexcept {
  return int_call(SYS_socketpair, domain, type, 0, &pair[0]);
}

// ssize_t sendmsg(int socket, const struct msghdr *message, int flags)
inline long sendmsg(int socket, const msghdr& message, int flags) noexcept {
  return call(SYS_sendmsg, socket, &message, flags);
}

// ssize_t recvmsg(int socket, struct msghdr *message, int flags)
inline long recvmsg(int socket, msghdr& message, int flags) noexcept {
  return call(SYS_recvmsg, socket, &message, flags);
}

// int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask, size_t)
inline int ppoll(pollfd& one, const timespec* timeout) noexcept {
  return int_call(SYS_ppoll, &one, 1, timeout, nullptr, 0);
}

}  // namespace mountyard::sys
