#pragma once
// What is wrong with an asset's sensors, as events with a beginning and an end. Never a machine's alarm.
#include <functional>
#include <map>
#include <string>

#include "base/clock.h"

namespace lineside::gateway {

// Owner thread only. A fault begins when it was seen `needed` times without kPause between, and ends when it was not
// seen for a while: kClear, longer each time that it comes back soon, so that a loose cable does not flood the hub.
class SensorWatch {
 public:
  // `fault` begins (detail says what was seen) or ends (detail empty).
  using Tell = std::function<void(const std::string& fault, bool begins, const std::string& detail)>;
  explicit SensorWatch(Tell tell) : tell_(std::move(tell)) {}

  void seen(const std::string& fault, const std::string& detail, MonoTime now, int needed = 1);
  void tick(MonoTime now);
  std::string summary() const;  // the faults that are told, a sentence; empty: none

  static constexpr std::chrono::seconds kClear{10}, kClearMax{600}, kPause{5}, kForget{3600};

 private:
  struct Fault {
    MonoTime last{}, ended{};
    int times = 0;
    bool told = false;
    std::chrono::seconds clear{kClear};
    std::string detail;
  };
  Tell tell_;
  std::map<std::string, Fault> faults_;
};

}  // namespace lineside::gateway
