#pragma once
// Where a station takes its item numbers from and leaves one line for each item. src/gateway/ledger stands behind it.
#include <cstdint>
#include <string_view>

#include "model/verdict.h"

namespace lineside::gateway {

// One per station. Thread-safe; neither call blocks or touches a disk (law 4).
class ItemLog {
 public:
  virtual ~ItemLog() = default;
  // Counts up by one; never gives the same number twice, not even after kill -9 (a kill leaves a hole instead).
  virtual std::uint64_t next_item() = 0;
  // Once for each item, when all that happens to it has happened. `label` and `model` (name@version) may be empty.
  virtual void put(const Verdict& verdict, std::string_view label, std::string_view model) = 0;
};

}  // namespace lineside::gateway
