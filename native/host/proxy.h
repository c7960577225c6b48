#pragma once

namespace mountyard::host {

// Forks. Returns in the child, with 0, or in this process when there is no child to be had, with -errno; otherwise
// this process passes the signals that it is sent on to the child, stops when that stops, and ends as it ends.
int go_on_in_child();

}  // namespace mountyard::host
