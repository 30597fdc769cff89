#pragma once
// Readings of a tag as so many points as somebody wants to see, however many there are.
#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "base/clock.h"
#include "model/sample.h"

namespace lineside::hub {

struct TagPoint {
  WallTime time{};
  double value = 0, min = 0, max = 0;  // several readings in one: their mean and range; of bad ones nothing
  std::uint64_t count = 1;             // readings in it, bad ones left out
  Quality quality = Quality::good;     // the worst in it
};

// Keeps readings as they are up to a number, beyond that sums by equal steps of time, which double when there are too
// many: memory is bounded whatever comes. Any order of times. Owner thread only.
class PointSeries {
 public:
  explicit PointSeries(std::size_t most) : most_(std::max<std::size_t>(most, 4)) {}
  void add(const TagPoint& point);
  bool reduced() const { return !sums_.empty(); }
  std::vector<TagPoint> take();  // by time; those of the same time in the order they came

 private:
  void reduce();
  void sum(std::int64_t place, const TagPoint& point);

  std::size_t most_;
  std::vector<TagPoint> points_;
  std::map<std::int64_t, TagPoint> sums_;  // by steps from `origin_`
  WallTime origin_{};
  nanoseconds step_{1};
};

}  // namespace lineside::hub
