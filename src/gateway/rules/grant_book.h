#pragma once
// What the settings grant, and how much of it was used (law 6).
#include <deque>
#include <map>
#include <string>

#include "base/clock.h"
#include "config/gateway_settings.h"

namespace lineside::gateway {

// Owner thread only.
class GrantBook {
 public:
  // No clock that was ever set says earlier; with one that was not, nobody knows whether a grant has expired.
  static constexpr WallTime kClockIsSet{std::chrono::sys_days{std::chrono::year{2020} / 1 / 1}};

  GrantBook(const config::GatewaySettings& settings, Clock& clock);

  // Why `rule` may not write `value` into `tag` now; empty: it may. `back`: it ends a write that was granted, and does
  // not count.
  std::string refusal(const std::string& tag, const std::string& rule, double value, bool back) const;
  void count(const std::string& tag);                   // one was asked for now
  void recall(const std::string& tag, WallTime asked);  // before a restart

 private:
  struct Grant {
    config::GrantSettings terms;
    WallTime expires;
    mutable std::deque<MonoTime> asked;  // within the last hour, ascending
  };

  Clock& clock_;
  std::map<std::string, Grant> grants_;  // by tag
};

}  // namespace lineside::gateway
