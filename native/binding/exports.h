#pragma once

#include <napi.h>

namespace mountyard::binding {

// The parts of `Native` in lib/system/native.ts.
Napi::Object make_sys(Napi::Env env);
void add_queries(Napi::Object sys);
void add_stats(Napi::Object sys);
Napi::Object make_format(Napi::Env env);
void add_run(Napi::Object exports);

inline void add(Napi::Object to, const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
  to[name] = Napi::Function::New(to.Env(), function, name);
}

}  // namespace mountyard::binding
