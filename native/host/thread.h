#pragma once

#include <cerrno>
#include <csignal>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "stage.h"

namespace mountyard::host {

// Blocks every signal in the calling thread; a thread or a child made meanwhile starts with them blocked, so no
// handler ever runs there.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

// A fresh thread, never Node's own nor one of libuv's pool: it has the caller's namespaces, and what it changes
// of them ends with it. A system that has no thread to give (RLIMIT_NPROC) or no memory for one is a Failure and no
// exception.
template <typename Body>
Failure start_thread(std::thread& thread, Body&& body) {
  const SignalsBlocked blocked;
  try {
    thread = std::thread(std::forward<Body>(body));
    return {};
  } catch (const std::system_error& error) {
    return {Stage::thread, error.code().value()};
  } catch (const std::bad_alloc&) {
    return {Stage::thread, ENOMEM};
  }
}

// The same, joined. The body may throw std::bad_alloc.
template <typename Body>
Failure run_in_thread(Body&& body) {
  Failure of_body;
  std::thread thread;
  const Failure of_start = start_thread(thread, [&]() noexcept {
    try {
      body();
    } catch (const std::bad_alloc&) {
      of_body = {Stage::memory, ENOMEM};
    }
  });
  if (thread.joinable()) thread.join();
  return of_start.stage == Stage::none ? of_body : of_start;
}

}  // namespace mountyard::host
