#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <new>
#include <span>
#include <thread>
#include <vector>

#include "../host/run.h"
#include "../host/thread.h"
#include "../host/userns.h"
#include "arguments.h"
#include "exports.h"

namespace mountyard::binding {

namespace {

// A RunRequest, with a hold on the control words for as long as a thread may touch them.
struct Request {
  // The program, where JavaScript goes on while it runs; whoever waits lends its own.
  std::vector<unsigned char> copy;
  std::unique_ptr<host::Run> run;
  Napi::Reference<Napi::Int32Array> control;
  int32_t* ended = nullptr;  // a control word that is set when the run is over
};

std::optional<host::ForkPlace> to_place(const Napi::Value& value) {
  const Napi::Object place = to_object(value, "place");
  const Napi::Value kind_value = place.Get("kind");
  const std::string kind = kind_value.IsString() ? kind_value.As<Napi::String>().Utf8Value() : "";
  if (kind == "thread") return std::nullopt;
  if (kind != "fork") throw Napi::TypeError::New(value.Env(), "place.kind: expects 'thread' or 'fork'");
  return host::ForkPlace{.unshare = to_flags(place.Get("unshare"), "place.unshare"),
                         .maps = {.uid_map = to_string_bytes(place.Get("uidMap"), "place.uidMap"),
                                  .setgroups = to_string_bytes(place.Get("setgroups"), "place.setgroups"),
                                  .gid_map = to_string_bytes(place.Get("gidMap"), "place.gidMap")}};
}

std::vector<host::Entrance> to_entrances(const Napi::Value& value) {
  if (value.IsUndefined()) return {};
  const Napi::Int32Array words = to_int32_array(value, "place.enter");
  if (words.ElementLength() % 2 != 0) throw Napi::TypeError::New(value.Env(), "place.enter: expects pairs");
  std::vector<host::Entrance> entrances;
  for (size_t index = 0; index < words.ElementLength(); index += 2) {
    entrances.push_back({.fd = words[index], .type = static_cast<uint32_t>(words[index + 1])});
  }
  return entrances;
}

enum class Program { lent, copied };

Request to_request(const Napi::CallbackInfo& info, Program program) {
  const Napi::Object object = to_object(info[0], "request");
  const Napi::Int32Array imports = to_int32_array(object.Get("imports"), "imports");
  const Napi::Uint8Array lent = to_uint8_array(object.Get("program"), "program");
  std::span<const unsigned char> bytes(lent.Data(), lent.ByteLength());
  Request request;
  if (program == Program::copied) {
    request.copy.assign(bytes.begin(), bytes.end());
    bytes = request.copy;
  }
  program::Control control;
  if (const Napi::Value value = object.Get("control"); !value.IsUndefined()) {
    Napi::Int32Array words = to_int32_array(value, "control");
    if (words.ElementLength() < 2) throw Napi::TypeError::New(info.Env(), "control: expects two words");
    control = {.cancel = words.Data(), .progress = words.Data() + 1};
    if (words.ElementLength() > 2) request.ended = words.Data() + 2;
    request.control = Napi::Persistent(words);
  }
  request.run = std::make_unique<host::Run>(
      bytes,
      std::vector<int32_t>(imports.Data(), imports.Data() + imports.ElementLength()),
      to_entrances(to_object(object.Get("place"), "place").Get("enter")), to_place(object.Get("place")), control);
  return request;
}

const char* name_of(program::Status status) noexcept {
  switch (status) {
    case program::Status::done:
      return "done";
    case program::Status::failed:
      return "failed";
    case program::Status::cancelled:
      return "cancelled";
  }
  return "";
}

Napi::Array to_log(Napi::Env env, const program::Result& result) {
  Napi::Array log = Napi::Array::New(env);
  const char* const end = result.log + result.log_bytes;
  for (const char* message = result.log; message < end; message += std::char_traits<char>::length(message) + 1) {
    log[log.Length()] = Napi::String::New(env, message);
  }
  return log;
}

Napi::Array to_undo(Napi::Env env, const program::Result& result) {
  Napi::Array undo = Napi::Array::New(env);
  for (uint32_t index = 0; index < std::min(result.undo_failures, program::kMaxUndoFailures); ++index) {
    Napi::Object failure = Napi::Object::New(env);
    failure["op"] = Napi::Number::New(env, result.undo[index].op);
    failure["errno"] = Napi::Number::New(env, result.undo[index].error);
    undo[index] = failure;
  }
  return undo;
}

Napi::Array to_undoable(Napi::Env env, const host::Run& run) {
  Napi::Array ops = Napi::Array::New(env);
  if (run.defect().name != nullptr || run.result().status != program::Status::done) return ops;
  for (uint32_t index = 0; index < run.undo_count(); ++index) {
    if (run.is_undoable(index)) ops[ops.Length()] = Napi::Number::New(env, index);
  }
  return ops;
}

// All but what a run that is done hands over.
Napi::Object to_result(Napi::Env env, const program::Result& result, host::Stage stage,
                       const program::Defect& defect) {
  const bool refused = defect.name != nullptr;
  Napi::Object object = Napi::Object::New(env);
  object["status"] = Napi::String::New(env, refused ? "refused" : name_of(result.status));
  object["op"] = Napi::Number::New(env, refused ? defect.op : result.op);
  object["errno"] = Napi::Number::New(env, result.error);
  object["stage"] = Napi::String::New(env, host::name_of(stage));
  object["defect"] = Napi::String::New(env, refused ? defect.name : "");
  object["log"] = to_log(env, result);
  object["undo"] = to_undo(env, result);
  object["undoFailures"] = Napi::Number::New(env, result.undo_failures);
  return object;
}

// The fds pass to JavaScript only once everything that can throw is made. Of a run that is done it takes no memory but
// JavaScript's: otherwise what it has built would be there, and nobody would know.
Napi::Object to_result(Napi::Env env, host::Run& run) {
  Napi::Object object = to_result(env, run.result(), run.stage(), run.defect());
  object["undoable"] = to_undoable(env, run);
  Napi::Array exports = Napi::Array::New(env, run.exports().size());
  object["exports"] = exports;
  for (uint32_t index = 0; index < run.exports().size(); ++index) {
    exports[index] = Napi::Number::New(env, run.exports()[index].get());
  }
  for (sys::Fd& fd : run.exports()) static_cast<void>(fd.release());
  return object;
}

// In place of a run for which there was no memory.
Napi::Object no_memory(Napi::Env env) {
  program::Result result;
  result.status = program::Status::failed;
  result.error = ENOMEM;
  Napi::Object object = to_result(env, result, host::Stage::memory, {});
  object["undoable"] = Napi::Array::New(env);
  object["exports"] = Napi::Array::New(env);
  return object;
}

Napi::Value run_sync(const Napi::CallbackInfo& info) try {
  const Request request = to_request(info, Program::lent);
  host::Run& run = *request.run;
  if (run.defect().name == nullptr) {
    const host::Failure failure = host::run_in_thread([&run] { run.execute(); });
    if (failure.stage != host::Stage::none) run.fail(failure);
  }
  return to_result(info.Env(), run);
} catch (const std::bad_alloc&) {
  return no_memory(info.Env());
}

// What a thread runs and JavaScript takes the result of.
struct Started {
  Request request;
  std::atomic<bool> over = false;
  bool taken = false;

