#pragma once
// What is left of the work and time of one question about tags.
#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace lineside::hub {

class TagBudget {
 public:
  static constexpr std::chrono::seconds kTimeMax{3};

  TagBudget(Clock& clock, std::uint64_t work) : clock_(clock), until_(clock.mono() + kTimeMax), work_(work) {}
  void charge(std::uint64_t work) { work_ -= std::min(work, work_); }
  bool spent() const { return work_ == 0 || clock_.mono() >= until_; }

 private:
  Clock& clock_;
  MonoTime until_;
  std::uint64_t work_;
};

}  // namespace lineside::hub
