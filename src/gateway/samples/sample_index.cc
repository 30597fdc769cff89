#include "gateway/samples/sample_index.h"

#include <algorithm>
#include <charconv>
#include <format>
#include <string_view>

namespace lineside::gateway {
namespace {

constexpr std::string_view kEnding = ".jpg";

template <class T>
bool take_number(std::string_view& text, T& value) {
  const auto end = std::min(text.find('-'), text.size());
  const auto [stop, error] = std::from_chars(text.data(), text.data() + end, value);
  if (error != std::errc{} || stop != text.data() + end) return false;
  text.remove_prefix(std::min(end + 1, text.size()));
  return true;
}

}  // namespace

const char* to_string(SampleWhy why) {
  switch (why) {
    case SampleWhy::no:
      return "no";
    case SampleWhy::reject:
      return "reject";
    case SampleWhy::near_threshold:
      return "near";
    case SampleWhy::random_pass:
      return "pass";
    case SampleWhy::fail_safe:
      return "failsafe";
  }
  return "no";
}

std::string file_name(const SampleEntry& entry) {
  const std::string score = entry.score < 0 ? "x" : std::format("{:04}", entry.score);
  return std::format("{:013}-{}-{}-{}-{}{}", entry.time_ms, entry.item, to_string(entry.why), score, entry.view,
                     kEnding);
}

std::optional<SampleEntry> parse_file_name(const std::string& name) {
  std::string_view text = name;
  if (!text.ends_with(kEnding)) return std::nullopt;
  text.remove_suffix(kEnding.size());
  SampleEntry entry;
  if (!take_number(text, entry.time_ms) || !take_number(text, entry.item)) return std::nullopt;
  for (int why = 0; why <= static_cast<int>(SampleWhy::fail_safe); ++why)
    if (text.starts_with(std::string(to_string(static_cast<SampleWhy>(why))) + "-"))
      entry.why = static_cast<SampleWhy>(why);
  if (entry.why == SampleWhy::no) return std::nullopt;
  text.remove_prefix(text.find('-') + 1);
  if (text.starts_with("x-")) {
    text.remove_prefix(2);
  } else if (!take_number(text, entry.score)) {
    return std::nullopt;
  }
  if (!take_number(text, entry.view) || file_name(entry) != name) return std::nullopt;
  return entry;
}

void SampleIndex::add(const SampleEntry& entry) {
  const auto [place, is_new] = entries_.insert_or_assign(key_of(entry), entry);
  static_cast<void>(place);
  if (is_new) by_age_.push_back(key_of(entry));
  bytes_ += entry.bytes;
}

std::optional<SampleEntry> SampleIndex::take_oldest() {
  if (by_age_.empty()) return std::nullopt;
  auto node = entries_.extract(by_age_.front());
  by_age_.pop_front();
  bytes_ -= node.mapped().bytes;
  return node.mapped();
}

void SampleIndex::sort_by_age() {
  std::ranges::sort(by_age_, [this](const Key& a, const Key& b) {
    return std::tuple{entries_.at(a).time_ms, a} < std::tuple{entries_.at(b).time_ms, b};
  });
}

std::optional<SampleEntry> SampleIndex::find(std::uint16_t station, std::uint64_t item, std::uint8_t view) const {
  const auto found = entries_.find({station, item, view});
  return found == entries_.end() ? std::nullopt : std::optional{found->second};
}

std::uint8_t SampleIndex::next_view(std::uint16_t station, std::uint64_t item) const {
  std::uint8_t view = 0;
  while (view < 255 && entries_.contains({station, item, view})) ++view;
  return view;
}

}  // namespace lineside::gateway
