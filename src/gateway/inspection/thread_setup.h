#pragma once
// How a thread of the hot path is set up: name, core, priority, floating point, timer accuracy.
#include <string>

namespace lineside::gateway {

struct ThreadSetup {
  std::string name;           // cut to the kernel's 15 characters
  int cpu = -1;               // pinned to this core; -1: not pinned
  int realtime_priority = 0;  // SCHED_FIFO 1..99 if the system permits it; 0: normal scheduling
  bool flush_denormals = false;
};

// Sets up the calling thread as far as the system permits. What it can't have is no error: false says that it runs
// without the core or the priority that was asked for.
bool set_up_this_thread(const ThreadSetup& setup);

}  // namespace lineside::gateway
