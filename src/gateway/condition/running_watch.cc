#include "gateway/condition/running_watch.h"

#include <algorithm>
#include <format>
#include <limits>

namespace lineside::gateway {
namespace {

Running running_by(const config::RunningWhen& within, const Sample& sample) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (sample.quality != Quality::good) return Running::unknown;
  const bool inside = sample.value >= within.min.value_or(-kInfinity) && sample.value <= within.max.value_or(kInfinity);
  return inside ? Running::yes : Running::no;
}

}  // namespace

RunningWatch::RunningWatch(const config::AssetSettings& asset, const std::vector<config::TagSettings>& tags,
                           Clock& clock)
    : settle_(asset.settle), clock_(clock) {
  for (const auto& within : asset.running_when) {
    const auto tag = std::ranges::find(tags, within.tag, &config::TagSettings::name);
    conditions_.push_back({.tag = static_cast<std::size_t>(tag - tags.begin()), .within = within});
  }
}

RunningWatch::Answer RunningWatch::since(MonoTime from) const {
  const std::lock_guard lock(mutex_);
  // A tag that says that the machine stands says so whatever the others don't say.
  for (const Condition& one : conditions_)
    if (one.running == Running::no)
      return {Running::no, std::format("not running ({} is {:.6g})", one.within.tag, one.value)};
  for (const Condition& one : conditions_)
    if (one.running == Running::unknown)
      return {Running::unknown, std::format("unknown ({} has no good reading)", one.within.tag)};
  for (const Condition& one : conditions_)
    if (one.since + settle_ > from)
      return {Running::no, std::format("settling ({} is {:.6g})", one.within.tag, one.value)};
  return {};
}

void RunningWatch::on_samples(std::span<const Sample> samples) {
  const MonoTime now = clock_.mono();
  const std::lock_guard lock(mutex_);
  for (const Sample& sample : samples)
    for (Condition& one : conditions_) {
      if (one.tag != sample.tag) continue;
      const Running running = running_by(one.within, sample);
      if (running == Running::yes && one.running != Running::yes) one.since = now;
      one.running = running;
      one.value = sample.value;
    }
}

}  // namespace lineside::gateway
