#pragma once
// Rules whose deeds make themselves be read, also by way of others.
#include <span>
#include <vector>

#include "rules/rule.h"

namespace lineside::rules {

struct Loop {
  std::size_t rule;  // place in the list
  std::size_t last;  // the one by which it comes back to it; itself, where there is no other
};

// All that are part of one. What the plant itself makes of a write (a heater heats) nobody knows here.
std::vector<Loop> find_loops(std::span<const Rule* const> rules);

}  // namespace lineside::rules
