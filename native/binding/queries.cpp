// The calls of NativeSys that only look: at mounts, at namespaces.

#include <algorithm>
#include <climits>
#include <cstring>
#include <utility>
#include <vector>

#include <sched.h>

#include "../host/thread.h"
#include "../sys/file_calls.h"
#include "../sys/mount_calls.h"
#include "../sys/process_calls.h"
#include "arguments.h"
#include "exports.h"

namespace mountyard::binding {

namespace {

using Napi::CallbackInfo;
using Napi::Value;

Value readlinkat(const CallbackInfo& info) {
  const Arguments in(info);
  char target[PATH_MAX];
  const long size = sys::readlinkat(in.fd(0), in.bytes(1).c_str(), target, sizeof target);
  if (size < 0) return in.number(static_cast<int>(size));
  return Napi::Buffer<char>::Copy(in.env(), target, static_cast<size_t>(size));
}

Value getdents(const CallbackInfo& info) {
  const Arguments in(info);
  alignas(uint64_t) char entries[size_t{32} << 10];
  const long size = sys::getdents64(in.fd(0), entries, sizeof entries);
  if (size < 0) return in.number(static_cast<int>(size));
  return Napi::Buffer<char>::Copy(in.env(), entries, static_cast<size_t>(size));
}

Value namespace_id(const CallbackInfo& info) {
  const Arguments in(info);
  uint64_t id = 0;
  const int error = sys::namespace_id(in.fd(0), id);
  if (error < 0) return in.number(error);
  return Napi::BigInt::New(in.env(), id);
}

Value namespace_mounts(const CallbackInfo& info) {
  const Arguments in(info);
  sys::MountNamespaceInfo answer{};
  const int error = sys::namespace_info(in.fd(0), answer);
  if (error < 0) return in.number(error);
  return Napi::Number::New(in.env(), answer.mounts);
}

Value poll_now(const CallbackInfo& info) {
  const Arguments in(info);
  return in.number(sys::poll_now(in.fd(0), static_cast<int16_t>(in.flags(1))));
}

Value fstatfs_type(const CallbackInfo& info) {
  const Arguments in(info);
  struct statfs filesystem;
  const int error = sys::fstatfs(in.fd(0), filesystem);
  if (error < 0) return in.number(error);
  return Napi::BigInt::New(in.env(), static_cast<int64_t>(filesystem.f_type));
}

// 0 and the whole answer, or -errno.
int read_status(const sys::MountIdRequest& request, std::vector<unsigned char>& answer) {
  // Most answers fit at once; options and idmaps may be as long as their owner made them.
  constexpr size_t kMost = size_t{16} << 20;
  answer.resize(4096);
  for (;;) {
    const int error = sys::statmount(request, answer.data(), answer.size());
    if (error == 0) break;
    if (error != -EOVERFLOW || answer.size() >= kMost) return error;
    answer.resize(answer.size() * 4);
  }
  sys::StatmountPrefix prefix;
  std::memcpy(&prefix, answer.data(), sizeof prefix);
  answer.resize(prefix.size);
  return 0;
}

// Appends up to so many ids that follow the one in `param`: 0, or -errno.
int list_some(const sys::MountIdRequest& request, uint32_t flags, size_t most, std::vector<uint64_t>& ids) {
  const size_t known = ids.size();
  ids.resize(known + most);
  const long count = sys::listmount(request, ids.data() + known, most, flags);
  ids.resize(known + static_cast<size_t>(std::max(count, 0L)));
  return count < 0 ? static_cast<int>(count) : 0;
}

// 0 and the ids, or -errno.
int list_mounts(sys::MountIdRequest request, uint32_t flags, std::vector<uint64_t>& ids) {
  // Goes on after the last id it gave, until a call gives less than it could.
  constexpr size_t kBatch = 4096;
  for (;;) {
    const size_t known = ids.size();
    const int error = list_some(request, flags, kBatch, ids);
    if (error < 0 || ids.size() - known < kBatch) return error;
    request.param = ids.back();
  }
}

Value statmount(const CallbackInfo& info) {
  const Arguments in(info);
  const sys::MountIdRequest request{.mount_id = in.bits(0), .param = in.bits(2), .namespace_id = in.bits(1)};
  std::vector<unsigned char> answer;
  const int error = read_status(request, answer);
  if (error < 0) return in.number(error);
  return Napi::Buffer<unsigned char>::Copy(in.env(), answer.data(), answer.size());
}

Value listmount(const CallbackInfo& info) {
  const Arguments in(info);
  std::vector<uint64_t> ids;
  const int error = list_mounts({.mount_id = in.bits(0), .namespace_id = in.bits(1)}, in.flags(2), ids);
  if (error < 0) return in.number(error);
  Napi::BigUint64Array list = Napi::BigUint64Array::New(in.env(), ids.size());
  std::copy(ids.begin(), ids.end(), list.Data());
  return list;
}

// struct statmount, as far as STATMOUNT_MNT_BASIC fills it.
struct BasicStatus {
  unsigned char others[40];
  uint64_t id;
  uint64_t parent;
  uint32_t old_ids[2];
  uint64_t attributes;
  uint64_t propagation;
  uint64_t peer_group;
  uint64_t master;
};
static_assert(sizeof(BasicStatus) == 96);
constexpr uint64_t kBasic = 0x2;  // STATMOUNT_MNT_BASIC

int read_basic(uint64_t id, uint64_t name_space, BasicStatus& status) {
  unsigned char answer[512];
  const int error = sys::statmount({.mount_id = id, .param = kBasic, .namespace_id = name_space}, answer, sizeof answer);
  if (error == 0) std::memcpy(&status, answer, sizeof status);
  return error;
}

// The mount at the bottom of the calling thread's namespace, which is its own parent: 0 and its id, or -errno.
int find_bottom(uint64_t& id) {
  struct statx root {};
  int error = sys::statx(AT_FDCWD, "/", AT_NO_AUTOMOUNT, STATX_MNT_ID_UNIQUE, root);
  if (error == 0 && (root.stx_mask & STATX_MNT_ID_UNIQUE) == 0) error = -EOPNOTSUPP;
  BasicStatus status{};
  status.parent = root.stx_mnt_id;
  while (error == 0 && status.parent != status.id) error = read_basic(status.parent, 0, status);
  id = status.id;
  return error;
}

int enter(int name_space, int root) {
  int error = sys::unshare(CLONE_FS);
  if (error == 0) error = sys::setns(name_space, CLONE_NEWNS);
  if (error == 0) error = sys::fchdir(root);
  if (error == 0) error = sys::chroot(".");
  return error;
}

// Has a thread of its own enter a namespace and a root directory in it, and look around: 0, or -errno.
template <typename Look>
int look_inside(int name_space, int root, Look look) {
  int error = 0;
  const host::Failure failure = host::run_in_thread([&] {
    error = enter(name_space, root);
    if (error == 0) error = look();
  });
  return failure.stage == host::Stage::none ? error : -failure.error;
}

Value statmounts_inside(const CallbackInfo& info) {
  const Arguments in(info);
  const Napi::BigUint64Array ids = in.ids(2);
  const std::vector<uint64_t> asked(ids.Data(), ids.Data() + ids.ElementLength());
  const uint64_t mask = in.bits(3);
  std::vector<std::vector<unsigned char>> answers;
  const int error = look_inside(in.fd(0), in.fd(1), [&] {
    for (const uint64_t id : asked) {
      std::vector<unsigned char> answer;
      if (read_status({.mount_id = id, .param = mask}, answer) == 0) answers.push_back(std::move(answer));
    }
    return 0;
  });
  if (error < 0) return in.number(error);
  Napi::Array list = Napi::Array::New(in.env(), answers.size());
  for (size_t index = 0; index < answers.size(); ++index) {
    list[static_cast<uint32_t>(index)] =
        Napi::Buffer<unsigned char>::Copy(in.env(), answers[index].data(), answers[index].size());
  }
  return list;
}

// What of a mount's status lib/system/capture/briefs.ts reads.
struct BriefRecord {
  uint64_t id;
  uint32_t old_id, idmapped;
  int32_t peer_group, master;
  uint32_t unbindable, error;
};
static_assert(sizeof(BriefRecord) == 32);

BriefRecord brief_record(uint64_t id, uint64_t name_space) {
  constexpr uint64_t kUnbindable = uint64_t{1} << 17;  // MS_UNBINDABLE
  BasicStatus status{};
  const int error = read_basic(id, name_space, status);
  return {.id = id,
          .old_id = status.old_ids[0],
          .idmapped = (status.attributes & MOUNT_ATTR_IDMAP) != 0,
          .peer_group = static_cast<int32_t>(status.peer_group),
          .master = static_cast<int32_t>(status.master),
          .unbindable = (status.propagation & kUnbindable) != 0,
          .error = static_cast<uint32_t>(-error)};
}

Value briefs_inside(const CallbackInfo& info) {
  const Arguments in(info);
  const uint64_t after = in.bits(2);
  const size_t most = in.flags(3);
  std::vector<BriefRecord> records;
  const int error = look_inside(in.fd(0), in.fd(1), [&] {
    // Every mount of the namespace leads to the one at its bottom.
    uint64_t bottom = 0;
    std::vector<uint64_t> ids;
    int found = find_bottom(bottom);
    if (found == 0) found = list_some({.mount_id = bottom, .param = after}, 0, most, ids);
    for (const uint64_t id : ids) records.push_back(brief_record(id, 0));
    return found;
  });
  if (error < 0) return in.number(error);
  Napi::ArrayBuffer bytes = Napi::ArrayBuffer::New(in.env(), records.size() * sizeof(BriefRecord));
  if (!records.empty()) std::memcpy(bytes.Data(), records.data(), bytes.ByteLength());
  return bytes;
}

Value sharing(const CallbackInfo& info) {
  constexpr uint64_t kUnbindable = uint64_t{1} << 17;  // MS_UNBINDABLE
  const Arguments in(info);
  const Napi::BigUint64Array ids = in.ids(0);
  const uint64_t name_space = in.bits(1);
  Napi::Int32Array answers = Napi::Int32Array::New(in.env(), ids.ElementLength() * 3);
  for (size_t index = 0; index < ids.ElementLength(); ++index) {
    BasicStatus status{};
    const int error = read_basic(ids[index], name_space, status);
    if (error < 0 && index == 0) return in.number(error);
    int32_t* answer = answers.Data() + index * 3;
    answer[0] = error < 0 ? -1 : static_cast<int32_t>(status.peer_group);
    answer[1] = error < 0 ? 0 : static_cast<int32_t>(status.master);
    answer[2] = error == 0 && (status.propagation & kUnbindable) != 0 ? 1 : 0;
  }
  return answers;
}

}  // namespace

void add_queries(Napi::Object sys) {
  add(sys, "readlinkat", readlinkat);
  add(sys, "getdents", getdents);
  add(sys, "namespaceId", namespace_id);
  add(sys, "namespaceMounts", namespace_mounts);
  add(sys, "pollNow", poll_now);
  add(sys, "fstatfsType", fstatfs_type);
  add(sys, "statmount", statmount);
  add(sys, "listmount", listmount);
  add(sys, "statmountsInside", statmounts_inside);
  add(sys, "briefsInside", briefs_inside);
  add(sys, "sharing", sharing);
}

}  // namespace mountyard::binding
