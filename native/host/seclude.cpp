#include "seclude.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../sys/fd.h"
#include "../sys/file_calls.h"
#include "../sys/mount_calls.h"
#include "../sys/process_calls.h"

namespace mountyard::host {

namespace {

constexpr char kName[] = "mountyard-enter";
constexpr char kCopyName[] = "mountyard-enter (copy)";

// Since Linux 6.3 it has to be said that memory is to be run, where the sysctl vm.memfd_noexec is 1.
int open_memory() {
#ifndef MFD_EXEC
  constexpr unsigned kExec = 0x10;
#else
  constexpr unsigned kExec = MFD_EXEC;
#endif
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const int memory = sys::memfd_create(kName, kFlags | kExec);
  return memory == -EINVAL ? sys::memfd_create(kName, kFlags) : memory;
}

int copy_into(int memory, int program) {
  struct stat status{};
  if (::fstat(program, &status) != 0) return -errno;
  for (off_t left = status.st_size; left > 0;) {
    const ssize_t sent = ::sendfile(memory, program, nullptr, static_cast<size_t>(left));
    if (sent < 0) return -errno;
    if (sent == 0) return -ESTALE;
    left -= sent;
  }
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  return ::fcntl(memory, F_ADD_SEALS, kSeals) == 0 ? 0 : -errno;
}

void close_range(unsigned first, unsigned last) {
  if (first > last || sys::close_range(first, last, 0) == 0) return;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t end = std::min<rlim_t>(limit.rlim_cur, rlim_t{last} + 1);
  for (rlim_t fd = first; fd < end; ++fd) static_cast<void>(sys::close(static_cast<int>(fd)));
}

}  // namespace

int go_on_in_copy(char** argv, char** environment, const char*& call) {
  if (std::strcmp(argv[0], kCopyName) == 0) {
    ::prctl(PR_SET_NAME, kName);  // else it has the number of an fd for its name
    return 0;
  }
  call = "memfd_create";
  const sys::Fd memory(open_memory());
  if (!memory.is_open()) {
    const int error = memory.get();
    return error == -EACCES || error == -EPERM || error == -ENOSYS ? 0 : error;
  }
  // The path that this program was started by; no process has a say in it.
  call = "open of its own program";
  const auto* path = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  const sys::Fd program(sys::openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC));
  if (!program.is_open()) return program.get();
  call = "copy of its own program";
  if (const int error = copy_into(memory.get(), program.get()); error < 0) return error;
  call = "execveat of the copy";
  char copy_name[sizeof kCopyName];
  std::memcpy(copy_name, kCopyName, sizeof kCopyName);
  argv[0] = copy_name;
  return sys::execveat(memory.get(), argv, environment);
}

void hide() { sys::prctl(PR_SET_DUMPABLE, 0); }

int open_nowhere() {
  const sys::Fd context(sys::fsopen("tmpfs", FSOPEN_CLOEXEC));
  if (!context.is_open()) return context.get();
  const int made = sys::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0);
  return made < 0 ? made : sys::fsmount(context.get(), FSMOUNT_CLOEXEC, 0);
}

void close_fds_but(int kept) {
  constexpr unsigned kFirst = STDERR_FILENO + 1;
  if (kept < static_cast<int>(kFirst)) return close_range(kFirst, UINT_MAX);
  const auto number = static_cast<unsigned>(kept);
  close_range(kFirst, number - 1);
  close_range(number + 1, UINT_MAX);
}

}  // namespace mountyard::host
