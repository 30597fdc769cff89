#pragma once
// What Drogon and its network library would print to standard error on their own goes into the structured log.
#include <string>
#include <string_view>

#include "base/log.h"

namespace lineside::hub {

struct LibraryLine {
  LogLevel level = LogLevel::debug;
  std::string message, place;  // place: "Socket.cc:110"; empty where the line has none
};

// A line as trantor writes it: "20261122 22:10:39.182200 UTC 6834 WARN  what happened - File.cc:12\n". Its FATAL is a
// failed system call: a warning here, and of no interest (debug) where only the other side has gone away.
LibraryLine read_library_line(std::string_view line);

// For the whole process, before Drogon is used. One line in 10 s is let through, the others are counted.
void route_drogon_log();

}  // namespace lineside::hub
