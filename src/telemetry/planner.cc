#include "telemetry/planner.h"

#include <cmath>
#include <format>
#include <limits>
#include <utility>

namespace lineside::telemetry {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

struct Span {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  std::size_t numbers = 0;
  void add(double value) {
    low = std::min(low, value), high = std::max(high, value);
    ++numbers;
  }
  double size() const { return numbers > 0 ? high - low : 0; }
};

std::vector<std::string_view> texts_of(const Table& table, std::size_t column, std::size_t rows_max) {
  std::vector<std::string_view> cells(std::min(table.rows(), rows_max));
  for (std::size_t row = 0; row < cells.size(); ++row) cells[row] = table.cell(row, column);
  return cells;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

// Plain numbers are times where the column says so and they never go back.
bool numbers_are_times(const Table& table, std::size_t column) {
  static constexpr std::array<std::string_view, 10> kNames{"time",  "timestamp", "datetime", "date",  "ts",
                                                           "epoch", "unix",      "time_s",   "index", "time_ms"};
  if (!std::ranges::contains(kNames, lower(table.names()[column]))) return false;
  double last = -std::numeric_limits<double>::infinity();
  for (const auto cell : texts_of(table, column, 1000)) {
    const auto value = read_number(cell, false);
    if (!value) continue;
    if (*value < last) return false;
    last = *value;
  }
  return true;
}

// What is left of a column when it is kept exactly.
void keep_exactly(ColumnPlan& plan, ColumnReport& report, Cells& cells, const Table& table, std::size_t column,
                  std::string_view why) {
  plan.kind = Kind::text;
  report.method = std::format("exact: {}", why);
  report.bound = 0;
  cells.numbers.clear();
  cells.texts = texts_of(table, column, table.rows());
}

// Few different numbers that are multiples of one: the instrument's resolution, found by their smallest distances.
// Takes it if steps get larger by it.
void find_grid(ColumnPlan& plan, std::span<const double> numbers) {
  constexpr std::size_t kDifferentMax = 2000, kTable = 8192;
  std::vector<double> different, table(kTable, kNone);
  for (const double x : numbers) {
    if (std::isnan(x)) continue;
    std::size_t at = (std::bit_cast<std::uint64_t>(x) * 0x9e3779b97f4a7c15U) >> 51;
    while (!std::isnan(table[at]) && table[at] != x) at = (at + 1) % kTable;
    if (table[at] == x) continue;
    table[at] = x;
    different.push_back(x);
    if (different.size() > kDifferentMax) return;
  }
  if (different.size() < 2) return;
  std::ranges::sort(different);
  double grid = std::numeric_limits<double>::infinity();
  for (std::size_t i = 1; i < different.size(); ++i) grid = std::min(grid, different[i] - different[i - 1]);
  const double step = plan.quantiser.step, first = different.front();
  if (!(grid >= step / 16)) return;
  const double smallest = grid;
  for (const double x : different) {
    const double n = std::nearbyint((x - first) / grid);
    if (std::abs(x - first - n * grid) > 0.02 * smallest) return;
    if (n > 0) grid = (x - first) / n;
  }
  // 0.1 rather than 0.09999999.
  for (double power = 1; power < 1e10; power *= 10) {
    const double decimal = std::nearbyint(grid * power) / power;
    if (decimal > 0 && std::abs(decimal - grid) * static_cast<double>(different.size()) < 1e-7 * grid) {
      grid = decimal;
      break;
    }
  }
  const double count = std::floor(2 * plan.bound * (1 - 1.0 / 512) / grid) + 1;
  if (count * grid < step * 1.02 || count > 1000) return;
  ColumnPlan with = plan;
  with.grid_count = static_cast<std::uint32_t>(count);
  with.quantiser.grid = grid;
  const double half = grid / 2;
  const bool between = with.grid_count % 2 == 0;
  const double halves = std::nearbyint(first / half);
  const bool whole = std::abs(halves * half - first) < 1e-6 * grid;
  with.quantiser.grid_start = whole ? (halves + (between ? 1 : 0)) * half : first + (between ? half : 0);
  with.finish();
  if (std::ranges::all_of(different, [&](double x) { return can_hold(with, x); })) plan = with;
}

// Changes from row to row, at most so many, with deviation 1; none where the column rests.
std::vector<float> changes_of(std::span<const double> numbers, double step, std::size_t rows) {
  std::vector<float> changes(rows / 4 * 4);
  double squares = 0;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const double change = (numbers[i + 1] - numbers[i]) / step;
    if (!(std::abs(change) < 1e6)) continue;
    changes[i] = static_cast<float>(change);
    squares += change * change;
  }
  if (!(squares > 0)) return {};
  for (float& change : changes) change = static_cast<float>(change / std::sqrt(squares));
  return changes;
}

float product(std::span<const float> a, std::span<const float> b) {
  std::array<float, 4> sums{};
  for (std::size_t i = 0; i < a.size(); i += 4)
    for (std::size_t k = 0; k < 4; ++k) sums[k] += a[i + k] * b[i + k];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// For each column of numbers the ones before it that move with it.
void find_helpers(Planned& planned, std::size_t rows) {
  constexpr std::size_t kBefore = 128;
  constexpr float kLeast = 0.1F;
  std::size_t numbers = 0;
  for (const auto& column : planned.plan.columns) numbers += column.kind == Kind::number ? 1 : 0;
  if (rows < 16 || numbers < 2) return;
  const std::size_t pairs = numbers * std::min(numbers, kBefore) / 2 + 1;
  const std::size_t looked_at = std::min({rows - 1, std::size_t{8192}, std::max<std::size_t>(256, 16'000'000 / pairs)});
  std::vector<std::pair<std::size_t, std::vector<float>>> before;
  for (std::size_t i = 0; i < planned.plan.columns.size(); ++i) {
    ColumnPlan& column = planned.plan.columns[i];
    if (column.kind != Kind::number) continue;
    auto changes = changes_of(planned.columns[i].numbers, column.quantiser.step, looked_at);
    if (changes.empty()) continue;
    std::vector<std::pair<float, std::uint32_t>> found;
    for (std::size_t k = before.size() > kBefore ? before.size() - kBefore : 0; k < before.size(); ++k) {
      const float together = std::abs(product(changes, before[k].second));
      if (together > kLeast) found.emplace_back(-together, static_cast<std::uint32_t>(before[k].first));
    }
    std::ranges::sort(found);
    for (std::size_t k = 0; k < std::min(found.size(), kHelpersMax); ++k)
      column.quantiser.helpers.push_back(found[k].second);
    before.emplace_back(i, std::move(changes));
  }
}

// Rows in a day, if the recording has some days of so few rows that they can be looked back at.
std::uint32_t find_period(const Planned& planned, std::size_t rows) {
  for (std::size_t i = 0; i < planned.plan.columns.size(); ++i) {
    const ColumnPlan& column = planned.plan.columns[i];
    if (column.kind != Kind::time || column.time.shape != TimeFormat::Shape::date_time) continue;
    const auto& times = planned.columns[i].times;
    std::vector<std::int64_t> steps;
    for (std::size_t row = 1; row < std::min<std::size_t>(rows, 1000); ++row)
      if (times[row] != kNoTime && times[row - 1] != kNoTime) steps.push_back(times[row] - times[row - 1]);
    if (steps.empty()) return 0;
    std::ranges::nth_element(steps, steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2));
    const std::int64_t step = steps[steps.size() / 2], day = 86'400 * column.time.units_per_second();
    if (step <= 0 || day % step != 0) return 0;
    const std::int64_t period = day / step;
    const bool useful = period >= 4 && period <= kPeriodMax && rows >= 3 * static_cast<std::size_t>(period) &&
                        planned.plan.columns.size() * static_cast<std::size_t>(period) <= (1U << 21);
    return useful ? static_cast<std::uint32_t>(period) : 0;
  }
  return 0;
}

class Planner {
 public:
  Planner(const Table& table, const FilterOptions& options) : table_(table), options_(options) {}

