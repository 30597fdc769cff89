#include "plant/truth_log.h"

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/log.h"

namespace lineside::plant {

struct TruthLog::State {
  std::mutex mutex;
  std::optional<AppendFile> file;
  LogLimiter limiter;

  void write(const nlohmann::ordered_json& line) {
    std::lock_guard lock(mutex);
    if (!file) return;
    if (auto written = file->append(line.dump() + "\n"); !written)
      limiter.log(LogLevel::error, "plant", "the truth file can't be written", {{"why", to_string(written.error())}});
  }
};

TruthLog::TruthLog(std::unique_ptr<State> state) : state_(std::move(state)) {}
TruthLog::~TruthLog() = default;

Result<std::unique_ptr<TruthLog>> TruthLog::open(const std::filesystem::path& path) {
  auto state = std::make_unique<State>();
  if (!path.empty()) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    LINESIDE_ASSIGN(state->file, AppendFile::open(path));
  }
  return std::unique_ptr<TruthLog>(new TruthLog(std::move(state)));
}

void TruthLog::bottle(std::string_view line, const Outcome& outcome) {
  nlohmann::ordered_json entry{{"line", line},
                               {"bottle", outcome.passage.bottle},
                               {"class", to_string(outcome.passage.bottle_class)},
                               {"at_ns", outcome.passage.at_camera_wall.time_since_epoch().count()},
                               {"sent", outcome.passage.sent},
                               {"filmed", outcome.passage.filmed},
                               {"hit", outcome.hit},
                               {"safe", outcome.safe_state}};
  if (outcome.hit) {
    entry["hit_ms"] = std::round(outcome.hit_ms * 1000) / 1000;
    entry["item"] = outcome.item;
  }
  state_->write(entry);
}

void TruthLog::miss(std::string_view line, const Miss& miss, WallTime at) {
  nlohmann::ordered_json entry{
      {"line", line}, {"pulse_at_ns", at.time_since_epoch().count()}, {"item", miss.item}, {"hit", false}};
  if (miss.nearest_ms) entry["nearest_ms"] = std::round(*miss.nearest_ms * 1000) / 1000;
  state_->write(entry);
}

void TruthLog::trouble(std::string_view line, std::string_view what, WallTime at) {
  state_->write({{"line", line}, {"trouble", what}, {"at_ns", at.time_since_epoch().count()}});
}

}  // namespace lineside::plant
