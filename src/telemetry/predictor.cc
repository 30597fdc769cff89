#include "telemetry/predictor.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace lineside::telemetry {
namespace {

constexpr double kForget = 0.985;              // with each kRows rows
constexpr double kRidge = 2;                   // squared steps: a few rows' worth of doubt
constexpr std::uint64_t kEager = 32;           // times kRows rows: solved anew with each at first,
constexpr std::uint64_t kSolveLaterEvery = 4;  // then seldom
constexpr double kFar = 1e6;                   // steps

}  // namespace

Predictor::Predictor(double step, std::span<const double> helper_steps, std::uint32_t period)
    : step_(step), scale_(1 / step), period_(period) {
  for (std::size_t i = 0; i < helper_steps.size(); ++i) helper_scale_[i] = 1 / helper_steps[i];
  inputs_count_ = 5 + (period > 0 ? 2 : 0) + helper_steps.size();
}

Predictor::Guess Predictor::guess(const double* own, std::span<const double* const> helpers) {
  last_ = own[-1];
  inputs_[0] = (own[-2] - last_) * scale_;
  inputs_[1] = (own[-3] - last_) * scale_;
  inputs_[2] = (own[-5] - last_) * scale_;
  inputs_[3] = (mean_quick_ - last_) * scale_;
  inputs_[4] = (mean_slow_ - last_) * scale_;
  std::size_t n = 5;
  if (period_ > 0) {
    const auto day = static_cast<std::ptrdiff_t>(period_);
    const bool known = seen_ > period_;
    inputs_[n++] = known ? (own[-day] - own[-day - 1]) * scale_ : 0;
    inputs_[n++] = known ? (own[-day] - last_) * scale_ : 0;
  }
  for (std::size_t i = 0; i < helpers.size(); ++i) inputs_[n++] = (helpers[i][0] - helpers[i][-1]) * helper_scale_[i];
  double even = 0, odd = 0;
  for (std::size_t i = 0; i < kInputsMax; i += 2) {
    even += weights_[i] * inputs_[i];
    odd += weights_[i + 1] * inputs_[i + 1];
  }
  double change = even + odd;
  if (!(std::abs(change) < kFar)) change = 0;
  return {.last = last_, .level = mean_quick_, .learned = last_ + change * step_};
}

void Predictor::learn(double value) {
  if (seen_ == 0) {
    mean_quick_ = mean_slow_ = value;  // the first value says nothing of changes
  } else {
    for (std::size_t i = 0; i < inputs_count_; ++i) rows_[i][waiting_] = std::clamp(inputs_[i], -kFar, kFar);
    rows_[kInputsMax][waiting_] = std::clamp((value - last_) * scale_, -kFar, kFar);
    if (++waiting_ == kRows) absorb();
  }
  mean_quick_ += (value - mean_quick_) / 8;
  mean_slow_ += (value - mean_slow_) / 64;
  ++seen_;
}

void Predictor::absorb() {
  waiting_ = 0;
  const auto product = [](const std::array<double, kRows>& a, const std::array<double, kRows>& b) {
    Pair sum0{}, sum1{};
    for (std::size_t t = 0; t < kRows; t += 4) {
      Pair a0, a1, b0, b1;
      std::memcpy(&a0, &a[t], sizeof a0);
      std::memcpy(&a1, &a[t + 2], sizeof a1);
      std::memcpy(&b0, &b[t], sizeof b0);
      std::memcpy(&b1, &b[t + 2], sizeof b1);
      sum0 += a0 * b0;
      sum1 += a1 * b1;
    }
    sum0 += sum1;
    return sum0[0] + sum0[1];
  };
  for (std::size_t i = 0; i < inputs_count_; ++i) {
    for (std::size_t j = 0; j <= i; ++j) squares_[i][j] = squares_[i][j] * kForget + product(rows_[i], rows_[j]);
    targets_[i] = targets_[i] * kForget + product(rows_[i], rows_[kInputsMax]);
  }
  if (++absorbed_ <= kEager || absorbed_ % kSolveLaterEvery == 0) solve();
}

// Cholesky on the normal equations, with a ridge that keeps them solvable.
void Predictor::solve() {
  std::array<std::array<double, kInputsMax>, kInputsMax> lower;
  std::array<double, kInputsMax> half, inverse;
  for (std::size_t i = 0; i < inputs_count_; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = squares_[i][j] + (i == j ? kRidge + squares_[i][i] * 1e-3 : 0);
      for (std::size_t k = 0; k < j; ++k) sum -= lower[i][k] * lower[j][k];
      lower[i][j] = i == j ? std::sqrt(std::max(sum, 1e-9)) : sum * inverse[j];
    }
    inverse[i] = 1 / lower[i][i];
    double sum = targets_[i];
    for (std::size_t k = 0; k < i; ++k) sum -= lower[i][k] * half[k];
    half[i] = sum * inverse[i];
  }
  for (std::size_t i = inputs_count_; i-- > 0;) {
    double sum = half[i];
    for (std::size_t k = i + 1; k < inputs_count_; ++k) sum -= lower[k][i] * weights_[k];
    weights_[i] = sum * inverse[i];
  }
}

}  // namespace lineside::telemetry
