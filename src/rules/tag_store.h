#pragma once
// The newest reading of each tag that a rule reads, and the windows over them.
#include <deque>
#include <map>
#include <span>
#include <vector>

#include "model/sample.h"
#include "rules/expression.h"
#include "rules/window.h"

namespace lineside::rules {

// Owner thread only. Places, once given, stay; nothing is added after the first reading.
class TagStore {
 public:
  struct Slot {
    const TagInfo* tag = nullptr;
    double value = 0;               // NaN before the first reading and of a bad one
    WallTime heard{};               // the engine's time at the newest reading that was used
    std::optional<WallTime> stamp;  // the newest time that its source gave with one; by its own clock
    Quality quality = Quality::bad;
    bool read = false;
    std::vector<std::uint32_t> windows;          // over it
    std::vector<std::uint32_t> rules;            // that read it, ascending
    std::vector<std::uint32_t> rules_by_window;  // of these those with a window over it
    nanoseconds stale_first{0};                  // the shortest after which one of them takes it as stale; 0: never
  };

  explicit TagStore(const TagList& tags) : tags_(tags), slot_of_(tags.all().size(), kNone) {}

  std::uint32_t slot_of(std::size_t tag);                                              // makes it
  std::uint32_t window_of(std::size_t tag, nanoseconds length, nanoseconds hold_max);  // makes it
  Slot& slot(std::uint32_t at) { return slots_[at]; }
  Window& window(std::uint32_t at) { return windows_[at]; }
  // Nullptr: no rule reads it.
  Slot* find(std::size_t tag) {
    return tag < slot_of_.size() && slot_of_[tag] != kNone ? &slots_[slot_of_[tag]] : nullptr;
  }
  // False: nothing has changed that a rule without a window over it would see. Times must not go back.
  bool apply(Slot& slot, const Sample& sample, WallTime now);
  // The clock was set by `by` to `now`.
  void shift(nanoseconds by, WallTime now);

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  struct WindowKey {
    std::uint32_t slot;
    nanoseconds length, hold_max;
    friend auto operator<=>(const WindowKey&, const WindowKey&) = default;
  };

  const TagList& tags_;
  std::vector<std::uint32_t> slot_of_;
  std::deque<Slot> slots_;  // whose addresses formulas hold
  std::deque<Window> windows_;
  std::map<WindowKey, std::uint32_t> window_at_;
};

}  // namespace lineside::rules
