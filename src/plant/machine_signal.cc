#include "plant/machine_signal.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lineside::plant {
namespace {

constexpr std::array<std::string_view, 9> kNames{"ok",         "unbalance", "misalignment", "looseness", "outer_race",
                                                 "inner_race", "ball",      "gear",         "cavitation"};
// 6205: 9 balls, 7.94 mm on a 39.04 mm pitch.
constexpr double kRatio = 7.94 / 39.04, kBalls = 9;
constexpr double kCage = 0.5 * (1 - kRatio), kOuter = kBalls * kCage, kInner = kBalls * 0.5 * (1 + kRatio),
                 kBall = (1 - kRatio * kRatio) / kRatio;
constexpr double kTeeth = 17, kBlades = 6, kSlip = 0.01, kDecayS = 0.0012;
constexpr double kTurn = 2 * std::numbers::pi;

double order_of(MachineFault fault) {
  switch (fault) {
    case MachineFault::outer_race:
      return kOuter;
    case MachineFault::inner_race:
      return kInner;
    case MachineFault::ball:
      return kBall;
    case MachineFault::cavitation:
      return kBlades;
    default:
      return 0;
  }
}

}  // namespace

std::optional<MachineFault> machine_fault(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<MachineFault>(found - kNames.begin());
}

std::string_view to_string(MachineFault fault) { return kNames[static_cast<std::size_t>(fault)]; }

MachineSignal::MachineSignal(const MachineSpec& spec) : spec_(spec), random_(spec.seed, 77) {
  Random machine(spec.seed, 5);
  for (int axis = 0; axis < spec.axes; ++axis) {
    auto& tones = tones_.emplace_back();
    for (int order = 1; order <= 5; ++order)
      tones.push_back({static_cast<double>(order), 0.6 * machine.uniform(0.2, 1) / order, machine.uniform()});
    tones.push_back({spec.pump ? kBlades : kTeeth, 0.25 * machine.uniform(0.6, 1.2), machine.uniform()});
    const double hz = machine.uniform(0.25, 0.38) * spec.rate_hz, decay = std::exp(-1 / (kDecayS * spec.rate_hz));
    rings_.push_back({.a1 = 2 * decay * std::cos(kTurn * hz / spec.rate_hz),
                      .a2 = -decay * decay,
                      .gain = machine.uniform(0.6, 1.1)});
    noise_.push_back(0);
  }
}

void MachineSignal::set_fault(MachineFault fault, double severity) {
  if (fault != fault_) next_impulse_ = angle_;
  fault_ = fault;
  severity_ = severity;
}

double MachineSignal::tones(int axis, double angle) const {
  double sum = 0;
  for (const Tone& tone : tones_[static_cast<std::size_t>(axis)])
    sum += tone.amplitude * std::sin(kTurn * (tone.order * angle + tone.phase));
  return sum * (1 + wander_);
}

double MachineSignal::fault_tones(int axis, double angle) const {
  const bool axial = axis == spec_.axes - 1 && spec_.axes > 1;
  const auto order = [&](double of, double amplitude, double phase) {
    return severity_ * amplitude * std::sin(kTurn * (of * angle + phase));
  };
  switch (fault_) {
    case MachineFault::unbalance:
      return order(1, axial ? 0.3 : 1.6, axis * 0.25);
    case MachineFault::misalignment:
      return order(1, axial ? 0.7 : 0.3, 0.1) + order(2, axial ? 1.4 : 0.8, 0.3);
    case MachineFault::looseness: {
      double sum = 0;
      for (int k = 1; k <= 10; ++k) sum += order(0.5 * k, 0.5 / std::sqrt(k), 0.07 * k * k);
      return sum;
    }
    case MachineFault::gear:  // the mesh, modulated once a turn
      return order(kTeeth, 0.7, 0.2) * (1 + std::cos(kTurn * angle) + 0.5 * std::cos(2 * kTurn * angle));
    default:
      return 0;
  }
}

void MachineSignal::impulses(double turns, std::array<double, 8>& hits) {
  hits.fill(0);
  const double order = order_of(fault_);
  if (order == 0 || severity_ == 0 || angle_ + turns < next_impulse_) return;
  double load = 1;
  if (fault_ == MachineFault::inner_race) load = std::max(0.0, 0.35 + 0.65 * std::cos(kTurn * angle_));
  if (fault_ == MachineFault::ball) load = std::max(0.0, 0.35 + 0.65 * std::cos(kTurn * kCage * angle_));
  const double strength = fault_ == MachineFault::cavitation ? random_.uniform(0.2, 2.0) : random_.uniform(0.8, 1.2);
  hits.fill(6 * severity_ * load * strength);
  next_impulse_ += (1 + kSlip * random_.normal(0, 1)) / order;
}

void MachineSignal::next(std::span<float> out) {
  const auto axes = static_cast<std::size_t>(spec_.axes);
  const std::size_t samples = out.size() / axes;
  std::array<double, 8> hits;
  for (std::size_t i = 0; i < samples; ++i) {
    // Speed and load wander a little, as a loaded machine's do.
    wander_ += 1e-3 * (random_.uniform(-1, 1) * 0.5 - wander_ * 0.05);
    const double turns = spec_.speed_hz * (1 + 0.02 * wander_) / spec_.rate_hz;
    impulses(turns, hits);
    angle_ += turns;
    for (std::size_t axis = 0; axis < axes; ++axis) {
      Ring& ring = rings_[axis];
      const double y = ring.a1 * ring.y1 + ring.a2 * ring.y2 + ring.gain * hits[axis % hits.size()];
      ring.y2 = ring.y1, ring.y1 = y;
      noise_[axis] = 0.6 * noise_[axis] + (spec_.pump ? 0.45 : 0.3) * random_.uniform(-1, 1);
      const int a = static_cast<int>(axis);
      out[axis * samples + i] = static_cast<float>(tones(a, angle_) + fault_tones(a, angle_) + y + noise_[axis]);
    }
  }
}

}  // namespace lineside::plant
