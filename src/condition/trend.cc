#include "condition/trend.h"

#include <cmath>

namespace lineside::condition {
namespace {

constexpr std::size_t kFiguresMin = 8, kFiguresMax = 512;
constexpr double kDayS = 86'400, kNinety = 1.645;

}  // namespace

void Trend::add(double time_s, double velocity_mm_s) {
  if (!(velocity_mm_s > 0) || !std::isfinite(velocity_mm_s) || (!times_.empty() && time_s <= times_.back())) return;
  if (++skipped_ < each_) return;
  skipped_ = 0;
  times_.push_back(time_s), logarithms_.push_back(std::log(velocity_mm_s));
  if (times_.size() < kFiguresMax) return;
  for (std::size_t i = 0; i < times_.size() / 2; ++i)
    times_[i] = times_[2 * i + 1], logarithms_[i] = logarithms_[2 * i + 1];
  times_.resize(times_.size() / 2), logarithms_.resize(times_.size());
  each_ *= 2;
}

std::optional<Forecast> Trend::forecast(const Asset& asset) const {
  const auto n = static_cast<double>(times_.size());
  if (times_.size() < kFiguresMin) return std::nullopt;
  double t = 0, y = 0, tt = 0, ty = 0;
  for (std::size_t i = 0; i < times_.size(); ++i) t += times_[i] / n, y += logarithms_[i] / n;
  for (std::size_t i = 0; i < times_.size(); ++i)
    tt += (times_[i] - t) * (times_[i] - t), ty += (times_[i] - t) * (logarithms_[i] - y);
  const double slope = ty / tt;
  double rest = 0;
  for (std::size_t i = 0; i < times_.size(); ++i) rest += std::pow(logarithms_[i] - y - slope * (times_[i] - t), 2);
  const double error = kNinety * std::sqrt(rest / (n - 2) / tt);
  const double now = y + slope * (times_.back() - t);
  Forecast result{.zone = iso_zone(asset, std::exp(now))};
  const double border = iso_zone_end(asset, result.zone);
  if (border <= 0 || slope - error <= 0) return std::nullopt;
  result.next = static_cast<char>(result.zone + 1);
  result.percent_per_day = 100 * std::expm1(slope * kDayS);
  const double away = std::log(border) - now;
  result.days = away / slope / kDayS;
  result.days_low = away / (slope + error) / kDayS;
  result.days_high = away / (slope - error) / kDayS;
  return result;
}

}  // namespace lineside::condition
