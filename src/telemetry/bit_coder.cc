#include "telemetry/bit_coder.h"

#include <utility>

namespace lineside::telemetry {
namespace {

constexpr double kLn2 = 0.693147180559945309417;

// Natural logarithm of 0 < x < 1, and e to the power of x: series of plain operations, so that every build has the
// same.
constexpr double logarithm(double x) {
  int halvings = 0;
  for (; x < 0.75; x *= 2) ++halvings;
  const double z = (x - 1) / (x + 1);
  double sum = 0, power = z;
  for (int i = 1; i < 30; i += 2, power *= z * z) sum += power / i;
  return 2 * sum - halvings * kLn2;
}

constexpr double exponential(double x) {
  double term = 1, sum = 1;
  for (int i = 1; i < 20; ++i) {
    term *= x / 256 / i;
    sum += term;
  }
  for (int i = 0; i < 8; ++i) sum *= sum;
  return sum;
}

constexpr long rounded(double x) { return static_cast<long>(x < 0 ? x - 0.5 : x + 0.5); }

constexpr CoderTables make_tables() {
  CoderTables tables{};
  constexpr long kMax = CoderTables::kStretchMax;
  for (std::size_t i = 0; i < tables.stretch.size(); ++i) {
    const double p = (static_cast<double>(i) + 0.5) / 4096;
    const double log_p = logarithm(p);
    tables.stretch[i] = static_cast<std::int16_t>(std::clamp(rounded((log_p - logarithm(1 - p)) * 256), -kMax, kMax));
    tables.cost[i] = static_cast<std::uint32_t>(rounded(-log_p / kLn2 * 65536));
  }
  for (long i = -kMax; i <= kMax; ++i)
    tables.squash[static_cast<std::size_t>(i + kMax)] = static_cast<std::uint16_t>(
        std::clamp(rounded(65536 / (1 + exponential(static_cast<double>(-i) / 256))), 24L, 65536L - 24));
  for (std::size_t i = 0; i < tables.rates.size(); ++i)
    tables.rates[i] = static_cast<std::uint16_t>(65536 / (static_cast<double>(i) + 1.6));
  return tables;
}

}  // namespace

constinit const CoderTables kCoderTables = make_tables();

std::vector<std::uint8_t> BitEncoder::finish() {
  // Any number from low to high ends it; the decoder reads zeros behind, but no more than four bytes: of those that
  // were shifted out none may be left away, or it would take what is there for cut off.
  const std::size_t shifted = bytes_.size();
  const std::uint32_t end = low_ + ((high_ - low_) >> 1);
  int bytes = 1;
  while (bytes < 4 && ((end >> (32 - 8 * bytes)) << (32 - 8 * bytes)) < low_) ++bytes;
  for (int i = 0; i < bytes; ++i) bytes_.push_back(static_cast<std::uint8_t>(end >> (24 - 8 * i)));
  while (bytes_.size() > shifted && bytes_.back() == 0) bytes_.pop_back();
  low_ = 0, high_ = 0xffffffff;
  return std::exchange(bytes_, {});
}

}  // namespace lineside::telemetry
