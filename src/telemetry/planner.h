#pragma once
// How a recording is best coded: kinds of columns, bounds, the instruments' resolutions, which columns help each other.
#include "telemetry/filter.h"

namespace lineside::telemetry {

struct Planned {
  Plan plan;
  std::vector<Cells> columns;         // all rows of each column of the plan
  std::vector<ColumnReport> reports;  // of each column of the plan
  std::vector<std::string> notes;
  std::size_t time_column = 0;    // columns(): none
  std::deque<std::string> texts;  // that are in no table
};

// Errors: usage (no such time column).
Result<Planned> plan_table(const Table& table, const FilterOptions& options);

// Where a recording's times are, and how they are written: in the column `named`, or in the first that looks like it.
// Nothing: there is none. Errors: usage (no such column, or it holds no times).
struct TimeColumn {
  std::size_t column = 0;
  TimeFormat format;
};
Result<std::optional<TimeColumn>> find_time_column(const Table& table, const std::string& named);

}  // namespace lineside::telemetry
