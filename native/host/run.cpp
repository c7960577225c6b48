#include "run.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include <sched.h>

#include "../sys/process_calls.h"
#include "fork.h"

namespace mountyard::host {

Run::Run(std::span<const unsigned char> bytes, const std::vector<int32_t>& imports, std::vector<Entrance> enter,
         std::optional<ForkPlace> place, const program::Control& control)
    : enter_(std::move(enter)), place_(std::move(place)), control_(control) {
  defect_ = program::check(bytes.data(), bytes.size(), program_);
  if (defect_.name != nullptr) return;
  const program::Header& header = program_.header();
  if (imports.size() != header.import_count) {
    defect_ = {.name = "imports"};
    return;
  }
  slots_.assign(header.slot_count, -1);
  std::copy(imports.begin(), imports.end(), slots_.begin());
  tolerated_.assign(header.op_count, 0);
  exports_.resize(header.export_count);
  if (place_) {
    // An import that is no fd stays in its slot, where the kernel answers EBADF.
    std::copy_if(imports.begin(), imports.end(), std::back_inserter(kept_fds_), [](int fd) { return fd >= 0; });
    for (const Entrance& entrance : enter_) kept_fds_.push_back(entrance.fd);
    std::sort(kept_fds_.begin(), kept_fds_.end());
    kept_fds_.reserve(kept_fds_.size() + 1);  // for the socket
  }
}

void Run::execute() noexcept {
  if (place_) {
    execute_in_child();
  } else {
    execute_here();
  }
  if (result_.status != program::Status::done) exports_.clear();
}

void Run::cancel() noexcept {
  if (control_.cancel != nullptr) std::atomic_ref(*control_.cancel).store(1, std::memory_order_relaxed);
}

void Run::fail(Failure failure) noexcept {
  stage_ = failure.stage;
  result_ = {};
  result_.status = program::Status::failed;
  result_.error = failure.error;
  exports_.clear();
}

bool Run::is_undoable(uint32_t index) const noexcept {
  return tolerated_[program_.op(program_.header().op_count + index).guard] == 0;
}

void Run::execute_here() noexcept {
  // Root, working directory and umask become this thread's own; setns(CLONE_NEWNS) asks for it, too.
  if (const int error = sys::unshare(CLONE_FS); error < 0) return fail({Stage::unshare, -error});
  if (const int error = enter_all(enter_.data(), enter_.size()); error < 0) return fail({Stage::setns, -error});
  sys::umask(0);
  program::run(program_, {slots_.data(), tolerated_.data()}, control_, result_);
  if (result_.status != program::Status::done) return;
  for (size_t index = 0; index < exports_.size(); ++index) {
    exports_[index] = sys::Fd(slots_[program_.header().import_count + index]);
  }
}

void Run::execute_in_child() noexcept {
  const ChildRun child{enter_, place_->unshare, place_->maps, kept_fds_, program_, {slots_.data(), tolerated_.data()},
                       control_};
  const Failure failure = run_in_child(child, result_, exports_);
  if (failure.stage != Stage::none) fail(failure);
}

}  // namespace mountyard::host
