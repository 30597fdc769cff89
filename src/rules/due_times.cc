#include "rules/due_times.h"

namespace lineside::rules {

DueTimes::DueTimes(std::size_t count) : due_(count), place_(count, kNowhere) { heap_.reserve(count); }

bool DueTimes::before(std::size_t a, std::size_t b) const {
  const std::uint32_t first = heap_[a], second = heap_[b];
  return due_[first] != due_[second] ? due_[first] < due_[second] : first < second;
}

void DueTimes::put(std::size_t at, std::uint32_t which) {
  heap_[at] = which;
  place_[which] = static_cast<std::uint32_t>(at);
}

void DueTimes::rise(std::size_t at) {
  while (at > 0 && before(at, (at - 1) / 2)) {
    const std::uint32_t here = heap_[at];
    put(at, heap_[(at - 1) / 2]);
    at = (at - 1) / 2;
    put(at, here);
  }
}

void DueTimes::sink(std::size_t at) {
  for (;;) {
    std::size_t least = at;
    for (std::size_t child = 2 * at + 1; child <= 2 * at + 2 && child < heap_.size(); ++child)
      if (before(child, least)) least = child;
    if (least == at) return;
    const std::uint32_t here = heap_[at];
    put(at, heap_[least]);
    put(least, here);
    at = least;
  }
}

void DueTimes::set(std::size_t which, std::optional<WallTime> due) {
  std::size_t at = place_[which];
  if (due) {
    if (at != kNowhere && due_[which] == *due) return;
    due_[which] = *due;
    if (at == kNowhere) {
      heap_.push_back(0);
      at = heap_.size() - 1;
      put(at, static_cast<std::uint32_t>(which));
    }
  } else {
    if (at == kNowhere) return;
    const std::uint32_t last = heap_.back();
    heap_.pop_back();
    place_[which] = kNowhere;
    if (last == which) return;
    put(at, last);
  }
  rise(at);
  sink(at);
}

std::optional<DueTimes::Next> DueTimes::next() const {
  if (heap_.empty()) return std::nullopt;
  return Next{due_[heap_[0]], heap_[0]};
}

}  // namespace lineside::rules
