#include "gateway/inspection/judge.h"

#include <cmath>

namespace lineside::gateway {

Judgement judge(const ClassScore& score, float threshold, float doubt_band) {
  if (!std::isfinite(score.reject_score)) return {Vote::failed, Reason::fail_inference};
  if (score.reject_score >= threshold) return {Vote::reject, Reason::score};
  if (score.reject_score > threshold - doubt_band) return {Vote::reject, Reason::doubt};
  return {Vote::pass, Reason::score};
}

}  // namespace lineside::gateway
