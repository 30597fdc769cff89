#include "gateway/condition/sensor_watch.h"

#include <algorithm>
#include <format>

namespace lineside::gateway {

void SensorWatch::seen(const std::string& fault, const std::string& detail, MonoTime now, int needed) {
  Fault& one = faults_[fault];
  if (one.times > 0 && now - one.last > kPause && !one.told) one.times = 0;
  one.last = now;
  one.detail = detail;
  if (one.told || ++one.times < needed) return;
  const bool again = one.ended != MonoTime{} && now - one.ended < kForget;
  one.clear = again ? std::min(one.clear * 2, kClearMax) : kClear;
  one.told = true;
  tell_(fault, true, detail);
}

void SensorWatch::tick(MonoTime now) {
  for (auto& [name, fault] : faults_) {
    if (!fault.told || now - fault.last < fault.clear) continue;
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
