#pragma once

namespace mountyard::host {

// What processes in a namespace could reach by way of one that is there for them, or on its way in.

// Goes on in a copy of this program in memory that nobody can write to. /proc/PID/exe leads to the file that a process
// runs from: without it that would be the host's own (CVE-2019-5736). The copy gets `environment`, and a name of its own
// as argv[0]. Returns in the copy, with 0; or where the kernel lets no memory be run (vm.memfd_noexec), in this
// program, with 0; else -errno, and the call that was refused in `call`.
int go_on_in_copy(char** argv, char** environment, const char*& call);

// Who has no privilege over the user namespace that this program was started in can neither trace this process nor
// follow its links in /proc, until execve(2).
void hide();

// A detached, empty tmpfs, or -errno.
int open_nowhere();

// Closes all but the standard ones and this. Before Linux 5.9 each is closed by itself.
void close_fds_but(int kept);

}  // namespace mountyard::host