  void end() noexcept {
    over.store(true, std::memory_order_release);
    if (request.ended != nullptr) std::atomic_ref(*request.ended).store(1, std::memory_order_release);
  }
};

// The result, once, when the run is over; else undefined.
Napi::Value take(Napi::Env env, Started& started) {
  if (started.taken || !started.over.load(std::memory_order_acquire)) return env.Undefined();
  const Napi::Object result = to_result(env, *started.request.run);
  started.taken = true;
  return result;
}

// The thread of a run, which settles a promise. The ThreadSafeFunction owns it: its finalizer, which comes when the
// thread has let go of the function or when the environment ends, joins the thread and only then lets go of what
// the thread uses. A worker that is terminated thus cancels its program and waits for what is undone; process.exit()
// runs no finalizer, which is why lib/system/calls/exit.ts listens for it.
class AsyncRun {
 public:
  static Napi::Promise start(Napi::Env env, std::shared_ptr<Started> started) {
    std::unique_ptr<AsyncRun> owner(new AsyncRun(env, std::move(started)));
    const Napi::Promise promise = owner->deferred_.Promise();
    owner->settle_ = Settle::New(env, "mountyard", 0, 1, owner.get(), &AsyncRun::finalize);
    AsyncRun* const self = owner.release();
    const host::Failure failure = host::start_thread(self->thread_, [self] {
      self->started_->request.run->execute();
      self->hand_over();
    });
    if (failure.stage != host::Stage::none) {
      self->started_->request.run->fail(failure);
      self->hand_over();
    }
    return promise;
  }

