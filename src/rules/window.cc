#include "rules/window.h"

#include <algorithm>
#include <limits>

namespace lineside::rules {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

std::int64_t ns(WallTime at) { return at.time_since_epoch().count(); }

}  // namespace

Window::Window(nanoseconds length, nanoseconds hold_max)
    : width_(length.count() / kSlices), length_(length.count()), hold_max_(hold_max.count()) {}

std::int64_t Window::slice_of(std::int64_t at) const { return at >= 0 ? at / width_ : -((-at - 1) / width_) - 1; }

Window::Slice& Window::slice(std::int64_t number) {
  const std::int64_t count = kSlices + 1;
  Slice& found = slices_[static_cast<std::size_t>((number % count + count) % count)];
  if (found.number != number) {
    found = {.number = number};
    before_of_ = kNever;
  }
  return found;
}

void Window::add_value(Slice& slice, std::int64_t at, double value) {
  slice.min = slice.any ? std::min(slice.min, value) : value;
  slice.max = slice.any ? std::max(slice.max, value) : value;
  if (!slice.any) slice.first = value, slice.first_at = at;
  slice.any = true;
}

void Window::hold_until(std::int64_t at) {
  if (!holding_) return;
  const std::int64_t end = hold_max_ > 0 ? std::min(at, held_since_ + hold_max_) : at;
  const std::int64_t oldest = (slice_of(at) - kSlices) * width_;
  std::int64_t from = std::max(filled_, oldest);
  while (from < end) {
    const std::int64_t number = slice_of(from);
    const std::int64_t until = std::min(end, (number + 1) * width_);
    Slice& part = slice(number);
    add_value(part, from, held_);
    part.known_ns += until - from;
    part.sum += held_ * static_cast<double>(until - from);
    if (number != slice_of(at)) before_of_ = kNever;
    from = until;
  }
  filled_ = std::max(filled_, end);
}

void Window::good(WallTime at, double value) {
  const std::int64_t t = std::max(ns(at), filled_);
  hold_until(t);
  Slice& part = slice(slice_of(t));
  add_value(part, t, value);
  ++part.readings;
  holding_ = true;
  held_ = value;
  held_since_ = filled_ = changed_ = t;
  if (!begun_) begun_ = t;
}

void Window::bad(WallTime at) {
  const std::int64_t t = std::max(ns(at), filled_);
  hold_until(t);
  holding_ = false;
  filled_ = changed_ = t;
}

void Window::restart(WallTime at) {
  slices_.fill({});
  before_of_ = kNever;
  held_since_ = filled_ = changed_ = ns(at);
  begun_ = ns(at);
}

void Window::add(Total& total, const Slice& slice) {
  if (!slice.any) return;
  total.min = total.any ? std::min(total.min, slice.min) : slice.min;
  total.max = total.any ? std::max(total.max, slice.max) : slice.max;
  if (!total.any) total.first = slice.first, total.first_at = slice.first_at;
  total.any = true;
  total.known_ns += slice.known_ns;
  total.sum += slice.sum;
  total.readings += slice.readings;
}

Window::Total Window::total(std::int64_t now) {
  const std::int64_t newest = slice_of(now);
  if (before_of_ != newest) {
    before_ = {};
    for (std::int64_t number = newest - kSlices; number < newest; ++number) {
      const Slice& part = slice(number);
      add(before_, part);
    }
    before_of_ = newest;
  }
  Total all = before_;
  add(all, slice(newest));
  return all;
}

double Window::value(WindowKind kind, WallTime at) {
  const std::int64_t now = std::max(ns(at), filled_);
  hold_until(now);
  const Total all = total(now);
  if (kind == WindowKind::count)
    return begun_ && now - *begun_ >= length_ ? static_cast<double>(all.readings) : kUnknown;
  if (!all.any || all.known_ns < length_ / 2) return kUnknown;
  switch (kind) {
    case WindowKind::mean:
      return all.sum / static_cast<double>(all.known_ns);
    case WindowKind::min:
      return all.min;
    case WindowKind::max:
      return all.max;
    default:
      return (held_ - all.first) / (static_cast<double>(now - all.first_at) * 1e-9);
  }
}

std::optional<WallTime> Window::next_change(WallTime at) const {
  const std::int64_t newest = slice_of(ns(at));
  const bool settled = newest >= slice_of(changed_) + kSlices + 1;
  if (!begun_ || settled) return std::nullopt;
  return WallTime{nanoseconds{(newest + 1) * width_}};
}

}  // namespace lineside::rules
