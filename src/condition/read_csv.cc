#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <format>
#include <limits>
#include <map>
#include <optional>

#include "condition/recording.h"

namespace lineside::condition {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr std::size_t kLookAtRows = 200, kColumnsMax = 4096;

std::string_view trim(std::string_view text) {
  const auto is_blank = [](char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '"' || c == '\xEF' || c == '\xBB' || c == '\xBF';
  };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<double> number(std::string_view field, bool decimal_comma) {
  field = trim(field);
  if (!field.empty() && field.front() == '+') field.remove_prefix(1);
  if (field.empty()) return std::nullopt;
  double value = 0;
  if (decimal_comma && field.contains(',')) {
    std::array<char, 64> text{};
    if (field.size() >= text.size()) return std::nullopt;
    std::ranges::replace_copy(field, text.begin(), ',', '.');
    const auto [end, error] = std::from_chars(text.data(), text.data() + field.size(), value);
    return error == std::errc{} && end == text.data() + field.size() ? std::optional(value) : std::nullopt;
  }
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc{} || end != field.data() + field.size()) return std::nullopt;
  return value;
}

// "2020-03-09 10:14:33", "2020-03-09T10:14:33.5Z", "10:14:33", "14:11.6": seconds from some origin.
std::optional<double> clock_seconds(std::string_view field) {
  field = trim(field);
  double days = 0, seconds = 0;
  if (const auto dash = field.find('-', 1); dash == 4 && field.size() >= 10 && field[7] == '-') {
    int year = 0;
    unsigned month = 0, day = 0;
    std::from_chars(field.data(), field.data() + 4, year);
    std::from_chars(field.data() + 5, field.data() + 7, month);
    std::from_chars(field.data() + 8, field.data() + 10, day);
    const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month}, std::chrono::day{day}};
    if (!date.ok()) return std::nullopt;
    days = static_cast<double>(std::chrono::sys_days{date}.time_since_epoch().count());
    field = field.size() > 11 ? field.substr(11) : std::string_view{};
    if (field.empty()) return days * 86'400;
  }
  int parts = 0;
  for (;;) {
    const auto colon = field.find(':');
    std::string_view part = field.substr(0, colon);
    double value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc{} || ++parts > 3) return std::nullopt;
    seconds = seconds * 60 + value;
    if (colon == std::string_view::npos) break;
    field.remove_prefix(colon + 1);
  }
  return parts >= 2 ? std::optional(days * 86'400 + seconds) : std::nullopt;
}

struct Table {
  char delimiter = ',';
  bool decimal_comma = false;
  std::vector<std::string_view> lines;
  std::size_t columns = 0, first_row = 0;
  std::vector<std::string> names;
};

void split(std::string_view line, char delimiter, std::vector<std::string_view>& fields) {
  fields.clear();
  for (std::size_t from = 0;;) {
    const std::size_t to = line.find(delimiter, from);
    fields.push_back(line.substr(from, to - from));
    if (to == std::string_view::npos || fields.size() > kColumnsMax) return;
    from = to + 1;
  }
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (!trim(line).empty()) lines.push_back(line);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

// ';' and tabs are no part of numbers, so where most lines have them they separate; then a comma is a decimal one.
void find_delimiter(Table& table) {
  const std::size_t look = std::min(table.lines.size(), kLookAtRows);
  const auto with = [&](char c) {
    return std::count_if(table.lines.begin(), table.lines.begin() + static_cast<std::ptrdiff_t>(look),
                         [c](std::string_view line) { return line.contains(c); });
  };
  for (const char c : {';', '\t'})
    if (static_cast<std::size_t>(with(c)) * 2 > look) table.delimiter = c, table.decimal_comma = true;
  if (table.delimiter == ',' && with(',') == 0 && with(' ') > 0) table.delimiter = ' ';
}

// Files begin with all sorts of lines. The shape most of the first rows have is the table's; the first row of that
// shape with a number in it begins the data, and one of that shape without numbers before it names the columns.
void find_rows(Table& table) {
  const std::size_t look = std::min(table.lines.size(), kLookAtRows);
  std::map<std::size_t, std::size_t> counts;
  std::vector<std::string_view> fields;
  for (std::size_t i = 0; i < look; ++i) {
    split(table.lines[i], table.delimiter, fields);
    ++counts[fields.size()];
  }
  for (std::size_t most = 0; const auto& [columns, count] : counts)
    if (count >= most) most = count, table.columns = columns;
  table.first_row = table.lines.size();
  for (std::size_t i = 0; i < table.lines.size(); ++i) {
    split(table.lines[i], table.delimiter, fields);
    if (fields.size() != table.columns) continue;
    const auto is_value = [&](std::string_view field) { return number(field, table.decimal_comma).has_value(); };
    if (std::ranges::any_of(fields, is_value)) {
      table.first_row = i;
      break;
    }
    table.names.assign(fields.size(), {});
    std::ranges::transform(fields, table.names.begin(),
                           [](std::string_view field) { return std::string(trim(field)); });
  }
  if (table.names.empty()) table.names.resize(table.columns);
  for (std::size_t i = 0; i < table.columns; ++i)
    if (table.names[i].empty()) table.names[i] = std::to_string(i + 1);
}

struct Columns {
  std::vector<std::vector<float>> values;
  std::vector<std::vector<double>> clocks;  // where fields are clock times; else empty
  std::vector<std::size_t> numbers;         // how many fields were numbers
};

// Rows that are short or long keep what they have; the rest is missing.
Columns read_columns(const Table& table) {
  Columns columns;
  const std::size_t rows = table.lines.size() - table.first_row;
  columns.values.assign(table.columns, std::vector<float>(rows, kMissing));
  columns.clocks.resize(table.columns);
  columns.numbers.assign(table.columns, 0);
  std::vector<std::string_view> fields;
  for (std::size_t row = 0; row < rows; ++row) {
    split(table.lines[table.first_row + row], table.delimiter, fields);
    for (std::size_t i = 0; i < std::min(fields.size(), table.columns); ++i) {
      if (const auto value = number(fields[i], table.decimal_comma)) {
        columns.values[i][row] = static_cast<float>(*value);
        columns.numbers[i] += std::isfinite(*value) ? 1 : 0;
        if (!columns.clocks[i].empty()) columns.clocks[i][row] = *value;
      } else if (const auto clock = clock_seconds(fields[i])) {
        if (columns.clocks[i].empty()) columns.clocks[i].assign(rows, std::numeric_limits<double>::quiet_NaN());
        columns.clocks[i][row] = *clock;
      }
    }
  }
  return columns;
}

bool is_time_name(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  static constexpr std::string_view kNames[] = {"time",     "timestamp", "datetime", "date",      "time_s",
                                                "time [s]", "time (s)",  "seconds",  "date_time", "ts"};
  return std::ranges::contains(kNames, std::string_view(lower));
}

std::optional<std::size_t> find_column(const Table& table, const std::string& wanted) {
  const auto by_name = std::ranges::find(table.names, wanted);
  if (by_name != table.names.end()) return static_cast<std::size_t>(by_name - table.names.begin());
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), index);
  if (error != std::errc{} || end != wanted.data() + wanted.size() || index < 1 || index > table.columns)
    return std::nullopt;
  return index - 1;
}

