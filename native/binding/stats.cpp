// The calls of NativeSys that stat files.

#include <cerrno>
#include <cstring>
#include <vector>

#include "../sys/file_calls.h"
#include "arguments.h"
#include "exports.h"

namespace mountyard::binding {

namespace {

using Napi::CallbackInfo;
using Napi::Value;

// `mount_id`: the mask of the mount id wanted, the one that mountinfo shows or the one that is never reused.
Value stat_with(const CallbackInfo& info, uint32_t mount_id) {
  const Arguments in(info);
  struct statx seen;
  const int error = sys::statx(in.fd(0), in.bytes(1).c_str(), in.flags(2), STATX_BASIC_STATS | mount_id, seen);
  if (error < 0) return in.number(error);
  if ((seen.stx_mask & mount_id) == 0) return in.number(-EOPNOTSUPP);
  const Napi::Env env = in.env();
  Napi::Object stat = Napi::Object::New(env);
  stat["mode"] = Napi::Number::New(env, seen.stx_mode);
  stat["device"] = Napi::BigInt::New(env, sys::encode_device(seen.stx_dev_major, seen.stx_dev_minor));
  stat["inode"] = Napi::BigInt::New(env, uint64_t{seen.stx_ino});
  stat["mountId"] = Napi::BigInt::New(env, uint64_t{seen.stx_mnt_id});
  stat["mountRoot"] = Napi::Boolean::New(env, (seen.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0);
  stat["uid"] = Napi::Number::New(env, seen.stx_uid);
  stat["special"] = Napi::BigInt::New(env, sys::encode_device(seen.stx_rdev_major, seen.stx_rdev_minor));
  stat["gid"] = Napi::Number::New(env, seen.stx_gid);
  return stat;
}

Value statx(const CallbackInfo& info) { return stat_with(info, STATX_MNT_ID); }

Value statx_unique(const CallbackInfo& info) { return stat_with(info, STATX_MNT_ID_UNIQUE); }

// statx(2) of one path, as lib/system/stats.ts reads it.
struct StatRecord {
  uint32_t error, mode, uid, gid;
  uint64_t device, special, mount_id, inode;
};
static_assert(sizeof(StatRecord) == 48);

StatRecord stat_record(int dirfd, const char* path, uint32_t flags, uint32_t mount_id) {
  struct statx seen;
  const int error = sys::statx(dirfd, path, flags, STATX_BASIC_STATS | mount_id, seen);
  StatRecord record{};
  record.error = static_cast<uint32_t>(-error);
  if (error < 0) return record;
  if ((seen.stx_mask & mount_id) == 0) record.error = EOPNOTSUPP;
  record.mode = seen.stx_mode;
  record.uid = seen.stx_uid;
  record.gid = seen.stx_gid;
  record.device = sys::encode_device(seen.stx_dev_major, seen.stx_dev_minor);
  record.special = sys::encode_device(seen.stx_rdev_major, seen.stx_rdev_minor);
  record.mount_id = seen.stx_mnt_id;
  record.inode = seen.stx_ino;
  return record;
}

// Of many paths in one crossing: `paths` has each with its NUL.
Value stat_each(const CallbackInfo& info, uint32_t mount_id) {
  const Arguments in(info);
  const int dirfd = in.fd(0);
  const std::vector<unsigned char> paths = to_bytes(info[1], "paths");
  const uint32_t flags = in.flags(2);
  std::vector<StatRecord> records;
  const auto* path = reinterpret_cast<const char*>(paths.data());
  const char* const end = path + paths.size();
  while (path < end && std::memchr(path, 0, static_cast<size_t>(end - path)) != nullptr) {
    records.push_back(stat_record(dirfd, path, flags, mount_id));
    path += std::strlen(path) + 1;
  }
  Napi::ArrayBuffer bytes = Napi::ArrayBuffer::New(in.env(), records.size() * sizeof(StatRecord));
  if (!records.empty()) std::memcpy(bytes.Data(), records.data(), bytes.ByteLength());
  return bytes;
}

Value statx_each(const CallbackInfo& info) { return stat_each(info, STATX_MNT_ID); }

Value statx_unique_each(const CallbackInfo& info) { return stat_each(info, STATX_MNT_ID_UNIQUE); }

}  // namespace

void add_stats(Napi::Object sys) {
  add(sys, "statx", statx);
  add(sys, "statxUnique", statx_unique);
  add(sys, "statxEach", statx_each);
  add(sys, "statxUniqueEach", statx_unique_each);
}

}  // namespace mountyard::binding
