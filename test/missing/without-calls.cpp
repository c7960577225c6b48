// Runs a command, and all that it starts, on a kernel that seems to lack syscalls:
//
//   without-calls ERRNO NUMBER[,NUMBER...] COMMAND [ARG...]
//
// Each of the calls, given by number, is answered with ERRNO, a number too (seccomp(2), SECCOMP_RET_ERRNO).

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace {

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "without-calls: %s: %s\n", what, std::strerror(errno));
  std::exit(125);
}

std::vector<unsigned> numbers_in(const char* list) {
  std::vector<unsigned> numbers;
  for (char* rest = nullptr; *list != '\0'; list = *rest == ',' ? rest + 1 : rest) {
    numbers.push_back(static_cast<unsigned>(std::strtoul(list, &rest, 10)));
    if (rest == list) die("the list of calls");
  }
  return numbers;
}

std::vector<sock_filter> filter_for(const std::vector<unsigned>& numbers, unsigned error) {
  std::vector<sock_filter> filter{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const unsigned number : numbers) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return filter;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: without-calls ERRNO NUMBER[,NUMBER...] COMMAND [ARG...]\n", stderr);
    return 125;
  }
  std::vector<sock_filter> filter = filter_for(numbers_in(argv[2]), static_cast<unsigned>(std::atoi(argv[1])));
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  // Not PR_SET_NO_NEW_PRIVS, which the commands of tests would notice: CAP_SYS_ADMIN does instead.
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) die("seccomp");
  ::execvp(argv[3], argv + 3);
  die(argv[3]);
}
