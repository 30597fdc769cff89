#pragma once
// Recordings of telemetry as the toolbox's commands read them: CSV, also gzipped.
#include <filesystem>
#include <optional>
#include <string>

#include "base/clock.h"
#include "telemetry/table.h"
#include "telemetry/times.h"

namespace lineside::toolbox {

// Errors: those of reading and inflating a file, and of telemetry::Table::parse.
Result<telemetry::Table> read_table(const std::filesystem::path& path);

// The times of a table's rows. Times as written: a zone behind them is not looked at.
class RowTimes {
 public:
  // `column`: the name of the column of times, plain numbers among them (seconds, milliseconds, microseconds or
  // nanoseconds since 1970, by their size); empty: the first that holds times as text. `period`: without such a column
  // rows follow on each other by so much. Errors: usage (no such column, no times in it; none found and no period).
  static Result<RowTimes> find(const telemetry::Table& table, const std::string& column, nanoseconds period);

  // In the order of the rows, each once; times of day go on into the next day. Nothing: the row's time can't be read.
  std::optional<WallTime> next(const telemetry::Table& table, std::size_t row);
  // Number of columns: there is none.
  std::size_t column() const { return column_; }

 private:
  std::size_t column_ = 0;
  telemetry::TimeFormat format_;
  nanoseconds period_{0};
  std::int64_t turns_ = 0, last_ = 0;
  double ns_per_unit_ = 0;  // of plain numbers
};

}  // namespace lineside::toolbox
