#include "bundle/figures.h"

#include <algorithm>
#include <cmath>

namespace lineside::bundle {

SortedScores sort_by_class(std::span<const Scored> scored) {
  SortedScores result;
  for (const Scored& item : scored) (item.reject ? result.reject : result.good).push_back(item.score);
  std::ranges::sort(result.good);
  std::ranges::sort(result.reject);
  return result;
}

std::size_t at_least(const std::vector<double>& ascending, double threshold) {
  return static_cast<std::size_t>(ascending.end() - std::ranges::lower_bound(ascending, threshold));
}

double auroc(std::span<const Scored> scored) {
  const SortedScores classes = sort_by_class(scored);
  if (classes.good.empty() || classes.reject.empty()) return 0.5;
  double wins = 0;
  for (const double score : classes.reject) {
    const auto below = std::ranges::lower_bound(classes.good, score) - classes.good.begin();
    const auto not_above = std::ranges::upper_bound(classes.good, score) - classes.good.begin();
    wins += 0.5 * static_cast<double>(below + not_above);
  }
  return wins / static_cast<double>(classes.good.size() * classes.reject.size());
}

Share wilson(std::size_t count, std::size_t of) {
  Share share{.count = count, .of = of};
  if (of == 0) return share;
  constexpr double z = 1.959963984540054;
  const double n = static_cast<double>(of), p = static_cast<double>(count) / n, z2 = z * z;
  const double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half = z / (1 + z2 / n) * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  share.value = p;
  share.low = count == 0 ? 0 : std::max(0.0, centre - half);
  share.high = count == of ? 1 : std::min(1.0, centre + half);
  return share;
}

TestFigures figures(std::span<const Scored> scored, double threshold) {
  const SortedScores classes = sort_by_class(scored);
  TestFigures result;
  result.auroc = auroc(scored);
  result.true_reject = at_least(classes.reject, threshold);
  result.escape_count = classes.reject.size() - result.true_reject;
  result.false_reject_count = at_least(classes.good, threshold);
  result.true_pass = classes.good.size() - result.false_reject_count;
  result.false_reject = wilson(result.false_reject_count, classes.good.size());
  result.escape = wilson(result.escape_count, classes.reject.size());
  return result;
}

}  // namespace lineside::bundle
