#pragma once

#include <utility>

#include "file_calls.h"

namespace mountyard::sys {

// Owns one file descriptor. Move-only, and converts to nothing: an fd that is borrowed is written `get()`, one
// that is given away `release()`.
class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int number) noexcept : number_(number) {}
  Fd(Fd&& other) noexcept : number_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      number_ = other.release();
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const noexcept { return number_; }
  [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }
  [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }
  void reset() noexcept {
    // Linux frees the number even when close reports an error, so there is nothing to try again.
    if (number_ >= 0) sys::close(release());
  }

 private:
  int number_ = -1;
};

}  // namespace mountyard::sys
