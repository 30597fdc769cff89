#pragma once
// A recording as a source of tags: rows come at their time, at real speed or another one.
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "gateway/tags/tag_intake.h"
#include "telemetry/table.h"

namespace lineside::gateway {

// Owns its thread; the whole recording is in memory. A cell without a number is a bad value, an empty one is no
// reading. After the last row the source is down, unless it begins anew.
class FileTags final : public TagSource {
 public:
  // Errors: file_not_found, file_io, file_format, limit_reached; usage (a column that is not there, no times).
  static Result<std::unique_ptr<FileTags>> create(const config::TagSourceSettings& settings,
                                                  std::span<const config::TagSettings> tags, Clock& clock,
                                                  MetricsRegistry& metrics);
  ~FileTags() override;
  Result<void> start(TagSink& sink) override;  // no errors
  void ask_to_stop() override { thread_.request_stop(); }

 private:
  FileTags(const config::TagSourceSettings& settings, std::span<const config::TagSettings> tags, telemetry::Table table,
           Clock& clock, MetricsRegistry& metrics);
  Result<void> find_columns();
  Result<void> read_times();
  void run(const std::stop_token& stop);
  // Returns when the row's time has come; true: to be stopped.
  bool wait_for(MonoTime due, const std::stop_token& stop);
  void give(std::size_t row, WallTime time);
  nanoseconds played(nanoseconds recorded) const;

  const config::TagSourceSettings settings_;
  Clock& clock_;
  TagIntake intake_;
  const telemetry::Table table_;
  std::vector<std::size_t> columns_;  // of each tag
  std::vector<nanoseconds> times_;    // of each row, since the first one; never going back
  std::optional<WallTime> began_;     // of the first row, where the recording has dates
  std::jthread thread_;
};

}  // namespace lineside::gateway
