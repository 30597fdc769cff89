#pragma once
// Tests only: how many times this thread allocated memory by operator new. Link allocation_count_test.cc, which
// replaces the operator for the whole test program.

namespace lineside {

long allocations_of_this_thread();

}  // namespace lineside
