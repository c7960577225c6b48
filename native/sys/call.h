#pragma once

#include <cerrno>
#include <type_traits>

#include <unistd.h>

#ifdef MOUNTYARD_FAULTS
#include "faults.h"
#endif

namespace mountyard::sys {

// syscall(2) is variadic and reads whole registers, so every argument is widened first.
template <typename Argument>
inline long to_word(Argument argument) noexcept {
  if constexpr (std::is_pointer_v<Argument>) {
    return reinterpret_cast<long>(argument);
  } else if constexpr (std::is_null_pointer_v<Argument>) {
    return 0;
  } else {
    return static_cast<long>(argument);
  }
}

// The call's value, or -errno. errno is thread-local, so this is safe after fork and in any thread.
template <typename... Arguments>
inline long call(long number, Arguments... arguments) noexcept {
#ifdef MOUNTYARD_FAULTS
  if (const int error = faults::before(number); error != 0) {
    // Linux closes the fd whatever it answers.
    if (number == SYS_close) ::syscall(number, to_word(arguments)...);
    return -error;
  }
#endif
  const long value = ::syscall(number, to_word(arguments)...);
  return value == -1 ? -errno : value;
}

// The same for calls whose value is an fd, a pid or zero.
template <typename... Arguments>
inline int int_call(long number, Arguments... arguments) noexcept {
  return static_cast<int>(call(number, arguments...));
}

}  // namespace mountyard::sys
