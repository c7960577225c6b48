#pragma once

#include <cstdint>

namespace mountyard::host {

// Makes the namespaces that `flags` (CLONE_NEW bits) say and keeps them until `socket` ends, for a starter that
// opens their files. With a new pid namespace its first process is a child of this one, and waits there.
//
// Says 0 or an errno when it has unshared; waits for a byte, while the starter writes the maps of a new user
// namespace; then says the id of the process that has all the namespaces, or a negative errno; waits for a byte, while
// the starter opens those; and says 0 when it is out of the reach of processes in them. Returns an exit status.
int keep(uint32_t flags, int socket);

}  // namespace mountyard::host
