#include <string>

#include "../program/format.h"
#include "exports.h"

namespace mountyard::binding {

namespace {

using program::Code;
using program::Header;
using program::Op;

struct NamedCode {
  const char* name;
  Code code;
};

constexpr NamedCode kCodes[] = {
    {"mount", Code::mount},           {"umount2", Code::umount2},
    {"open_tree", Code::open_tree},   {"open_tree_attr", Code::open_tree_attr},
    {"move_mount", Code::move_mount}, {"mount_setattr", Code::mount_setattr},
    {"fsopen", Code::fsopen},         {"fsconfig", Code::fsconfig},
    {"fsmount", Code::fsmount},       {"fspick", Code::fspick},
    {"openat2", Code::openat2},       {"mkdirat", Code::mkdirat},
    {"mknodat", Code::mknodat},       {"symlinkat", Code::symlinkat},
    {"unlinkat", Code::unlinkat},     {"renameat2", Code::renameat2},
    {"pivot_root", Code::pivot_root}, {"setns", Code::setns},
    {"unshare", Code::unshare},       {"fchdir", Code::fchdir},
    {"chroot", Code::chroot},         {"close", Code::close},
    {"check", Code::check},           {"fchmodat", Code::fchmodat},
    {"fchownat", Code::fchownat},     {"linkat", Code::linkat},
};
static_assert(std::size(kCodes) == static_cast<size_t>(program::kLastCode));

struct NamedOffset {
  const char* name;
  size_t offset;
};

constexpr NamedOffset kHeaderFields[] = {
    {"magic", offsetof(Header, magic)},
    {"version", offsetof(Header, version)},
    {"opSize", offsetof(Header, op_size)},
    {"opCount", offsetof(Header, op_count)},
    {"undoCount", offsetof(Header, undo_count)},
    {"slotCount", offsetof(Header, slot_count)},
    {"importCount", offsetof(Header, import_count)},
    {"exportCount", offsetof(Header, export_count)},
    {"stringBytes", offsetof(Header, string_bytes)},
};

constexpr NamedOffset kOpFields[] = {
    {"code", offsetof(Op, code)},   {"tolerate", offsetof(Op, tolerate)}, {"retries", offsetof(Op, retries)},
    {"a", offsetof(Op, a)},         {"b", offsetof(Op, b)},               {"out", offsetof(Op, out)},
    {"guard", offsetof(Op, guard)}, {"s1", offsetof(Op, s1)},             {"s2", offsetof(Op, s2)},
    {"s3", offsetof(Op, s3)},       {"n", offsetof(Op, n)},               {"f1", offsetof(Op, f1)},
    {"f2", offsetof(Op, f2)},       {"f3", offsetof(Op, f3)},
};

}  // namespace

Napi::Object make_format(Napi::Env env) {
  Napi::Object format = Napi::Object::New(env);
  const auto add = [&](const std::string& name, double number) { format[name] = Napi::Number::New(env, number); };
  add("MAGIC", program::kMagic);
  add("FORMAT_VERSION", program::kFormatVersion);
  add("HEADER_SIZE", sizeof(Header));
  add("OP_SIZE", sizeof(Op));
  add("NO_SLOT", program::kNoSlot);
  add("NO_STRING", program::kNoString);
  for (const NamedOffset& field : kHeaderFields) add(std::string("HEADER.") + field.name, static_cast<double>(field.offset));
  for (const NamedOffset& field : kOpFields) add(std::string("OP.") + field.name, static_cast<double>(field.offset));
  for (const NamedCode& code : kCodes) add(std::string("OPCODE.") + code.name, static_cast<double>(code.code));
  return format;
}

}  // namespace mountyard::binding
