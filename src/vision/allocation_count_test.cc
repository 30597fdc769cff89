#include "vision/allocation_count.h"

#include <cstdlib>
#include <new>

// In a file of its own: the compiler must not see through operator new where it is used.
namespace {
thread_local long allocations = 0;
}  // namespace

long lineside::allocations_of_this_thread() { return allocations; }

// All forms that allocate single objects, or a sanitizer's own would be freed here.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size);
}
void* operator new(std::size_t size) {
  if (void* memory = operator new(size, std::nothrow)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
