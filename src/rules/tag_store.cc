#include "rules/tag_store.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lineside::rules {

std::uint32_t TagStore::slot_of(std::size_t tag) {
  std::uint32_t& at = slot_of_[tag];
  if (at == kNone) {
    at = static_cast<std::uint32_t>(slots_.size());
    slots_.push_back({.tag = &tags_.all()[tag], .value = std::numeric_limits<double>::quiet_NaN()});
  }
  return at;
}

std::uint32_t TagStore::window_of(std::size_t tag, nanoseconds length, nanoseconds hold_max) {
  const std::uint32_t slot = slot_of(tag);
  const auto [known, fresh] =
      window_at_.try_emplace({slot, length, hold_max}, static_cast<std::uint32_t>(windows_.size()));
  if (fresh) {
    windows_.emplace_back(length, hold_max);
    slots_[slot].windows.push_back(known->second);
  }
  return known->second;
}

bool TagStore::apply(Slot& slot, const Sample& sample, WallTime now) {
  const bool good = sample.quality == Quality::good && std::isfinite(sample.value);
  const Quality quality = good ? Quality::good : sample.quality == Quality::uncertain ? sample.quality : Quality::bad;
  const bool was_stale = slot.stale_first.count() > 0 && now - slot.heard >= slot.stale_first;
  const bool same = slot.read && !was_stale && slot.quality == quality && (!good || slot.value == sample.value);
  slot.read = true;
  slot.heard = now;
  slot.quality = quality;
  slot.value = good ? sample.value : std::numeric_limits<double>::quiet_NaN();
  for (const std::uint32_t at : slot.windows) {
    if (good)
      windows_[at].good(now, sample.value);
    else
      windows_[at].bad(now);
  }
  return !same;
}

void TagStore::shift(nanoseconds by, WallTime now) {
  for (Slot& slot : slots_) {
    slot.heard += by;
    if (slot.stamp) slot.stamp = std::min(*slot.stamp, now);
  }
  for (Window& window : windows_) window.restart(now);
}

}  // namespace lineside::rules
