#pragma once
// One camera's answer to one picture: the score against the thresholds of bundle and configuration.
#include <string>
#include <vector>

#include "gateway/api/classifier.h"
#include "gateway/inspection/item_board.h"

namespace lineside::gateway {

// What a station needs to know of a model while its verdicts are on the way; immutable.
struct ModelInfo {
  std::string version;  // "name@version"
  std::vector<std::string> labels;
  float threshold = 0.5F;  // of the reject score, from configuration or bundle

  std::string_view label(std::int16_t index) const {
    return index >= 0 && static_cast<std::size_t>(index) < labels.size() ? labels[static_cast<std::size_t>(index)]
                                                                         : std::string_view{};
  }
};

struct Judgement {
  Vote vote = Vote::failed;
  Reason reason = Reason::fail_inference;
};

// Rejects at or above `threshold`; scores less than `doubt_band` below it are rejected too, as doubt. A score that is
// not a number is a failure of the model.
Judgement judge(const ClassScore& score, float threshold, float doubt_band);

}  // namespace lineside::gateway
