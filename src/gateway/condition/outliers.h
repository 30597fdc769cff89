#pragma once
// Whether recordings that a machine is to be learned from are of one normal machine.
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace lineside::gateway {

struct Outliers {
  std::vector<std::size_t> outliers;    // by number, that differ from all others
  std::string first_reason;             // of one of them: "x: peaks 4.1 times the usual"
  std::vector<std::size_t> unreadable;  // by number; when there are any, nothing is judged
  std::string first_error;              // of one of them
  std::string change;                   // the last third is another machine than the first; empty: it is not
};

// Level (rms), peaks (crest factor) and impulsiveness (kurtosis) of each channel, as logarithms, against their median
// and its absolute deviation over all recordings (Iglewicz and Hoaglin's modified z-score, 1993, limit 8; a deviation
// below 15 % counts as 15 %). `change`: the medians of first and last third of peaks or impulsiveness differ by more
// than 5 of these. Levels are left out of it: speed and load change them. Missing samples are left out; a channel of
// which nothing is there is no measure of its recording.
// `stop` is asked before each recording. Errors: cancelled.
Result<Outliers> find_outliers(std::span<const std::filesystem::path> recordings, const std::function<bool()>& stop);

}  // namespace lineside::gateway
