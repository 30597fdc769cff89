#pragma once
// A whole recording filtered to what a receiver needs to rebuild it within given errors, and rebuilt.
#include <functional>
#include <optional>

#include "telemetry/segments.h"

namespace lineside::telemetry {

struct MaxError {
  double value = 0.01;
  bool of_span = true;  // a share of each column's span (largest less smallest number), else in the columns' own units
};
// "1%" or "0.5". Errors: usage.
Result<MaxError> parse_max_error(std::string_view text);

struct FilterOptions {
  MaxError max_error;
  const Table* span_from = nullptr;  // whose spans count; nullptr: the recording's own
  std::string time_column;           // empty: found by itself
};

struct ColumnReport {
  std::string name, method;
  std::uint64_t samples = 0;
  double bound = 0;      // 0: exact
  double max_error = 0;  // largest error of a rebuilt number
  double error_sum = 0;  // of rebuilt less recorded
  double max_error_ratio() const { return bound > 0 ? max_error / bound : 0; }
  double bias() const { return samples > 0 ? error_sum / static_cast<double>(samples) : 0; }
};

struct Filtered {
  std::vector<std::uint8_t> bytes;
  std::uint64_t samples = 0;        // numbers outside of time columns
  std::uint64_t bytes_in_json = 0;  // one object for each row, {"time":"...","flow":1.25}: names and cells as recorded
  std::vector<ColumnReport> columns;  // all but time columns
  std::vector<std::string> notes;     // what a user should know
};

// Encodes, reads what was encoded as a receiver would, and compares every number (as rebuild() will print it) with its
// bound, every time and text with the recorded one. Errors: usage (no such time column), internal (the proof failed).
Result<Filtered> filter(const Table& table, const FilterOptions& options);

// The table as CSV, in pieces as they come. `write` is called for each; its error ends it. Other errors: file_format.
Result<void> rebuild(std::span<const std::uint8_t> segments, std::string_view name,
                     const std::function<Result<void>(std::string_view)>& write);

// What filter() proves before it returns, on any segments; adds up the errors in `reports` (one for each column of the
// plan). Errors: internal, naming row and column.
Result<void> prove(std::span<const std::uint8_t> segments, std::span<const Cells> columns,
                   std::span<ColumnReport> reports);

}  // namespace lineside::telemetry
