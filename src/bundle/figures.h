#pragma once
// Figures of a classifier from scores: AUROC, error shares with Wilson intervals, confusion matrix. No state.
#include <cstddef>
#include <span>
#include <vector>

#include "bundle/manifest.h"

namespace lineside::bundle {

struct Scored {
  double score = 0;  // any scale, higher: more surely a reject
  bool reject = false;
};

struct SortedScores {
  std::vector<double> good, reject;  // ascending
};
SortedScores sort_by_class(std::span<const Scored> scored);
// How many of them are rejects at this threshold.
std::size_t at_least(const std::vector<double>& ascending, double threshold);

// Area under the ROC curve (Mann-Whitney; ties count half); 0.5 when a class is missing.
double auroc(std::span<const Scored> scored);

// `count` of `of` with the two-sided 95 % Wilson score interval (Wilson 1927).
Share wilson(std::size_t count, std::size_t of);

// All of it at a threshold; a score at the threshold is a reject.
TestFigures figures(std::span<const Scored> scored, double threshold);

}  // namespace lineside::bundle
