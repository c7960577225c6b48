#include "exports.h"

namespace {

// Nothing here is kept for the process: each worker thread that loads the addon gets objects of its own.
Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports["sys"] = mountyard::binding::make_sys(env);
  exports["format"] = mountyard::binding::make_format(env);
  mountyard::binding::add_run(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(mountyard, initialize)
