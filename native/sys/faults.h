#pragma once

// The test build (-DMOUNTYARD_FAULTS) lets any one syscall go wrong. A page that forked children share counts the
// calls while it is armed; at one of them, and once more a given number of calls later, something happens.

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace mountyard::sys::faults {

// Words of the page, as test/faults/hook.ts knows them.
enum Word : int32_t {
  kArmed,
  kCount,        // calls since it was armed
  kAt,           // the call, counted from 1, at which `kAction` happens; 0: none
  kAction,       // an errno to answer instead of making the call, or an Action
  kNext,         // so many calls later `kNextAction` happens; 0: never
  kNextAction,
  kResume,       // not zero: a call that waits goes on
  kVictim,       // the process that kKillVictim ends
  kAllocations,  // of the addon's own C++, since it was armed
  kRefused,      // the allocation, counted from 1, for which there is no memory; 0: none
  kTrace,        // from here on: the number of each call
  kWords = 16384,
};

enum Action : int32_t {
  kKillSelf = 0x1000,  // SIGKILL for the process that makes the call
  kWait,               // until kResume, then the call is made
  kKillVictim,         // then the call is made
};

inline void pause_briefly() noexcept {
  constexpr timespec kMillisecond{.tv_sec = 0, .tv_nsec = 1'000'000};
  ::syscall(SYS_nanosleep, &kMillisecond, nullptr);
}

// MOUNTYARD_FAULT=AT:ACTION arms it from the start, for a program that nobody can arm in time.
inline int32_t* map_page() noexcept {
  void* page = ::mmap(nullptr, kWords * sizeof(int32_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) std::abort();
  auto* words = static_cast<int32_t*>(page);
  if (const char* order = std::getenv("MOUNTYARD_FAULT"); order != nullptr) {
    char* rest = nullptr;
    words[kAt] = static_cast<int32_t>(std::strtol(order, &rest, 10));
    words[kAction] = static_cast<int32_t>(std::strtol(rest + 1, nullptr, 10));
    words[kArmed] = 1;
  }
  return words;
}

inline int32_t* const page = map_page();

inline std::atomic_ref<int32_t> word(int32_t index) noexcept { return std::atomic_ref(page[index]); }

// What Linux cannot refuse: there is nothing that a caller could do about it.
constexpr bool cannot_fail(long number) noexcept {
  return number == SYS_exit_group || number == SYS_wait4 || number == SYS_umask;
}

inline int perform(int32_t action, long number) noexcept {
  switch (action) {
    case kKillSelf:
      ::syscall(SYS_kill, ::syscall(SYS_getpid), SIGKILL);
      return 0;
    case kWait:
      while (word(kResume) == 0) pause_briefly();
      return 0;
    case kKillVictim:
      ::syscall(SYS_kill, word(kVictim).load(), SIGKILL);
      for (int tries = 0; tries < 20; ++tries) pause_briefly();
      return 0;
    default:
      return cannot_fail(number) ? 0 : action;
  }
}

// The errno to answer in place of the call, 0 when it is to be made.
inline int before(long number) noexcept {
  if (word(kArmed) == 0) return 0;
  const int32_t count = word(kCount).fetch_add(1) + 1;
  if (kTrace + count < kWords) word(kTrace + count) = static_cast<int32_t>(number);
  const int32_t at = word(kAt);
  if (at == 0) return 0;
  if (count == at) return perform(word(kAction), number);
  const int32_t next = word(kNext);
  return next != 0 && count == at + next ? perform(word(kNextAction), number) : 0;
}

// Whether an allocation is one that is refused.
inline bool refuses_allocation() noexcept {
  if (page == nullptr || word(kArmed) == 0) return false;
  return word(kAllocations).fetch_add(1) + 1 == word(kRefused);
}

}  // namespace mountyard::sys::faults
