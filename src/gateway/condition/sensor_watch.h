#pragma once
// What is wrong with an asset's sensors, as events with a beginning and an end. Never a machine's alarm.
#include <functional>
#include <map>
#include <string>

#include "base/clock.h"

namespace lineside::gateway {

// How a fault shows itself.
struct Sight {
  int needed = 1;       // times, before it is one
  nanoseconds every{};  // while it lasts it is seen again within so long: blocks of slow telemetry may be an hour apart
};

// Owner thread only. A fault begins when it was seen `needed` times without a pause between (kPause, or three times
// `every`), and ends when it was not seen for a while: kClear, or three times `every` if that is longer; longer each
// time that it comes back soon, so that a loose cable does not flood the hub.
class SensorWatch {
 public:
  // `fault` begins (detail says what was seen) or ends (detail empty).
  using Tell = std::function<void(const std::string& fault, bool begins, const std::string& detail)>;
  explicit SensorWatch(Tell tell) : tell_(std::move(tell)) {}

  void seen(const std::string& fault, const std::string& detail, MonoTime now, Sight sight = {});
  void tick(MonoTime now);
  std::string summary() const;  // the faults that are told, a sentence; empty: none

  static constexpr std::chrono::seconds kClear{10}, kClearMax{600}, kPause{5}, kForget{3600};

 private:
  struct Fault {
    MonoTime last{}, ended{};
    int times = 0;
    bool told = false;
    nanoseconds clear{kClear}, every{};
    std::string detail;
  };
  Tell tell_;
  std::map<std::string, Fault> faults_;
};

}  // namespace lineside::gateway
