#include "rules/loops.h"

#include <map>

namespace lineside::rules {
namespace {

using Triggers = std::vector<std::vector<std::size_t>>;  // by rule: those that read what it changes

Triggers triggers_of(std::span<const Rule* const> rules) {
  std::map<std::size_t, std::vector<std::size_t>> readers;  // of a tag
  for (std::size_t i = 0; i < rules.size(); ++i) {
    for (const std::size_t tag : rules[i]->when.tags) readers[tag].push_back(i);
    if (rules[i]->clear_when)
      for (const std::size_t tag : rules[i]->clear_when->tags) readers[tag].push_back(i);
  }
  Triggers triggers(rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i)
    for (const std::size_t tag : rules[i]->moves)
      triggers[i].insert(triggers[i].end(), readers[tag].begin(), readers[tag].end());
  return triggers;
}

// The rule that triggers `start` at the end of a chain that it has begun.
std::optional<std::size_t> way_back(std::size_t start, const Triggers& triggers) {
  std::vector<bool> seen(triggers.size());
  std::vector<std::size_t> todo{start};
  while (!todo.empty()) {
    const std::size_t rule = todo.back();
    todo.pop_back();
    for (const std::size_t next : triggers[rule]) {
      if (next == start) return rule;
      if (!seen[next]) todo.push_back(next);
      seen[next] = true;
    }
  }
  return std::nullopt;
}

}  // namespace

std::vector<Loop> find_loops(std::span<const Rule* const> rules) {
  const Triggers triggers = triggers_of(rules);
  std::vector<Loop> loops;
  for (std::size_t i = 0; i < rules.size(); ++i)
    if (!triggers[i].empty())
      if (const auto last = way_back(i, triggers)) loops.push_back({i, *last});
  return loops;
}

}  // namespace lineside::rules