  Result<Planned> run() {
    const std::size_t count = table_.columns();
    LINESIDE_TRY(find_time_column());
    planned_.plan.style = table_.style();
    planned_.plan.rows = table_.rows();
    planned_.plan.columns.resize(count);
    planned_.columns.resize(count);
    planned_.reports.resize(count);
    for (std::size_t i = 0; i < count; ++i) plan_column(i);
    if (planned_.time_column == count && count > 0 && table_.rows() > 0) note_no_times();
    add_widths();
    planned_.plan.period = find_period(planned_, table_.rows());
    find_helpers(planned_, table_.rows());
    return std::move(planned_);
  }

 private:
  Result<void> find_time_column() {
    const auto& names = table_.names();
    planned_.time_column = names.size();
    if (!options_.time_column.empty()) {
      const auto found = std::ranges::find(names, options_.time_column);
      if (found == names.end())
        return fail(ErrorCode::usage,
                    std::format("there is no column '{}' to take the times from", options_.time_column));
      planned_.time_column = static_cast<std::size_t>(found - names.begin());
    }
    return {};
  }

  void plan_column(std::size_t i) {
    ColumnPlan& plan = planned_.plan.columns[i];
    Cells& cells = planned_.columns[i];
    ColumnReport& report = planned_.reports[i];
    plan.name = report.name = table_.names()[i];
    const bool named = i == planned_.time_column;
    const auto first = texts_of(table_, i, 400);
    if (auto format = find_time_format(first, named || numbers_are_times(table_, i))) {
      plan.kind = Kind::time;
      plan.time = std::move(*format);
      report.method = "times, exact";
      if (planned_.time_column == table_.columns()) planned_.time_column = i;
      read_times(plan, cells, i);
      return;
    }
    const Span own = read_numbers(cells, report, i);
    if (named)
      planned_.notes.push_back(std::format("column '{}' holds no times that are known; it is kept exactly", plan.name));
    if (report.samples == 0 || named) return keep_exactly(plan, report, cells, table_, i, "no numbers");
    double bound = options_.max_error.value;
    if (options_.max_error.of_span) {
      Span span = own;
      if (options_.span_from != nullptr && !span_elsewhere(i, span)) {
        planned_.notes.push_back(
            std::format("column '{}' is not in the file that gives the spans; it is kept exactly", plan.name));
        return keep_exactly(plan, report, cells, table_, i, "no span known");
      }
      bound *= span.size();
      if (!(bound > 0)) return keep_exactly(plan, report, cells, table_, i, "span 0");
    }
    plan.bound = round_bound(bound);
    if (plan.bound == 0) return keep_exactly(plan, report, cells, table_, i, "a bound that can't be used");
    plan.kind = Kind::number;
    report.bound = bound;
    plan.finish();
    find_grid(plan, cells.numbers);
    texts_where_needed(plan, cells, i);
  }

