#pragma once
// Ends an actuator's pulse, so that whoever fires never waits for it.
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/clock.h"

namespace lineside::gateway {

// Its own thread calls `off` when the pulse that was armed last is over, and again every 100 ms until it says true: an
// output must not stay on. Thread-safe. The owner switches its output, arms and cancels under one lock of its own;
// `off` takes that lock too and then asks due(): a new pulse that has begun meanwhile must not be cut short.
class PulseTimer {
 public:
  explicit PulseTimer(std::function<bool(const PulseTimer&)> off);
  ~PulseTimer();                // a pulse that is still on is ended now, with one last try
  void arm(nanoseconds pulse);  // from now on, in real time; instead of the pulse armed before
  void cancel();
  bool due() const;      // the pulse is over, or the timer is being destroyed
  bool overdue() const;  // `off` has failed and is being tried again

 private:
  using RealTime = std::chrono::steady_clock::time_point;
  void run();

  const std::function<bool(const PulseTimer&)> off_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<RealTime> due_;
  bool overdue_ = false, closing_ = false;
  std::thread thread_;
};

}  // namespace lineside::gateway
