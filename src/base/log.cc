#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <format>
#include <mutex>
#include <utility>

#include "base/clock.h"
#include "base/json_text.h"

namespace lineside {
namespace {

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "info";
}

LogLevel level_from_environment() {
  const char* text = std::getenv("LINESIDE_LOG_LEVEL");
  for (LogLevel level : {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error})
    if (text != nullptr && level_name(level) == text) return level;
  return LogLevel::info;
}

// The process's log settings: the one thing that has to be reachable from everywhere.
struct Settings {
  const bool level_fixed = std::getenv("LINESIDE_LOG_LEVEL") != nullptr;
  std::atomic<LogLevel> level{level_from_environment()};
  const bool json = [] {
    const char* text = std::getenv("LINESIDE_LOG_FORMAT");
    return text != nullptr && std::string_view(text) == "json";
  }();
  std::mutex mutex;
};

Settings& settings() {
  static Settings instance;
  return instance;
}

bool needs_quotes(std::string_view text) {
  if (text.empty()) return true;
  for (char c : text)
    if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '=' || c == '\\' || c == 0x7F) return true;
  return false;
}

void append_value(std::string& out, const LogField& field, bool json) {
  if (const auto* text = std::get_if<std::string>(&field.value)) {
    if (json || needs_quotes(*text)) {
      append_json_text(out, *text);
    } else {
      out += *text;
    }
  } else if (const auto* real = std::get_if<double>(&field.value)) {
    if (json && !std::isfinite(*real)) {
      out += "null";
    } else {
      std::format_to(std::back_inserter(out), "{:.6g}", *real);
    }
  } else if (const auto* integer = std::get_if<std::int64_t>(&field.value)) {
    out += std::to_string(*integer);
  } else {
    out += std::get<bool>(field.value) ? "true" : "false";
  }
}

struct Line {
  LogLevel level;
  std::string_view component, message;
};

std::string format_logfmt(const Line& line, std::initializer_list<LogField> fields, std::uint64_t suppressed) {
  std::string out = std::format("{} {} {} ", to_rfc3339(system_clock().wall()), level_name(line.level), line.component);
  append_json_escaped(out, line.message);
  for (const LogField& field : fields) {
    out += ' ';
    out += field.key;
    out += '=';
    append_value(out, field, false);
  }
  if (suppressed > 0) out += std::format(" suppressed={}", suppressed);
  return out += '\n';
}

std::string format_json(const Line& line, std::initializer_list<LogField> fields, std::uint64_t suppressed) {
  std::string out = std::format(R"({{"time":"{}","level":"{}","component":)", to_rfc3339(system_clock().wall()),
                                level_name(line.level));
  append_json_text(out, line.component);
  out += R"(,"message":)";
  append_json_text(out, line.message);
  for (const LogField& field : fields) {
    out += ',';
    append_json_text(out, field.key);
    out += ':';
    append_value(out, field, true);
  }
  if (suppressed > 0) out += std::format(R"(,"suppressed":{})", suppressed);
  return out += "}\n";
}

void write_line(const Line& line, std::initializer_list<LogField> fields, std::uint64_t suppressed) {
  Settings& s = settings();
  if (line.level < s.level.load(std::memory_order_relaxed)) return;
  const std::string text = s.json ? format_json(line, fields, suppressed) : format_logfmt(line, fields, suppressed);
  const std::lock_guard lock(s.mutex);
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data() + done, text.size() - done);
    if (n <= 0) return;  // nobody reads standard error: the log is lost, the work goes on
    done += static_cast<std::size_t>(n);
  }
}

}  // namespace

void log(LogLevel level, std::string_view component, std::string_view message, std::initializer_list<LogField> fields) {
  write_line({level, component, message}, fields, 0);
}

void set_log_level(LogLevel level) {
  if (!settings().level_fixed) settings().level.store(level, std::memory_order_relaxed);
}

struct LogLimiter::State {
  explicit State(std::chrono::seconds p) : period(p) {}
  const std::chrono::seconds period;
  std::mutex mutex;
  MonoTime next{};
  std::uint64_t suppressed = 0;
};

LogLimiter::LogLimiter(std::chrono::seconds period) : state_(std::make_unique<State>(period)) {}
LogLimiter::~LogLimiter() = default;

void LogLimiter::log(LogLevel level, std::string_view component, std::string_view message,
                     std::initializer_list<LogField> fields) {
  std::uint64_t suppressed = 0;
  {
    const std::lock_guard lock(state_->mutex);
    const MonoTime now = system_clock().mono();
    if (now < state_->next) {
      ++state_->suppressed;
      return;
    }
    state_->next = now + state_->period;
    suppressed = std::exchange(state_->suppressed, 0);
  }
  write_line({level, component, message}, fields, suppressed);
}

}  // namespace lineside
