// The calls of NativeSys that stat files, and the one that opens many.

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "../host/halves.h"
#include "../sys/fd.h"
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

// statx(2) of one path, as lib/system/calls/stats.ts reads it.
struct StatRecord {
  uint32_t error = 0, mode = 0, uid = 0, gid = 0;
  uint64_t device = 0, special = 0, mount_id = 0, inode = 0, attributes = 0;
};
static_assert(sizeof(StatRecord) == 56);

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
  record.attributes = seen.stx_attributes;
  return record;
}

// Calls `use` with each of many paths, which all have their NUL.
template <typename Use>
void for_each_path(const std::vector<unsigned char>& paths, Use use) {
  const auto* path = reinterpret_cast<const char*>(paths.data());
  const char* const end = path + paths.size();
  while (path < end && std::memchr(path, 0, static_cast<size_t>(end - path)) != nullptr) {
    use(path);
    path += std::strlen(path) + 1;
  }
}

template <typename Record>
Napi::ArrayBuffer to_array_buffer(Napi::Env env, const std::vector<Record>& records) {
  Napi::ArrayBuffer bytes = Napi::ArrayBuffer::New(env, records.size() * sizeof(Record));
  if (!records.empty()) std::memcpy(bytes.Data(), records.data(), bytes.ByteLength());
  return bytes;
}

// Of many paths in one crossing: `paths` has each with its NUL.
Value stat_each(const CallbackInfo& info, uint32_t mount_id) {
  const Arguments in(info);
  const int dirfd = in.fd(0);
  const uint32_t flags = in.flags(2);
  std::vector<StatRecord> records;
  for_each_path(to_bytes(info[1], "paths"),
                [&](const char* path) { records.push_back(stat_record(dirfd, path, flags, mount_id)); });
  return to_array_buffer(in.env(), records);
}

// A file that was opened, and what it is; where it could not be, the fd is -errno.
struct Opened {
  sys::Fd fd;
  StatRecord record;
};

Opened open_one(const char* path, const open_how& how) noexcept {
  Opened opened{sys::Fd(sys::openat2(AT_FDCWD, path, how)), {}};
  const sys::Fd& fd = opened.fd;
  opened.record.error = static_cast<uint32_t>(-fd.get());
  if (fd.is_open()) opened.record = stat_record(fd.get(), "", AT_EMPTY_PATH, STATX_MNT_ID);
  return opened;
}

// openat2(2) of many paths, and statx(2) of what was opened.
Value open_each(const CallbackInfo& info) {
  const Arguments in(info);
  open_how how{};
  how.flags = in.bits(1);
  how.resolve = in.bits(2);
  const std::vector<unsigned char> bytes = to_bytes(info[0], "paths");
  std::vector<const char*> paths;
  for_each_path(bytes, [&](const char* path) { paths.push_back(path); });
  std::vector<Opened> opened(paths.size());
  host::in_halves(paths.size(), [&](size_t begin, size_t end) noexcept {
    for (size_t index = begin; index < end; ++index) opened[index] = open_one(paths[index], how);
  });

  Napi::ArrayBuffer records = Napi::ArrayBuffer::New(in.env(), opened.size() * sizeof(StatRecord));
  Napi::Int32Array fds = Napi::Int32Array::New(in.env(), opened.size());
  Napi::Object answer = Napi::Object::New(in.env());
  answer["records"] = records;
  answer["fds"] = fds;
  for (size_t index = 0; index < opened.size(); ++index) {
    static_cast<StatRecord*>(records.Data())[index] = opened[index].record;
    fds[index] = opened[index].fd.release();
  }
  return answer;
}

Value statx_each(const CallbackInfo& info) { return stat_each(info, STATX_MNT_ID); }

Value statx_unique_each(const CallbackInfo& info) { return stat_each(info, STATX_MNT_ID_UNIQUE); }

}  // namespace

void add_stats(Napi::Object sys) {
  add(sys, "statx", statx);
  add(sys, "statxUnique", statx_unique);
  add(sys, "statxEach", statx_each);
  add(sys, "statxUniqueEach", statx_unique_each);
  add(sys, "openEach", open_each);
}

}  // namespace mountyard::binding
