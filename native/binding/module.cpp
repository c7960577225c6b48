#include "exports.h"

#ifdef MOUNTYARD_FAULTS
#include "../sys/faults.h"
#endif

namespace {

#ifdef MOUNTYARD_FAULTS
namespace faults = mountyard::sys::faults;

// word(index) reads a word of the page that arms faults, word(index, value) writes it.
Napi::Value fault_word(const Napi::CallbackInfo& info) {
  const auto index = info[0].As<Napi::Number>().Int32Value();
  if (info.Length() > 1) faults::word(index) = info[1].As<Napi::Number>().Int32Value();
  return Napi::Number::New(info.Env(), faults::word(index));
}
#endif

// Nothing here is kept for the process: each worker thread that loads the addon gets objects of its own, and its fds
// go with it.
Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports["sys"] = mountyard::binding::make_sys(env);
  exports["format"] = mountyard::binding::make_format(env);
  mountyard::binding::add_run(exports);
#ifdef MOUNTYARD_FAULTS
  mountyard::binding::add(exports, "faultWord", fault_word);
#endif
  return exports;
}

}  // namespace

NODE_API_MODULE(mountyard, initialize)
