#pragma once
// What the store knows of alarms (ISA-18.2).
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/record.h"

namespace lineside::hub {

inline constexpr std::size_t kAlarmsMax = 2000;                // of one gateway; further ones are not listed
inline constexpr std::chrono::hours kReturnedAlarmsShown{24};  // those that nobody has acknowledged

struct AlarmId {
  std::string gateway, asset, kind;
};

// What somebody saw of an alarm: enough to tell it from what it has become since.
struct SeenAlarm {
  AlarmId id;
  std::string event_id;
  WallTime since{};  // to the millisecond
};

struct AlarmRow {
  AlarmId id;
  EventRecord newest;  // that told of it, without evidence; its time is that of the newest change
  std::string value, unit, limit;
  WallTime since{};
  WallTime cleared{};  // zero: it is there still
  WallTime acked{};    // zero: not acknowledged
  std::string acked_by;
  bool sure = true;  // false: events of its gateway were lost since, its end may be among them
};

struct AlarmList {
  std::vector<AlarmRow> alarms;           // what is there before what has returned, then by priority, newest first
  std::array<std::uint64_t, 5> active{};  // how many are there in all, by Severity
  std::uint64_t unacknowledged = 0;       // of those
  bool complete = true;                   // false: a gateway has more than kAlarmsMax
};

}  // namespace lineside::hub
