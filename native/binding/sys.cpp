// NativeSys of lib/system/calls/native.ts: one function a syscall, in the calling thread.

#include "../sys/file_calls.h"
#include "../sys/mount_calls.h"
#include "../sys/process_calls.h"
#include "arguments.h"
#include "exports.h"
#include "held.h"

namespace mountyard::binding {

namespace {

using Napi::CallbackInfo;
using Napi::Value;

Value mount(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::mount(in.nullable(0).c_str(), in.bytes(1).c_str(), in.nullable(2).c_str(), in.bits(3),
                              in.nullable(4).c_str()));
}

Value umount2(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::umount2(in.bytes(0).c_str(), in.flags(1)));
}

Value open_tree(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::open_tree(in.fd(0), in.bytes(1).c_str(), in.flags(2)));
}

// The words of struct mount_attr in one argument: node-addon-api allocates for more than six, outside `call`.
mount_attr attributes(const Arguments& in) {
  const Napi::BigUint64Array words = in.words(3, sizeof(mount_attr) / sizeof(uint64_t));
  mount_attr attributes{};
  attributes.attr_set = words[0];
  attributes.attr_clr = words[1];
  attributes.propagation = words[2];
  attributes.userns_fd = words[3];
  return attributes;
}

Value open_tree_attr(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::open_tree_attr(in.fd(0), in.bytes(1).c_str(), in.flags(2), attributes(in)));
}

Value move_mount(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(
      sys::move_mount(in.fd(0), in.bytes(1).c_str(), in.fd(2), in.bytes(3).c_str(), in.flags(4)));
}

Value mount_setattr(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::mount_setattr(in.fd(0), in.bytes(1).c_str(), in.flags(2), attributes(in)));
}

Value fsopen(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::fsopen(in.bytes(0).c_str(), in.flags(1)));
}

Value fsconfig(const CallbackInfo& info) {
  const Arguments in(info);
  const uint32_t command = in.flags(1);
  const NullableString value = in.nullable(3);
  const int aux = in.fd(4);
  // This one command reads `aux` bytes of the value.
  if (command == FSCONFIG_SET_BINARY && (aux < 0 || static_cast<size_t>(aux) > value.size())) {
    return in.number(-EINVAL);
  }
  return in.number(sys::fsconfig(in.fd(0), command, in.nullable(2).c_str(), value.c_str(), aux));
}

Value fsmount(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::fsmount(in.fd(0), in.flags(1), in.flags(2)));
}

Value fspick(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::fspick(in.fd(0), in.bytes(1).c_str(), in.flags(2)));
}

Value openat2(const CallbackInfo& info) {
  const Arguments in(info);
  open_how how{};
  how.flags = in.bits(2);
  how.mode = in.bits(3);
  how.resolve = in.bits(4);
  return in.number(sys::openat2(in.fd(0), in.bytes(1).c_str(), how));
}

Value mkdirat(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::mkdirat(in.fd(0), in.bytes(1).c_str(), in.flags(2)));
}

Value mknodat(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::mknodat(in.fd(0), in.bytes(1).c_str(), in.flags(2), in.bits(3)));
}

Value symlinkat(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::symlinkat(in.bytes(0).c_str(), in.fd(1), in.bytes(2).c_str()));
}

Value unlinkat(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::unlinkat(in.fd(0), in.bytes(1).c_str(), in.flags(2)));
}

Value pivot_root(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::pivot_root(in.bytes(0).c_str(), in.bytes(1).c_str()));
}

Value setns(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::setns(in.fd(0), in.flags(1)));
}

Value unshare(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::unshare(in.flags(0)));
}

Value fchdir(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::fchdir(in.fd(0)));
}

Value chroot(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::chroot(in.bytes(0).c_str()));
}

Value ioctl(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::ioctl(in.fd(0), in.flags(1)));
}

Value pidfd_open(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::pidfd_open(in.fd(0), in.flags(1)));
}

Value socketpair(const CallbackInfo& info) {
  int pair[2];
  const int error = sys::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, pair);
  if (error < 0) return Napi::Number::New(info.Env(), error);
  Napi::Array ends = Napi::Array::New(info.Env(), 2);
  for (uint32_t index = 0; index < 2; ++index) ends[index] = Napi::Number::New(info.Env(), pair[index]);
  return ends;
}

}  // namespace

Napi::Object make_sys(Napi::Env env) {
  Napi::Object sys = Napi::Object::New(env);
  add(sys, "mount", mount);
  add(sys, "umount2", umount2);
  add(sys, "openTree", open_tree);
  add(sys, "openTreeAttr", open_tree_attr);
  add(sys, "moveMount", move_mount);
  add(sys, "mountSetattr", mount_setattr);
  add(sys, "fsopen", fsopen);
  add(sys, "fsconfig", fsconfig);
  add(sys, "fsmount", fsmount);
  add(sys, "fspick", fspick);
  add(sys, "openat2", openat2);
  add(sys, "mkdirat", mkdirat);
  add(sys, "mknodat", mknodat);
  add(sys, "symlinkat", symlinkat);
  add(sys, "unlinkat", unlinkat);
  add(sys, "pivotRoot", pivot_root);
  add(sys, "setns", setns);
  add(sys, "unshare", unshare);
  add(sys, "fchdir", fchdir);
  add(sys, "chroot", chroot);
  add(sys, "ioctl", ioctl);
  add(sys, "pidfdOpen", pidfd_open);
  add(sys, "socketpair", socketpair);
  add_held(sys);
  add_queries(sys);
  add_stats(sys);
  return sys;
}

}  // namespace mountyard::binding