 private:
  AsyncRun(Napi::Env env, std::shared_ptr<Started> started)
      : deferred_(Napi::Promise::Deferred::New(env)), started_(std::move(started)) {}

  static void settle(Napi::Env env, Napi::Function /*none*/, AsyncRun* self, void* /*none*/) {
    // No environment: it ends, and nobody waits.
    if (env != nullptr) self->deferred_.Resolve(env.Undefined());
  }

  static void finalize(Napi::Env /*env*/, void* /*none*/, AsyncRun* self) {
    // Does nothing to a program that is over; nobody would ever take the result of another one.
    self->started_->request.run->cancel();
    if (self->thread_.joinable()) self->thread_.join();
    delete self;
  }

  // The last that the thread does. A call that is answered with napi_closing has released the function.
  void hand_over() noexcept {
    started_->end();
    if (settle_.NonBlockingCall() == napi_ok) settle_.Release();
  }

  using Settle = Napi::TypedThreadSafeFunction<AsyncRun, void, &AsyncRun::settle>;

  Napi::Promise::Deferred deferred_;
  std::shared_ptr<Started> started_;
  Settle settle_;
  std::thread thread_;
};

Napi::Promise resolved(Napi::Env env) {
  const Napi::Promise::Deferred deferred = Napi::Promise::Deferred::New(env);
  deferred.Resolve(env.Undefined());
  return deferred.Promise();
}

Napi::Value take_no_memory(const Napi::CallbackInfo& info) { return no_memory(info.Env()); }

Napi::Value start(const Napi::CallbackInfo& info) try {
  const Napi::Env env = info.Env();
  const auto started = std::make_shared<Started>(to_request(info, Program::copied));
  Napi::Object run = Napi::Object::New(env);
  run["take"] = Napi::Function::New(env, [started](const Napi::CallbackInfo& call) { return take(call.Env(), *started); });
  const bool refused = started->request.run->defect().name != nullptr;
  if (refused) started->end();
  run["over"] = refused ? resolved(env) : AsyncRun::start(env, started);
  return run;
} catch (const std::bad_alloc&) {
  Napi::Object run = Napi::Object::New(info.Env());
  run["take"] = Napi::Function::New<take_no_memory>(info.Env());
  run["over"] = resolved(info.Env());
  return run;
}

Napi::Value user_namespace(const Napi::CallbackInfo& info) {
  const Arguments in(info);
  // Nobody lives there, so nobody loses by "deny", and an unprivileged gid_map asks for it.
  const host::IdMaps maps{.uid_map = in.bytes(0), .setgroups = "deny", .gid_map = in.bytes(1)};
  sys::Fd fd;
  host::Failure failure;
  const host::Failure started =
      host::run_in_thread([&] { failure = host::make_user_namespace(maps, fd); });
  if (started.stage != host::Stage::none) failure = started;
  if (failure.stage == host::Stage::none) return in.number(fd.release());
  Napi::Object object = Napi::Object::New(info.Env());
  object["stage"] = Napi::String::New(info.Env(), host::name_of(failure.stage));
  object["errno"] = Napi::Number::New(info.Env(), failure.error);
  return object;
}

}  // namespace

void add_run(Napi::Object exports) {
  add(exports, "runSync", run_sync);
  add(exports, "start", start);
  add(exports, "userNamespace", user_namespace);
}

}  // namespace mountyard::binding
