#pragma once
// Stop on SIGINT and SIGTERM, the same in each program.
#include <chrono>

namespace lineside {

void catch_stop_signals();  // call first in main, before any thread starts
bool stop_requested();      // async-signal-safe flag
void request_stop();
// Waits for a stop signal, at most `wait_max`; true if stop was requested.
bool wait_for_stop(std::chrono::milliseconds wait_max);

}  // namespace lineside
