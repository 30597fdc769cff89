#pragma once
// Structured log: one line per event to standard error, `time level component message key=value ...` (logfmt), or JSON
// with LINESIDE_LOG_FORMAT=json. Never on the hot path. Thread-safe; lines are written whole.
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace lineside {

enum class LogLevel { debug, info, warning, error };

struct LogField {
  std::string_view key;
  std::variant<std::string, double, std::int64_t, bool> value;
};

void log(LogLevel level, std::string_view component, std::string_view message,
         std::initializer_list<LogField> fields = {});
void set_log_level(LogLevel level);  // default info; environment LINESIDE_LOG_LEVEL overrides

// Lets through one line per `period` and counts the others; the next line that passes carries `suppressed=N`.
// One per call site and thing. Thread-safe.
class LogLimiter {
 public:
  explicit LogLimiter(std::chrono::seconds period = std::chrono::seconds{10});
  ~LogLimiter();
  void log(LogLevel level, std::string_view component, std::string_view message,
           std::initializer_list<LogField> fields = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lineside
