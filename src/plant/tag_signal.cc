#include "plant/tag_signal.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <format>

namespace lineside::plant {
namespace {

using Kind = TagSignal::Kind;

constexpr double kSetPointS = 1800, kStateS = 900, kSpikeS = 600, kLagS = 300, kWanderS = 60;
constexpr std::array<const char*, TagSignal::kKinds> kNames{"temperature", "pressure", "flow", "state", "counter"};

double in_steps(double value, double step) { return std::round(value / step) * step; }

}  // namespace

TagSignal::TagSignal(Kind kind, std::uint64_t seed) : kind_(kind), random_(seed, 77) {
  switch (kind_) {
    case Kind::temperature:
      middle_ = random_.uniform(40, 120);
      break;
    case Kind::pressure:
      middle_ = random_.uniform(2, 12);
      break;
    case Kind::flow:
      middle_ = random_.uniform(10, 400);
      break;
    case Kind::state:
      middle_ = 1;
      break;
    case Kind::counter:
      middle_ = std::floor(random_.uniform(0, 1e6));
      break;
  }
  target_ = level_ = middle_;
}

double TagSignal::next(double seconds) {
  const auto happens = [&](double every_s) { return random_.uniform() < seconds / every_s; };
  wander_ += -wander_ * std::min(1.0, seconds / kWanderS) +
             random_.normal(0, 1) * std::sqrt(std::min(1.0, 2 * seconds / kWanderS));
  switch (kind_) {
    case Kind::temperature:
      if (happens(kSetPointS)) target_ = middle_ + random_.uniform(-15, 15);
      level_ += (target_ - level_) * std::min(1.0, seconds / kLagS);
      return in_steps(level_ + 0.3 * wander_ + random_.normal(0, 0.05), 0.1);
    case Kind::pressure:
      return middle_ + 0.05 * wander_ + random_.normal(0, 0.005) + (happens(kSpikeS) ? random_.uniform(0.5, 2) : 0);
    case Kind::flow:
      if (happens(kSetPointS)) target_ = middle_ * random_.uniform(0, 1.3);
      level_ += (target_ - level_) * std::min(1.0, seconds / 10);
      return std::max(0.0, level_ + middle_ * random_.normal(0, 0.004));
    case Kind::state:
      if (happens(kStateS)) level_ = random_.below(3);
      return level_;
    case Kind::counter:
      if (happens(kStateS)) target_ = random_.uniform(0, 3);
      wander_ = 0;
      level_ += std::clamp(target_, 0.0, 3.0) * seconds;
      return std::floor(level_);
  }
  return 0;
}

Kind kind_of_tag(int number) { return static_cast<Kind>(number % TagSignal::kKinds); }

std::string name_of_tag(int number) {
  return std::format("{}{}", kNames[static_cast<std::size_t>(number % TagSignal::kKinds)], number);
}

}  // namespace lineside::plant
