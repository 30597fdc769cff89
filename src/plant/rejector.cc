#include "plant/rejector.h"

#include <cmath>

namespace lineside::plant {

namespace {
constexpr std::size_t kMissesMax = 1000;

double to_ms(nanoseconds duration) { return std::chrono::duration<double, std::milli>(duration).count(); }
}  // namespace

void Rejector::expect(const Passage& passage) {
  std::lock_guard lock(mutex_);
  belt_.push_back({.passage = passage});
}

void Rejector::pulse(MonoTime at, std::uint32_t item) {
  std::lock_guard lock(mutex_);
  Outcome* nearest = nullptr;
  nanoseconds offset{};
  for (auto& outcome : belt_) {
    const nanoseconds distance = at - (outcome.passage.at_camera + delay_);
    if (nearest != nullptr && std::chrono::abs(distance) >= std::chrono::abs(offset)) continue;
    nearest = &outcome;
    offset = distance;
  }
  if (nearest != nullptr && std::chrono::abs(offset) <= window_ / 2) {
    nearest->hit = true;
    nearest->hit_ms = to_ms(offset);
    nearest->item = item;
    return;
  }
  if (misses_.size() == kMissesMax) return;
  misses_.push_back({at, item, nearest == nullptr ? std::nullopt : std::optional(to_ms(offset))});
}

void Rejector::set_safe(bool on) {
  std::lock_guard lock(mutex_);
  safe_ = on;
}

bool Rejector::safe() const {
  std::lock_guard lock(mutex_);
  return safe_;
}

std::vector<Outcome> Rejector::take_gone(MonoTime now) {
  std::lock_guard lock(mutex_);
  std::vector<Outcome> gone;
  while (!belt_.empty() && belt_.front().passage.at_camera + delay_ + window_ / 2 < now) {
    belt_.front().safe_state = safe_;
    gone.push_back(belt_.front());
    belt_.pop_front();
  }
  return gone;
}

std::vector<Miss> Rejector::take_misses() {
  std::lock_guard lock(mutex_);
  return std::exchange(misses_, {});
}

}  // namespace lineside::plant
