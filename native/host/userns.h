#pragma once

#include "../sys/fd.h"
#include "id_maps.h"

namespace mountyard::host {

// A user namespace with these maps in which nobody lives, for an idmapped mount. Call it in a fresh thread.
Failure make_user_namespace(const IdMaps& maps, sys::Fd& user_namespace);

}  // namespace mountyard::host
