#include "condition/resample.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lineside::condition {
namespace {

constexpr double kBeta = 8, kPassShare = 0.475;  // the filter's middle; its slope ends at half of the new rate
constexpr int kZeros = 48;                       // of the sinc on each side
constexpr std::size_t kTableSteps = 256;         // a zero to the next

double bessel(double x) {
  double sum = 1, term = 1;
  for (int k = 1; k < 40; ++k) {
    term *= (x / (2 * k)) * (x / (2 * k));
    sum += term;
  }
  return sum;
}

std::vector<float> kernel() {
  std::vector<float> table(kZeros * kTableSteps + 2, 0.0F);
  for (std::size_t i = 0; i + 1 < table.size(); ++i) {
    const double t = static_cast<double>(i) / kTableSteps, share = t / kZeros;
    const double sinc = t == 0 ? 1 : std::sin(std::numbers::pi * t) / (std::numbers::pi * t);
    table[i] = static_cast<float>(sinc * bessel(kBeta * std::sqrt(std::max(0.0, 1 - share * share))) / bessel(kBeta));
  }
  return table;
}

}  // namespace

std::vector<float> resample(std::span<const float> signal, double from_hz, double to_hz) {
  const std::vector<float> table = kernel();
  const double step = from_hz / to_hz, cut = 2 * kPassShare * to_hz / from_hz, reach = kZeros / cut;
  std::vector<float> out(static_cast<std::size_t>(static_cast<double>(signal.size()) / step));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double at = static_cast<double>(i) * step;
    const auto first = static_cast<std::size_t>(std::max(0.0, std::ceil(at - reach)));
    const auto last = std::min(signal.size() - 1, static_cast<std::size_t>(at + reach));
    double sum = 0, weights = 0;
    for (std::size_t j = first; j <= last; ++j) {
      const double place = std::abs(static_cast<double>(j) - at) * cut * kTableSteps;
      const float weight = table[std::min(static_cast<std::size_t>(place + 0.5), table.size() - 1)];
      sum += static_cast<double>(weight) * signal[j], weights += weight;
    }
    out[i] = static_cast<float>(sum / weights);
  }
  return out;
}

}  // namespace lineside::condition
