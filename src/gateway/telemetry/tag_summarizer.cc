#include "gateway/telemetry/tag_summarizer.h"

#include <algorithm>
#include <cmath>

namespace lineside::gateway {

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
  if (++s.count == 1) s.min = s.max = sample.value;
  s.min = std::min(s.min, sample.value);
  s.max = std::max(s.max, sample.value);
  const double off = sample.value - s.mean;
  s.mean += off / static_cast<double>(s.count);
  squares_ += off * (sample.value - s.mean);
}

std::optional<TagSummary> TagSummarizer::take(MonoTime now, bool end) {
  if (!open_ || (!end && now - since_ < period_)) return std::nullopt;
  TagSummary done = std::move(*open_);
  open_.reset();
  done.deviation = done.count > 1 ? std::sqrt(std::max(squares_, 0.0) / static_cast<double>(done.count - 1)) : 0;
  constexpr double kMax = 1e300;  // sums of huge values; the hub takes only finite numbers
  for (double* x : {&done.mean, &done.min, &done.max, &done.deviation})
    *x = std::isnan(*x) ? 0 : std::clamp(*x, -kMax, kMax);
  return done;
}

}  // namespace lineside::gateway
