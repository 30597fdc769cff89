#include "base/clock.h"

#include <condition_variable>
#include <format>
#include <mutex>
#include <thread>

namespace lineside {
namespace {

class SystemClock final : public Clock {
 public:
  MonoTime mono() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }
  void sleep_until(MonoTime until) override { std::this_thread::sleep_until(until); }
};

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

struct ManualClock::State {
  explicit State(WallTime s) : start(s) {}
  const WallTime start;
  std::mutex mutex;
  std::condition_variable advanced;
  nanoseconds passed{};
};

namespace {
// Not zero: a zero MonoTime means "did not happen".
constexpr MonoTime kManualStart{std::chrono::hours{1}};
}  // namespace

ManualClock::ManualClock(WallTime start) : state_(std::make_unique<State>(start)) {}
ManualClock::~ManualClock() = default;

MonoTime ManualClock::mono() const {
  const std::lock_guard lock(state_->mutex);
  return kManualStart + state_->passed;
}

WallTime ManualClock::wall() const {
  const std::lock_guard lock(state_->mutex);
  return state_->start + state_->passed;
}

void ManualClock::sleep_until(MonoTime until) {
  std::unique_lock lock(state_->mutex);
  state_->advanced.wait(lock, [&] { return kManualStart + state_->passed >= until; });
}

void ManualClock::advance(nanoseconds by) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->passed += by;
  }
  state_->advanced.notify_all();
}

std::string to_rfc3339(WallTime time) {
  return std::format("{:%FT%T}Z", std::chrono::floor<std::chrono::milliseconds>(time));
}

}  // namespace lineside
