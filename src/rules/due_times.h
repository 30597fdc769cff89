#pragma once
// When each of a fixed number of things is due next: a binary heap that knows where each of them is.
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"

namespace lineside::rules {

// Owner thread only. Allocates at construction only; set() takes O(log count).
class DueTimes {
 public:
  explicit DueTimes(std::size_t count);
  // Not set: not due.
  void set(std::size_t which, std::optional<WallTime> due);
  // The earliest; of several at once the one with the lowest number.
  struct Next {
    WallTime due;
    std::size_t which;
  };
  std::optional<Next> next() const;

 private:
  bool before(std::size_t a, std::size_t b) const;
  void put(std::size_t at, std::uint32_t which);
  void rise(std::size_t at);
  void sink(std::size_t at);

  static constexpr std::uint32_t kNowhere = ~std::uint32_t{0};
  std::vector<WallTime> due_;
  std::vector<std::uint32_t> heap_, place_;
};

}  // namespace lineside::rules
