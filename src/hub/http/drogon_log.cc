#include "hub/http/drogon_log.h"

#include <trantor/utils/Logger.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <format>
#include <memory>

namespace lineside::hub {
namespace {

// Cuts the first word off.
std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const auto word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

bool other_side_has_gone(std::string_view message) {
  static constexpr std::array kGone{EPIPE, ECONNRESET, ENOTCONN, ETIMEDOUT, ECONNABORTED};
  for (const int reason : kGone)
    if (message.contains(std::format("(errno={})", reason))) return true;
  return false;
}

}  // namespace

LibraryLine read_library_line(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  const std::string_view whole = line;
  for (int before_level = 0; before_level < 4; ++before_level) take_word(line);  // date, time, zone, thread
  const std::string_view level = take_word(line);
  LibraryLine result;
  if (level == "FATAL" || level == "WARN") {
    result.level = LogLevel::warning;
  } else if (level == "ERROR") {
    result.level = LogLevel::error;
  } else if (level != "INFO" && level != "DEBUG" && level != "TRACE") {
    return {LogLevel::warning, std::string(whole), {}};
  }
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  if (const auto dash = line.rfind(" - "); dash != std::string_view::npos && line.substr(dash).contains(".cc:")) {
    result.place = line.substr(dash + 3);
    line = line.substr(0, dash);
  }
  result.message = line;
  if (other_side_has_gone(result.message)) result.level = LogLevel::debug;
  return result;
}

void route_drogon_log() {
  trantor::Logger::setLogLevel(trantor::Logger::kWarn);
  trantor::Logger::setOutputFunction(
      [limiter = std::make_shared<LogLimiter>()](const char* text, std::uint64_t length) {
        const auto line = read_library_line({text, length});
        if (line.level == LogLevel::debug) return log(line.level, "http", line.message, {{"place", line.place}});
        limiter->log(line.level, "http", line.message, {{"place", line.place}});
      },
      [] {});
}

}  // namespace lineside::hub
