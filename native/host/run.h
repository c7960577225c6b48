#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "../program/run.h"
#include "../sys/fd.h"
#include "entrance.h"
#include "id_maps.h"
#include "stage.h"

namespace mountyard::host {

// A forked child, and the namespaces that it makes.
struct ForkPlace {
  uint32_t unshare = 0;
  IdMaps maps;
};

// A program, where it runs, and all the memory that takes, so that the place itself allocates nothing.
class Run {
 public:
  // `bytes`: the program, which stays as it is for as long as the run. `enter`: namespaces to go to first. `place`
  // empty: the fresh thread itself.
  Run(std::span<const unsigned char> bytes, const std::vector<int32_t>& imports, std::vector<Entrance> enter,
      std::optional<ForkPlace> place, const program::Control& control);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // What `check` found; such a run must not be executed.
  [[nodiscard]] const program::Defect& defect() const noexcept { return defect_; }

  // Runs the program in the calling thread or in a child of it. Call it in a fresh thread: it gives the thread
  // an fs of its own, and a child lives no longer than the thread that made it.
  void execute() noexcept;
  // The program stops before its next op, when the caller gave a word for that. From any thread.
  void cancel() noexcept;
  // In place of `execute`, when there was no thread.
  void fail(Failure failure) noexcept;

  [[nodiscard]] const program::Result& result() const noexcept { return result_; }
  [[nodiscard]] Stage stage() const noexcept { return stage_; }
  [[nodiscard]] uint32_t undo_count() const noexcept { return program_.header().undo_count; }
  // Whether an undo op would take something back now that the run is done: its main op made something.
  [[nodiscard]] bool is_undoable(uint32_t index) const noexcept;
  // The export slots' fds; empty Fds where nothing was left. No elements unless the run is done.
  [[nodiscard]] std::vector<sys::Fd>& exports() noexcept { return exports_; }

 private:
  void execute_here() noexcept;
  void execute_in_child() noexcept;

  program::Program program_;
  program::Defect defect_;
  std::vector<Entrance> enter_;
  std::optional<ForkPlace> place_;
  program::Control control_;
  std::vector<int32_t> slots_;
  std::vector<uint8_t> tolerated_;
  std::vector<int> kept_fds_;
  program::Result result_;
  Stage stage_ = Stage::none;
  std::vector<sys::Fd> exports_;
};

}  // namespace mountyard::host
