#include "toolbox/recording.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <limits>
#include <vector>

#include "base/file.h"
#include "condition/inflate.h"

namespace lineside::toolbox {
namespace {

constexpr std::size_t kInputBytesMax = std::size_t{4} << 30;
constexpr std::size_t kLook = 400;  // rows that show in what format a column's times are
constexpr double kNsMax = 4.6e18;

using Shape = telemetry::TimeFormat::Shape;

std::vector<std::string_view> first_cells(const telemetry::Table& table, std::size_t column) {
  std::vector<std::string_view> cells(std::min(table.rows(), kLook));
  for (std::size_t row = 0; row < cells.size(); ++row) cells[row] = table.cell(row, column);
  return cells;
}

double ns_per_unit(double first) {
  for (const double unit : {1.0, 1e3, 1e6})
    if (std::abs(first) >= 1e17 / unit) return unit;
  return 1e9;
}

}  // namespace

Result<telemetry::Table> read_table(const std::filesystem::path& path) {
  LINESIDE_ASSIGN(std::string text, read_text(path, kInputBytesMax));
  if (text.starts_with("\x1f\x8b")) {
    const std::span packed(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    LINESIDE_ASSIGN(const auto plain,
                    condition::inflate(packed, condition::Packing::zlib_or_gzip, kInputBytesMax, path.string()));
    text.assign(plain.begin(), plain.end());
  }
  return telemetry::Table::parse(std::move(text), path.string());
}

Result<RowTimes> RowTimes::find(const telemetry::Table& table, const std::string& column, nanoseconds period) {
  RowTimes times;
  times.column_ = table.columns();
  const auto& names = table.names();
  if (!column.empty()) {
    const auto found = std::ranges::find(names, column);
    if (found == names.end()) return fail(ErrorCode::usage, std::format("there is no column '{}'", column));
    times.column_ = static_cast<std::size_t>(found - names.begin());
    const auto format = telemetry::find_time_format(first_cells(table, times.column_), true);
    if (!format) return fail(ErrorCode::usage, std::format("column '{}' holds no times that are known", column));
    times.format_ = *format;
  } else if (period.count() == 0) {
    for (std::size_t i = 0; i < table.columns() && times.column_ == table.columns(); ++i) {
      const auto format = telemetry::find_time_format(first_cells(table, i), false);
      if (!format) continue;
      times.format_ = *format;
      times.column_ = i;
    }
    if (times.column_ == table.columns())
      return fail(ErrorCode::usage,
                  "no column of times was found: name it by --time-column, or say by --period how far apart rows are");
  }
  times.period_ = period;
  return times;
}

std::optional<WallTime> RowTimes::next(const telemetry::Table& table, std::size_t row) {
  if (column_ == table.columns()) return WallTime{period_ * static_cast<std::int64_t>(row)};
  const auto read = format_.read(table.cell(row, column_));
  if (!read) return std::nullopt;
  const auto units = static_cast<double>(format_.units_per_second());
  if (format_.shape == Shape::number) {
    if (ns_per_unit_ == 0) ns_per_unit_ = ns_per_unit(static_cast<double>(*read) / units);
    const double ns = static_cast<double>(*read) / units * ns_per_unit_;
    return WallTime{nanoseconds{static_cast<std::int64_t>(std::clamp(ns, 0.0, kNsMax))}};
  }
  if (const std::int64_t turn = format_.turn(); turn > 0) {
    if (*read < last_ - turn / 2) turns_ += turn;
    last_ = *read;
  }
  const std::int64_t time = *read + turns_, step = 1'000'000'000 / format_.units_per_second();
  if (time < 0 || static_cast<double>(time) * static_cast<double>(step) > kNsMax) return std::nullopt;
  return WallTime{nanoseconds{time * step}};
}

}  // namespace lineside::toolbox