  // Times are the first column as a rule; as numbers they would lose their exactness.
  void note_no_times() {
    const ColumnPlan& first = planned_.plan.columns.front();
    planned_.notes.push_back(
        first.kind == Kind::number
            ? std::format("no time column found: column '{}' is filtered like the others; if its numbers are times, "
                          "name it by --time-column",
                          first.name)
            : std::string("no time column found; if there is one, name it by --time-column"));
  }

  void read_times(const ColumnPlan& plan, Cells& cells, std::size_t i) {
    cells.times.assign(table_.rows(), kNoTime);
    cells.texts.resize(table_.rows());
    for (std::size_t row = 0; row < table_.rows(); ++row) {
      const auto text = table_.cell(row, i);
      if (const auto time = plan.time.read(text))
        cells.times[row] = *time;
      else
        cells.texts[row] = text;
    }
  }

  Span read_numbers(Cells& cells, ColumnReport& report, std::size_t i) {
    Span span;
    cells.numbers.assign(table_.rows(), kNone);
    for (std::size_t row = 0; row < table_.rows(); ++row) {
      const auto value = read_number(table_.cell(row, i), table_.style().decimal_comma);
      if (!value) continue;
      cells.numbers[row] = *value;
      span.add(*value);
    }
    report.samples = span.numbers;
    return span;
  }

  // By name; by place where neither has names.
  bool span_elsewhere(std::size_t i, Span& span) const {
    const Table& other = *options_.span_from;
    const auto& names = other.names();
    std::size_t column = i;
    if (table_.style().header || other.style().header)
      column = static_cast<std::size_t>(std::ranges::find(names, table_.names()[i]) - names.begin());
    if (column >= names.size()) return false;
    span = {};
    for (std::size_t row = 0; row < other.rows(); ++row)
      if (const auto value = read_number(other.cell(row, column), other.style().decimal_comma)) span.add(*value);
    return true;
  }

  void texts_where_needed(const ColumnPlan& plan, Cells& cells, std::size_t i) {
    for (std::size_t row = 0; row < table_.rows(); ++row) {
      if (!std::isnan(cells.numbers[row]) && can_hold(plan, cells.numbers[row])) continue;
      cells.numbers[row] = kNone;
      if (cells.texts.empty()) cells.texts.resize(table_.rows());
      cells.texts[row] = table_.cell(row, i);
    }
  }

  // Where rows differ in length, their widths are a further column of texts.
  void add_widths() {
    Plan& plan = planned_.plan;
    for (std::size_t row = 0; row < table_.rows() && !plan.ragged; ++row)
      plan.ragged = table_.width(row) != table_.columns();
    plan.ragged = plan.ragged || (plan.style.header && table_.header_width() != table_.columns());
    if (!plan.ragged) return;
    plan.columns.push_back({.name = std::to_string(table_.header_width())});
    planned_.reports.push_back({.name = "widths", .method = "exact"});
    Cells& cells = planned_.columns.emplace_back();
    for (std::size_t row = 0; row < table_.rows(); ++row) {
      const std::string width = std::to_string(table_.width(row));
      const bool as_before = row > 0 && cells.texts.back() == width;
      cells.texts.push_back(as_before ? cells.texts.back() : planned_.texts.emplace_back(width));
    }
  }

  const Table& table_;
  const FilterOptions& options_;
  Planned planned_;
};

}  // namespace

Result<Planned> plan_table(const Table& table, const FilterOptions& options) { return Planner(table, options).run(); }

Result<std::optional<TimeColumn>> find_time_column(const Table& table, const std::string& named) {
  for (std::size_t i = 0; i < table.columns(); ++i) {
    if (!named.empty() && table.names()[i] != named) continue;
    auto format = find_time_format(texts_of(table, i, 400), !named.empty() || numbers_are_times(table, i));
    if (format) return TimeColumn{i, std::move(*format)};
    if (!named.empty())
      return fail(ErrorCode::usage, std::format("the column '{}' holds no times that are known", named));
  }
  if (!named.empty())
    return fail(ErrorCode::usage, std::format("there is no column '{}' to take the times from", named));
  return std::nullopt;
}

}  // namespace lineside::telemetry
