#pragma once
// Time is injected: everything that reads a clock or waits takes a Clock, so that tests run at their own speed.
#include <chrono>
#include <memory>
#include <string>

namespace lineside {

using std::chrono::nanoseconds;
using MonoTime = std::chrono::time_point<std::chrono::steady_clock, nanoseconds>;  // for deadlines and durations
using WallTime = std::chrono::sys_time<nanoseconds>;                               // UTC, for records and people

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonoTime mono() const = 0;
  virtual WallTime wall() const = 0;
  // Returns at `until` or a little later; with a ManualClock when the test has advanced that far.
  virtual void sleep_until(MonoTime until) = 0;
};

// The machine's clocks. One object for the process; has no state.
Clock& system_clock();

// A clock that only moves when told. Thread-safe; advance() wakes sleepers.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime start = WallTime{std::chrono::seconds{1'700'000'000}});
  ~ManualClock() override;
  MonoTime mono() const override;
  WallTime wall() const override;
  void sleep_until(MonoTime until) override;
  void advance(nanoseconds by);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// "2026-11-22T15:04:05.123Z" (RFC 3339, UTC, milliseconds).
std::string to_rfc3339(WallTime time);

}  // namespace lineside