std::optional<std::size_t> time_column(const Table& table, const Columns& columns) {
  for (std::size_t i = 0; i < table.columns; ++i)
    if (is_time_name(table.names[i]) || (!columns.clocks[i].empty() && columns.numbers[i] == 0)) return i;
  return std::nullopt;
}

// Numbers again, in double: a float can't hold seconds since 1970.
std::vector<double> times_of(const Table& table, const Columns& columns, std::size_t index) {
  if (!columns.clocks[index].empty()) return columns.clocks[index];
  std::vector<double> times;
  std::vector<std::string_view> fields;
  for (std::size_t row = table.first_row; row < table.lines.size(); ++row) {
    split(table.lines[row], table.delimiter, fields);
    const auto value = index < fields.size() ? number(fields[index], table.decimal_comma) : std::nullopt;
    times.push_back(value.value_or(std::numeric_limits<double>::quiet_NaN()));
  }
  return times;
}

double rate_of(const std::vector<double>& times) {
  std::vector<double> steps;
  const std::size_t look = std::min<std::size_t>(times.size(), 100'000);
  for (std::size_t i = 1; i < look; ++i)
    if (times[i] > times[i - 1]) steps.push_back(times[i] - times[i - 1]);
  // Times that often stand still were rounded to more than a sample: they tell no rate.
  if (steps.size() < 2 || steps.size() * 10 < (look - 1) * 9) return 0;
  // The mean of the middle half: clocks are often written with fewer digits than a step has.
  std::ranges::sort(steps);
  const std::size_t from = steps.size() / 4, to = steps.size() - from;
  double sum = 0;
  for (std::size_t i = from; i < to; ++i) sum += steps[i];
  return sum > 0 ? static_cast<double>(to - from) / sum : 0;
}

}  // namespace

Result<Recording> parse_csv(std::string_view text, std::string_view name, const ReadOptions& options) {
  Table table;
  table.lines = lines_of(text);
  find_delimiter(table);
  find_rows(table);
  if (table.first_row >= table.lines.size() || table.columns > kColumnsMax)
    return fail(ErrorCode::file_format, std::format("{} has no rows of numbers separated by ',' or ';'", name));
  const Columns columns = read_columns(table);
  Recording recording;
  recording.file = name;
  std::optional<std::size_t> time;
  if (!options.time_column.empty()) {
    time = find_column(table, options.time_column);
    if (!time)
      return fail(ErrorCode::file_format, std::format("{} has no column '{}' for the time", name, options.time_column));
  } else {
    time = time_column(table, columns);
  }
  if (time) {
    recording.times_s = times_of(table, columns, *time);
    recording.stated_rate_hz = rate_of(recording.times_s);
  }
  const auto take = [&](std::size_t i) {
    recording.names.push_back(table.names[i]);
    recording.channels.push_back(columns.values[i]);
  };
  const std::size_t rows = table.lines.size() - table.first_row;
  for (const std::string& wanted : options.columns) {
    const auto index = find_column(table, wanted);
    if (index) {
      take(*index);
      recording.names.back() = wanted;
      continue;
    }
    if (std::ranges::all_of(wanted, [](unsigned char c) { return std::isdigit(c) != 0; }))
      return fail(ErrorCode::file_format, std::format("{} has no column {}: it has {}", name, wanted, table.columns));
    recording.names.push_back(wanted);
    recording.channels.emplace_back(rows, kMissing);
  }
  for (std::size_t i = 0; options.columns.empty() && i < table.columns; ++i)
    if (i != time && columns.numbers[i] * 2 > rows) take(i);
  if (recording.channels.empty()) return fail(ErrorCode::file_format, std::format("{} has no column of numbers", name));
  return recording;
}

}  // namespace lineside::condition
