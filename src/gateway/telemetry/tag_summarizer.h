#pragma once
// A tag that nobody needs in detail: its good readings of a period as a few numbers.
#include <optional>

#include "config/tag_settings.h"
#include "model/record.h"
#include "model/sample.h"

namespace lineside::gateway {

// Owner thread only.
class TagSummarizer {
 public:
  explicit TagSummarizer(const config::TagSettings& settings);
  // `time` of the reading. The time above the limit `high` runs from one reading to the next of the same tag.
  void add(const Sample& sample, WallTime time, MonoTime now);
  // The period's summary when it is over by the gateway's own clock, or with `end`; nothing without any reading.
  std::optional<TagSummary> take(MonoTime now, bool end);

 private:
  std::string tag_, unit_;
  std::optional<double> high_;
  nanoseconds period_;
  std::optional<TagSummary> open_;
  WallTime last_{};
  MonoTime since_{};  // when the period's first reading came
  bool above_ = false;
  double squares_ = 0;  // of distances from the mean (Welford 1962)
};

}  // namespace lineside::gateway
