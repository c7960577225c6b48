// In the test build every operator new of the addon asks first whether this allocation is to fail. It is linked with
// -Bsymbolic, because Node has operators new of its own, which would come first.

#include <cstdlib>
#include <new>

#include "../../native/sys/faults.h"

void* operator new(std::size_t size) {
  if (!mountyard::sys::faults::refuses_allocation()) {
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  }
  throw std::bad_alloc();
}

void* operator new[](std::size_t size) { return operator new(size); }

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
