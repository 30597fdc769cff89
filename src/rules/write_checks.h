#pragma once
// Whether what a rule wants to write is granted and makes sense.
#include <functional>
#include <string>

#include "rules/rule.h"
#include "rules/rule_table.h"

namespace lineside::rules {

// The least ttl_ms of a write: rules are judged some times a second.
inline constexpr std::chrono::milliseconds kWriteTtlMin{1000};

// `problem` is told the key within the action, ".value", and what is wrong. `already`: the rules of the files before
// and those before this one. What comes back is complete only when nothing was wrong; without interlocks.
using Problem = std::function<void(const std::string& key, const std::string& message)>;
WriteAction check_write(const ActionSettings& action, const Rule& rule, const Surroundings& around,
                        const std::vector<const Rule*>& already, const Problem& problem);

// The tags that come to be read anew because of a write into `tag`; itself among them.
std::vector<std::size_t> moved_by_write(std::size_t tag, const Surroundings& around);

}  // namespace lineside::rules
