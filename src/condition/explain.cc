#include "condition/explain.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <numeric>

namespace lineside::condition {
namespace {

constexpr std::size_t kTextContributions = 3, kTextEvidence = 2;

}  // namespace

const char* to_string(Pattern pattern) {
  static constexpr const char* kNames[kPatterns] = {"none",       "unbalance",  "misalignment", "looseness",
                                                    "outer race", "inner race", "ball",         "gear",
                                                    "electrical", "cavitation"};
  return kNames[static_cast<std::size_t>(pattern)];
}

std::vector<Contribution> contributions(std::span<const FeatureInfo> features, std::span<const double> z,
                                        std::size_t most) {
  std::vector<std::size_t> order(z.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  most = std::min(most, order.size());
  std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(most),
                            [&](std::size_t a, std::size_t b) { return std::abs(z[a]) > std::abs(z[b]); });
  std::vector<Contribution> list;
  for (std::size_t i = 0; i < most; ++i)
    list.push_back({features[order[i]].channel, features[order[i]].name, z[order[i]]});
  return list;
}

std::string to_text(const Explanation& explanation) {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : "; ") + part; };
  const auto& list = explanation.contributions;
  for (std::size_t i = 0; i < std::min(list.size(), kTextContributions); ++i)
    add(std::format("{} {} {:+.1f}", list[i].channel, list[i].feature, list[i].deviation));
  if (explanation.pattern != Pattern::none)
    add(std::format("pattern {} {:.0f} %", to_string(explanation.pattern), 100 * explanation.confidence));
  for (std::size_t i = 0; i < std::min(explanation.evidence.size(), kTextEvidence); ++i) add(explanation.evidence[i]);
  if (explanation.drift) add("drift: slow change, no fault; learn again");
  if (explanation.iso_zone != '-')
    add(std::format("{:.2f} mm/s, ISO 20816 zone {}", explanation.velocity_mm_s, explanation.iso_zone));
  return text;
}

}  // namespace lineside::condition
