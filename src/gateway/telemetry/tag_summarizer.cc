#include "gateway/telemetry/tag_summarizer.h"

#include <algorithm>
#include <cmath>

namespace lineside::gateway {
namespace {

constexpr double kMax = 1e300;  // no sum or difference of such values is infinite; the hub takes only finite numbers

}  // namespace

TagSummarizer::TagSummarizer(const config::TagSettings& settings)
    : tag_(settings.name), unit_(settings.unit), high_(settings.high), period_(settings.summary_period) {}

void TagSummarizer::add(const Sample& sample, WallTime time, MonoTime now) {
  if (!open_) {
    since_ = now;
    open_ = TagSummary{.tag = tag_, .unit = unit_, .from = time, .to = time, .above_high_s = high_ ? 0.0 : -1.0};
    squares_ = 0;
  }
  TagSummary& s = *open_;
  if (above_ && time > last_)
    s.above_high_s += std::chrono::duration<double>(std::min<nanoseconds>(time - last_, period_)).count();
  last_ = time;
  s.to = std::max(s.to, time);
  const bool good = sample.quality == Quality::good;
  above_ = good && high_ && sample.value > *high_;
  if (!good) {
    ++s.bad;
    return;
  }
  const double value = std::clamp(sample.value, -kMax, kMax);
  if (++s.count == 1) s.min = s.max = value;
  s.min = std::min(s.min, value);
  s.max = std::max(s.max, value);
  const double off = value - s.mean;
  s.mean += off / static_cast<double>(s.count);
  squares_ += off * (value - s.mean);
}

std::optional<TagSummary> TagSummarizer::take(MonoTime now, bool end) {
  if (!open_ || (!end && now - since_ < period_)) return std::nullopt;
  TagSummary done = std::move(*open_);
  open_.reset();
  const double spread = done.count > 1 ? std::sqrt(std::max(squares_, 0.0) / static_cast<double>(done.count - 1)) : 0;
  done.deviation = std::min(spread, kMax);
  return done;
}

}  // namespace lineside::gateway
