#include "base/nearest.h"
#include "rules/expression.h"

namespace lineside::rules {

TagList::TagList(std::vector<TagInfo> tags) : tags_(std::move(tags)) {
  places_.reserve(tags_.size());
  for (std::size_t i = 0; i < tags_.size(); ++i) places_.try_emplace(tags_[i].name, i);
}

TagList TagList::any() {
  TagList list({{.name = "any", .unit = std::nullopt}});
  list.any_ = true;
  return list;
}

std::optional<std::size_t> TagList::find(std::string_view name) const {
  if (any_) return 0;
  const auto found = places_.find(name);
  return found == places_.end() ? std::nullopt : std::optional(found->second);
}

std::string TagList::nearest_to(std::string_view name) const {
  if (tags_.size() > kSuggestedFromMax) return {};  // each candidate is compared
  std::vector<std::string> names;
  names.reserve(tags_.size());
  for (const TagInfo& tag : tags_) names.push_back(tag.name);
  return nearest(name, names);
}

}  // namespace lineside::rules
