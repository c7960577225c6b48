#pragma once

#include <cerrno>
#include <new>

#include <napi.h>

namespace mountyard::binding {

// The parts of `Native` in lib/system/calls/native.ts.
Napi::Object make_sys(Napi::Env env);
void add_queries(Napi::Object sys);
void add_stats(Napi::Object sys);
Napi::Object make_format(Napi::Env env);
void add_run(Napi::Object exports);

using Function = Napi::Value(const Napi::CallbackInfo&);

// What a function answers, or -ENOMEM where there was no memory to work it out.
inline Napi::Value call(const Napi::CallbackInfo& info) {
  try {
    return reinterpret_cast<Function*>(info.Data())(info);
  } catch (const std::bad_alloc&) {
    return Napi::Number::New(info.Env(), -ENOMEM);
  }
}

inline void add(Napi::Object to, const char* name, Function* function) {
  to[name] = Napi::Function::New(to.Env(), call, name, reinterpret_cast<void*>(function));
}

}  // namespace mountyard::binding
