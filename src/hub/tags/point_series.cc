#include "hub/tags/point_series.h"

#include <algorithm>

namespace lineside::hub {
namespace {

void merge(TagPoint& into, const TagPoint& point) {
  into.time = std::min(into.time, point.time);
  into.quality = std::max(into.quality, point.quality);
  if (point.count == 0) return;
  if (into.count == 0) into.min = point.min, into.max = point.max, into.value = point.value;
  into.count += point.count;
  into.value += (point.value - into.value) * (static_cast<double>(point.count) / static_cast<double>(into.count));
  into.min = std::min(into.min, point.min);
  into.max = std::max(into.max, point.max);
}

}  // namespace

void PointSeries::add(const TagPoint& point) {
  if (reduced()) {
    const nanoseconds since = point.time - origin_;
    return sum(since / step_ - (since % step_ < nanoseconds{0} ? 1 : 0), point);
  }
  points_.push_back(point);
  if (points_.size() > most_) reduce();
}

void PointSeries::reduce() {
  const auto [first, last] = std::ranges::minmax_element(points_, {}, &TagPoint::time);
  origin_ = first->time;
  step_ = (last->time - origin_) / static_cast<std::int64_t>(most_) + nanoseconds{1};
  for (const TagPoint& point : points_) sum((point.time - origin_) / step_, point);
  points_ = {};
}

void PointSeries::sum(std::int64_t place, const TagPoint& point) {
  const auto [found, added] = sums_.try_emplace(place, point);
  if (!added) merge(found->second, point);
  while (sums_.size() > most_) {
    std::map<std::int64_t, TagPoint> halved;
    for (const auto& [at, one] : sums_) {
      const auto [twice, fresh] = halved.try_emplace(at >> 1, one);
      if (!fresh) merge(twice->second, one);
    }
    sums_ = std::move(halved);
    step_ *= 2;
  }
}

std::vector<TagPoint> PointSeries::take() {
  for (const auto& [place, point] : sums_) points_.push_back(point);
  sums_.clear();
  std::ranges::stable_sort(points_, {}, &TagPoint::time);
  return std::move(points_);
}

}  // namespace lineside::hub
