#include "gateway/condition/sensor_watch.h"

#include <algorithm>
#include <format>

namespace lineside::gateway {

void SensorWatch::seen(const std::string& fault, const std::string& detail, MonoTime now, Sight sight) {
  Fault& one = faults_[fault];
  one.every = sight.every;
  if (one.times > 0 && now - one.last > std::max<nanoseconds>(kPause, 3 * one.every) && !one.told) one.times = 0;
  one.last = now;
  one.detail = detail;
  if (one.told || ++one.times < sight.needed) return;
  const bool again = one.ended != MonoTime{} && now - one.ended < std::max<nanoseconds>(kForget, 3 * one.every);
  one.clear = again ? std::min<nanoseconds>(one.clear * 2, kClearMax) : nanoseconds{kClear};
  one.told = true;
  tell_(fault, true, detail);
}

void SensorWatch::tick(MonoTime now) {
  for (auto& [name, fault] : faults_) {
    if (!fault.told || now - fault.last < std::max(fault.clear, 3 * fault.every)) continue;
    fault.told = false;
    fault.times = 0;
    fault.ended = now;
    tell_(name, false, "");
  }
}

std::string SensorWatch::summary() const {
  std::string text;
  for (const auto& [name, fault] : faults_)
    if (fault.told) text += std::format("{}{}: {}", text.empty() ? "" : "; ", name, fault.detail);
  return text;
}

}  // namespace lineside::gateway
