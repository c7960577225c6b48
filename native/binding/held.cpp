// The calls of NativeSys that close fds, and those that say whose they are.

#include "held.h"

#include "../host/halves.h"
#include "../sys/file_calls.h"
#include "arguments.h"
#include "exports.h"

namespace mountyard::binding {

namespace {

using Napi::CallbackInfo;
using Napi::Value;

HeldFds& held(const CallbackInfo& info) { return *info.Env().GetInstanceData<HeldFds>(); }

Value hold_each(const CallbackInfo& info) {
  const Napi::Int32Array fds = to_int32_array(info[0], "fds");
  for (size_t index = 0; index < fds.ElementLength(); ++index) {
    if (fds[index] >= 0) held(info).hold(fds[index]);
  }
  return Arguments(info).number(0);
}

Value let_go(const CallbackInfo& info) {
  const Arguments in(info);
  held(info).let_go(in.fd(0));
  return in.number(0);
}

Value close(const CallbackInfo& info) {
  const Arguments in(info);
  held(info).let_go(in.fd(0));
  return in.number(sys::close(in.fd(0)));
}

Value close_each(const CallbackInfo& info) {
  const Napi::Int32Array fds = to_int32_array(info[0], "fds");
  HeldFds& mine = held(info);
  const int* const all = fds.Data();
  for (size_t index = 0; index < fds.ElementLength(); ++index) mine.let_go(all[index]);
  host::in_halves(fds.ElementLength(), [&](size_t begin, size_t end) noexcept {
    for (size_t index = begin; index < end; ++index) {
      if (all[index] >= 0) sys::close(all[index]);
    }
  });
  return Arguments(info).number(0);
}

}  // namespace

HeldFds::~HeldFds() {
  for (const int fd : fds_) sys::close(fd);
}

void add_held(Napi::Object sys) {
  sys.Env().SetInstanceData(new HeldFds);
  add(sys, "holdEach", hold_each);
  add(sys, "letGo", let_go);
  add(sys, "close", close);
  add(sys, "closeEach", close_each);
}

}  // namespace mountyard::binding
