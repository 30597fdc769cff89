#include "hub/tags/tag_index.h"

#include <algorithm>

#include "model/tag_limits.h"
#include "telemetry/stream_plan.h"
#include "wire/batch.h"

namespace lineside::hub {
namespace {

constexpr std::uint64_t kPlanWork = 1000;
constexpr std::size_t kTroublesMax = 100;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Takes the digits at the start of `text`, without zeros before them.
std::string_view take_number(std::string_view& text) {
  const auto end = static_cast<std::size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
  std::string_view digits = text.substr(0, end);
  text.remove_prefix(end);
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits;
}

void read_plan(std::span<const std::uint8_t> bytes, std::vector<std::string>& tags, std::string& trouble) {
  const auto plan = telemetry::decode_stream_plan(bytes);
  if (!plan) trouble = plan.error().message;
  if (!plan) return;
  for (const auto& group : plan->groups)
    for (const auto& tag : group) tags.push_back(wire::clean_text(tag.name));
}

std::size_t bytes_of(const TagNames& names) {
  std::size_t bytes = sizeof names;
  for (const TagPlace& place : names.places) bytes += 2 * (sizeof place + place.tag.size());  // in its stream, too
  return bytes;
}

}  // namespace

bool tag_contains(std::string_view name, std::string_view text) {
  return text.empty() || !std::ranges::search(name, text, {}, lower, lower).empty();
}

bool tag_before(std::string_view a, std::string_view b) {
  std::string_view x = a, y = b;
  while (!x.empty() && !y.empty()) {
    if (is_digit(x.front()) && is_digit(y.front())) {
      const std::string_view m = take_number(x), n = take_number(y);
      if (m.size() != n.size()) return m.size() < n.size();
      if (m != n) return m < n;
      continue;
    }
    const auto c = static_cast<unsigned char>(lower(x.front())), d = static_cast<unsigned char>(lower(y.front()));
    if (c != d) return c < d;
    x.remove_prefix(1);
    y.remove_prefix(1);
  }
  return x.empty() != y.empty() ? x.empty() : a < b;
}

Result<std::shared_ptr<const TagNames>> TagIndex::names(Queries& queries, const std::string& tenant,
                                                        const std::string& gateway, TagBudget& budget) {
  std::shared_ptr<Gateway> known;
  {
    const std::lock_guard lock(mutex_);
    auto& kept = tenants_[tenant][gateway];
    if (!kept) kept = std::make_shared<Gateway>();
    known = kept;
  }
  const std::lock_guard lock(known->mutex);
  LINESIDE_ASSIGN(const Looked looked, look(queries, tenant, gateway, *known, budget));
  if (looked.changed || looked.all != known->all) known->names = put_together(*known, looked.all);
  known->all = looked.all;
  keep(tenant, gateway, known);
  return known->names;
}

Result<TagIndex::Looked> TagIndex::look(Queries& queries, const std::string& tenant, const std::string& gateway,
                                        Gateway& known, TagBudget& budget) {
  Looked looked;
  LINESIDE_ASSIGN(const auto streams, queries.stream_generations(tenant, gateway, kTagStreamsMax));
  looked.changed = std::erase_if(known.streams, [&](const auto& entry) {
                     return !std::ranges::binary_search(streams, entry.first, {}, &TagStreamRow::stream);
                   }) > 0;
  for (const auto& [name, newest] : streams) {
    if (budget.spent()) return looked.all = false, looked;
    const auto [place, added] = known.streams.try_emplace(name);
    Stream& stream = place->second;
    if (!added && stream.generation == newest) continue;
    Stream now{.generation = newest, .tags = {}, .trouble = {}};
    if (newest) {
      LINESIDE_ASSIGN(const auto generation, queries.tag_generation(tenant, gateway, name, *newest));
      budget.charge(kPlanWork + generation.plan.size());
      read_plan(generation.plan, now.tags, now.trouble);
    } else {
      now.trouble = "the first block of its generation was lost on its way";
    }
    looked.changed = looked.changed || added || now.tags != stream.tags || now.trouble != stream.trouble;
    stream = std::move(now);
  }
  LINESIDE_ASSIGN(auto summarized, queries.summarized_tags(tenant, gateway, kSummaryTagsMax));
  looked.changed = looked.changed || summarized != known.summarized;
  known.summarized = std::move(summarized);
  return looked;
}

std::shared_ptr<const TagNames> TagIndex::put_together(const Gateway& known, bool all) {
  auto names = std::make_shared<TagNames>();
  std::vector<std::uint64_t> generations;
  for (const auto& [name, stream] : known.streams) {
    for (const std::string& tag : stream.tags)
      names->places.push_back({tag, static_cast<std::uint32_t>(names->streams.size()), false});
    if (!stream.trouble.empty() && names->troubles.size() < kTroublesMax)
      names->troubles.push_back(name + ": " + stream.trouble);
    names->streams.push_back(name);
    generations.push_back(stream.generation.value_or(0));
  }
  for (const std::string& tag : known.summarized) names->places.push_back({tag, TagPlace::kNone, true});
  std::ranges::stable_sort(names->places, [&](const TagPlace& a, const TagPlace& b) {
    if (a.tag != b.tag) return tag_before(a.tag, b.tag);
    const auto begun = [&](const TagPlace& place) {
      return place.stream == TagPlace::kNone ? 0 : generations[place.stream];
    };
    return begun(a) > begun(b);
  });
  // A tag that has moved from one stream to another is in both for a time.
  std::vector<TagPlace> once;
  for (TagPlace& place : names->places)
    if (once.empty() || once.back().tag != place.tag)
      once.push_back(std::move(place));
    else
      once.back().summarized = once.back().summarized || place.summarized;
  names->complete = all && once.size() <= kNamesMax;
  once.resize(std::min(once.size(), kNamesMax));
  names->places = std::move(once);
  return names;
}

void TagIndex::keep(const std::string& tenant, const std::string& gateway, const std::shared_ptr<Gateway>& used) {
  const std::size_t bytes = used->names->streams.empty() && used->names->places.empty() ? 0 : bytes_of(*used->names);
  const std::lock_guard lock(mutex_);
  auto& place = tenants_[tenant][gateway];
  if (place) bytes_ -= place->bytes;  // another question may have forgotten it meanwhile
  place = used;
  bytes_ += used->bytes = bytes;
  used->used = ++questions_;
  const auto weight = [](const Gateways& gateways) {
    std::size_t sum = 0;
    for (const auto& [name, kept] : gateways) sum += kept->bytes + 1;  // one without names, too
    return sum;
  };
  const auto forget_oldest = [&](Gateways& of) {
    const auto oldest = std::ranges::min_element(of, {}, [](const auto& entry) { return entry.second->used; });
    if (oldest == of.end() || oldest->second == used) return false;
    bytes_ -= oldest->second->bytes;
    of.erase(oldest);
    return true;
  };
  while (bytes_ > kBytesMax &&
         forget_oldest(std::ranges::max_element(tenants_, {}, [&](const auto& t) { return weight(t.second); })->second))
    continue;
  // Names of gateways that are not there cost nothing to make up.
  for (auto& [name, gateways] : tenants_)
    std::erase_if(gateways, [&](const auto& entry) { return entry.second->bytes == 0 && entry.second != used; });
}

}  // namespace lineside::hub
