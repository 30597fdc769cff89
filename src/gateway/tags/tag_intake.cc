#include "gateway/tags/tag_intake.h"

#include <algorithm>
#include <cmath>
#include <format>

namespace lineside::gateway {
namespace {

constexpr std::size_t kPendingMax = 4096;
}  // namespace

TagIntake::TagIntake(const config::TagSourceSettings& source, std::span<const config::TagSettings> tags, Clock& clock,
                     MetricsRegistry& metrics)
    : clock_(clock),
      samples_(metrics.counter("lineside_tag_samples_total", "Readings of good or uncertain quality.",
                               {{"source", source.name}})),
      bad_values_(
          metrics.counter("lineside_tag_bad_values_total", "Readings that can't be used.", {{"source", source.name}})),
      odd_times_(metrics.counter("lineside_tag_odd_times_total",
                                 "Source times before 2020 or ahead of the gateway's clock, left out.",
                                 {{"source", source.name}})),
      connects_(
          metrics.counter("lineside_tag_connects_total", "Times the source was reached.", {{"source", source.name}})),
      messages_(metrics.counter("lineside_tag_messages_total", "Answers, messages, notifications or rows taken in.",
                                {{"source", source.name}})),
      lost_(metrics.counter("lineside_tag_lost_total", "Polls left out, and queues of a server that overflowed.",
                            {{"source", source.name}})) {
  for (std::size_t i = 0; i < tags.size(); ++i)
    if (tags[i].source == source.name) tags_.push_back({.index = i, .settings = tags[i]});
  pending_.reserve(kPendingMax);
}

std::optional<std::size_t> TagIntake::find(std::size_t index) const {
  const auto found = std::ranges::lower_bound(tags_, index, {}, &Tag::index);
  if (found == tags_.end() || found->index != index) return std::nullopt;
  return static_cast<std::size_t>(found - tags_.begin());
}

WallTime TagIntake::plausible(WallTime source_time, WallTime received) {
  if (source_time == WallTime{} || (source_time >= kEarliest && source_time <= received + kAheadMax))
    return source_time;
  odd_times_.add();
  return {};
}

void TagIntake::take(std::size_t i, double read, WallTime source_time, Quality quality) {
  Tag& tag = tags_[i];
  const double value = read * tag.settings.scale + tag.settings.offset;
  if (!std::isfinite(value)) return refuse(i, std::format("{} is not a number that can be used", read), source_time);
  if (tag.settings.valid_low && value < *tag.settings.valid_low)
    return refuse(i, std::format("{} is below valid_low, {}", value, *tag.settings.valid_low), source_time);
  if (tag.settings.valid_high && value > *tag.settings.valid_high)
    return refuse(i, std::format("{} is above valid_high, {}", value, *tag.settings.valid_high), source_time);
  tag.bad = tag.told = false;
  samples_.add();
  hand_over({.tag = tag.index, .source_time = source_time, .value = value, .quality = quality});
}

void TagIntake::make_bad(Tag& tag, WallTime source_time) {
  tag.bad = true;
  hand_over({.tag = tag.index, .source_time = source_time});
}

// What comes together has one time of receipt, so that it makes one row.
void TagIntake::hand_over(Sample sample) {
  sample.received = pending_.empty() ? clock_.wall() : pending_.front().received;
  sample.source_time = plausible(sample.source_time, sample.received);
  pending_.push_back(sample);
  if (pending_.size() >= kPendingMax) flush();
}

void TagIntake::refuse(std::size_t i, const std::string& why, WallTime source_time) {
  Tag& tag = tags_[i];
  bad_values_.add();
  if (tag.told) return;
  tag.told = true;
  if (!tag.bad) make_bad(tag, source_time);
  sink_->on_bad_value(tag.index, why);
}

void TagIntake::flush() {
  if (pending_.empty()) return;
  sink_->on_samples(pending_);
  pending_.clear();
}

void TagIntake::up() {
  if (up_) return;
  up_ = told_ = true;
  connects_.add();
  sink_->on_source(true, "");
}

void TagIntake::down(const std::string& why) {
  for (Tag& tag : tags_)
    if (!tag.bad) make_bad(tag, {});
  flush();
  if (told_ && !up_ && why == down_because_) return;
  up_ = false;
  told_ = true;
  down_because_ = why;
  sink_->on_source(false, why);
}

}  // namespace lineside::gateway
