// mountyard-enter: runs a command in the namespaces that inherited fds name. Node starts it as any child, so
// that no thread of Node's changes its namespace.
//
//   mountyard-enter [--user FD] [--pid FD] [--net FD] [--ipc FD] [--cgroup FD] [--mount FD] [--root FD]
//                   [--cwd PATH] [--uid N] [--gid N] -- COMMAND [ARG...]
//   mountyard-enter --keep FLAGS SOCKET
//
// With --user, the ids are 0 unless given, where the namespace maps 0. With --pid, COMMAND is a child of this
// process, which passes signals on and ends as it ends.
//
// Its exit status is the command's, or as with chroot(1): 125 it failed itself, 126 COMMAND cannot be run, 127
// COMMAND was not found.

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include <sched.h>
#include <sys/prctl.h>

#include "../sys/file_calls.h"
#include "../sys/process_calls.h"
#include "keep.h"
#include "proxy.h"
#include "seclude.h"

namespace {

namespace host = mountyard::host;
namespace sys = mountyard::sys;

constexpr int kOwnFailure = 125;
constexpr int kCannotRun = 126;
constexpr int kNotFound = 127;

// A namespace that can be entered, in the order in which they are: the user namespace comes first, because it
// gives the capabilities that entering the others asks for.
struct Door {
  const char* option;
  uint32_t type;
  const char* call;
};

constexpr Door kDoors[] = {
    {"--user", CLONE_NEWUSER, "setns(CLONE_NEWUSER)"},       {"--pid", CLONE_NEWPID, "setns(CLONE_NEWPID)"},
    {"--net", CLONE_NEWNET, "setns(CLONE_NEWNET)"},          {"--ipc", CLONE_NEWIPC, "setns(CLONE_NEWIPC)"},
    {"--cgroup", CLONE_NEWCGROUP, "setns(CLONE_NEWCGROUP)"}, {"--mount", CLONE_NEWNS, "setns(CLONE_NEWNS)"},
};
constexpr size_t kUser = 0;
constexpr size_t kPid = 1;

struct Options {
  std::optional<int> doors[std::size(kDoors)];
  std::optional<int> root;
  const char* cwd = "/";
  std::optional<int> uid;
  std::optional<int> gid;
  char** command = nullptr;
};

[[noreturn]] void die(int status, const char* what, int error) {
  std::fprintf(stderr, "mountyard-enter: %s: %s\n", what, std::strerror(error));
  std::_Exit(status);
}

void must(int value, const char* what) {
  if (value < 0) die(kOwnFailure, what, -value);
}

[[noreturn]] void die_of_usage(const char* problem, const char* word) {
  std::fprintf(stderr, "mountyard-enter: %s: %s\n", problem, word);
  std::_Exit(kOwnFailure);
}

int number(const char* option, const char* word) {
  char* end = nullptr;
  errno = 0;
  const long value = std::strtol(word, &end, 10);
  if (end == word || *end != '\0' || errno != 0 || value < 0 || value > INT_MAX) {
    die_of_usage(option, "expects a number");
  }
  return static_cast<int>(value);
}

std::optional<int>* door_named(Options& options, std::string_view option) {
  for (size_t index = 0; index < std::size(kDoors); ++index) {
    if (option == kDoors[index].option) return &options.doors[index];
  }
  return nullptr;
}

Options parse(int argc, char** argv) {
  Options options;
  int at = 1;
  for (; at < argc && std::string_view(argv[at]) != "--"; at += 2) {
    const std::string_view option = argv[at];
    if (at + 1 == argc) die_of_usage("no value for", argv[at]);
    const char* value = argv[at + 1];
    if (std::optional<int>* door = door_named(options, option)) {
      *door = number(argv[at], value);
    } else if (option == "--root") {
      options.root = number(argv[at], value);
    } else if (option == "--cwd") {
      options.cwd = value;
    } else if (option == "--uid") {
      options.uid = number(argv[at], value);
    } else if (option == "--gid") {
      options.gid = number(argv[at], value);
    } else {
      die_of_usage("unknown option", argv[at]);
    }
  }
  if (at + 1 >= argc) die_of_usage("expects", "-- COMMAND");
  options.command = argv + at + 1;
  return options;
}

void enter_namespaces(const Options& options) {
  for (size_t index = 0; index < std::size(kDoors); ++index) {
    if (options.doors[index]) must(sys::setns(*options.doors[index], kDoors[index].type), kDoors[index].call);
  }
  if (options.root) {
    must(sys::fchdir(*options.root), "fchdir to the root");
    must(sys::chroot("."), "chroot to the root");
  }
}

// A link of /proc may lead out of the root: getcwd(2) tells, with a path that is not absolute.
void enter_directory(const char* path) {
  must(::chdir(path) == 0 ? 0 : -errno, path);
  char found[PATH_MAX];
  must(sys::getcwd(found, sizeof found), path);
  if (found[0] != '/') die_of_usage("the working directory is outside of the root", path);
}

// Who enters a user namespace has every capability in it until execve(2) takes them from all but its uid 0. Where
// the namespace does not map 0 (EINVAL), or lets no groups be set (EPERM), they stay as they are.
void become_root() {
  sys::setgroups_none();
  sys::setresgid(0);
  sys::setresuid(0);
}

void take_ids(const Options& options) {
  if (options.uid || options.gid) {
    // A user namespace whose setgroups is "deny" answers EPERM: there the groups cannot be changed at all.
    const int error = sys::setgroups_none();
    if (error != -EPERM || !options.doors[kUser]) must(error, "setgroups");
  } else if (options.doors[kUser]) {
    become_root();
    return;
  }
  if (options.gid) must(sys::setresgid(static_cast<gid_t>(*options.gid)), "setresgid");
  if (options.uid) must(sys::setresuid(static_cast<uid_t>(*options.uid)), "setresuid");
}

}  // namespace

int main(int argc, char** argv) {
  const bool keeps = argc == 4 && std::string_view(argv[1]) == "--keep";
  char* nothing[] = {nullptr};
  const char* call = nullptr;
  // Who keeps namespaces may be the first process there, whose environment others see.
  if (argc > 0) {
    const int error = host::go_on_in_copy(argv, keeps ? nothing : environ, call);
    must(error, call);
  }
  if (keeps) {
    ::_exit(host::keep(static_cast<uint32_t>(std::strtoul(argv[2], nullptr, 10)), number("--keep", argv[3])));
  }
  host::hide();
  const Options options = parse(argc, argv);
  enter_namespaces(options);
  host::close_fds_but(STDERR_FILENO); // none leads to the working directory of the command
  if (options.doors[kPid]) must(host::go_on_in_child(), "fork");
  enter_directory(options.cwd);
  take_ids(options);
  host::hide(); // a change of ids may end that, too
  // After the change of ids, which clears it.
  if (options.doors[kPid]) sys::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::execvp(options.command[0], options.command);
  die(errno == ENOENT ? kNotFound : kCannotRun, options.command[0], errno);
}
