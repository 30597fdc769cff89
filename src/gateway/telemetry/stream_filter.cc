#include "gateway/telemetry/stream_filter.h"

#include <algorithm>

namespace lineside::gateway {
namespace {

using telemetry::Reading;

std::int64_t milliseconds_of(WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

Reading reading_of(const Sample& sample) {
  if (sample.quality == Quality::bad) return {.state = Reading::State::bad};
  return {.value = sample.value,
          .state = sample.quality == Quality::good ? Reading::State::good : Reading::State::uncertain};
}

}  // namespace

StreamFilter::StreamFilter(std::string name, telemetry::StreamTags tags,
                           std::function<void(std::vector<std::uint8_t>&)> spoil)
    : name_(std::move(name)), encoder_(tags, std::move(spoil)), rows_(tags.size()) {
  for (std::size_t g = 0; g < tags.size(); ++g) rows_[g].readings.resize(tags[g].size());
}

bool StreamFilter::add(std::size_t group, std::size_t tag, const Sample& sample, WallTime time, MonoTime now) {
  const WallTime from = samples_ > 0 ? std::min(from_, time) : time, to = samples_ > 0 ? std::max(to_, time) : time;
  const nanoseconds clock_ahead = sample.received.time_since_epoch() - now.time_since_epoch();
  if (samples_ > 0 && (to - from > kSpanMax || std::chrono::abs(clock_ahead - clock_ahead_) > kClockStep)) return false;
  telemetry::GroupRows& rows = rows_[group];
  const std::int64_t ms = milliseconds_of(time);
  const bool fits =
      !rows.times.empty() && rows.times.back() == ms && rows.readings[tag].back().state == Reading::State::none;
  if (!fits) {
    if (rows.times.size() == telemetry::kStreamRowsMax) return false;
    rows.times.push_back(ms);
    for (auto& readings : rows.readings) readings.emplace_back();
  }
  rows.readings[tag].back() = reading_of(sample);
  if (samples_++ == 0) since_ = now;
  from_ = from, to_ = to;
  clock_ahead_ = clock_ahead;
  return true;
}

Result<TagBlock> StreamFilter::close(WallTime now) {
  auto coded = encoder_.encode(rows_);
  TagBlock block{.stream = name_, .samples = samples_};
  for (auto& group : rows_) {
    block.rows += group.times.size();
    group.times.clear();
    for (auto& readings : group.readings) readings.clear();
  }
  samples_ = 0;
  if (!coded) return std::unexpected(std::move(coded).error());
  if (coded->index == 0)
    generation_ =
        std::max(generation_ + 1, static_cast<std::uint64_t>(std::max<std::int64_t>(milliseconds_of(now), 0)));
  block.generation = generation_;
  block.index = coded->index;
  block.from = std::chrono::floor<std::chrono::milliseconds>(from_);
  block.to = std::chrono::floor<std::chrono::milliseconds>(to_);
  block.check = coded->check;
  block.bytes = std::move(coded->bytes);
  block.plan = std::move(coded->plan);
  return block;
}

}  // namespace lineside::gateway
