#include "telemetry/filter.h"

#include <charconv>
#include <cmath>
#include <format>

#include "telemetry/planner.h"

namespace lineside::telemetry {
namespace {

std::size_t escaped_size(std::string_view text) {
  std::size_t size = text.size();
  for (const char c : text) size += c == '"' || c == '\\' ? 1 : 0;
  return size;
}

// One object for each row: {"time":"2020-03-09 10:14:33","flow":1.25,"state":"Bad"}, numbers as they stand in the
// table.
std::uint64_t json_bytes(const Table& table, const Planned& planned) {
  std::uint64_t bytes = 0;
  for (std::size_t row = 0; row < table.rows(); ++row)
    if (table.width(row) > 0) bytes += 2 + table.width(row) - 1;
  for (std::size_t i = 0; i < table.columns(); ++i) {
    const std::size_t name = escaped_size(table.names()[i]) + 3;
    for (std::size_t row = 0; row < table.rows(); ++row) {
      if (i >= table.width(row)) continue;
      const std::string_view cell = table.cell(row, i);
      const auto& numbers = planned.columns[i].numbers;
      const bool number = (!numbers.empty() && !std::isnan(numbers[row])) ||
                          (numbers.empty() && read_number(cell, table.style().decimal_comma).has_value());
      bytes += name + (number ? cell.size() : escaped_size(cell) + 2);
    }
  }
  return bytes;
}

std::vector<Cells> slice(std::span<const Cells> columns, std::size_t begin, std::size_t rows) {
  std::vector<Cells> block(columns.size());
  const auto cut = [&](auto& to, const auto& from) {
    if (from.empty()) return;
    const auto first = from.begin() + static_cast<std::ptrdiff_t>(begin);
    to.assign(first, first + static_cast<std::ptrdiff_t>(rows));
  };
  for (std::size_t i = 0; i < columns.size(); ++i) {
    cut(block[i].numbers, columns[i].numbers);
    cut(block[i].times, columns[i].times);
    cut(block[i].texts, columns[i].texts);
  }
  return block;
}

std::string method_of(const std::array<std::size_t, kExpectCount>& used) {
  static constexpr std::array<std::string_view, kExpectCount> kNames{"dead band", "slow mean", "learned predictor"};
  const std::size_t most = static_cast<std::size_t>(std::ranges::max_element(used) - used.begin());
  const std::size_t all = used[0] + used[1] + used[2];
  if (all == 0 || used[most] == all) return std::string(kNames[most]);
  return std::format("{} ({} % of the time)", kNames[most], used[most] * 100 / all);
}

// One column of a block against what was recorded.
Result<void> compare(const ColumnPlan& plan, const Cells& found, const Cells& recorded, std::size_t first_row,
                     ColumnReport& report) {
  const std::size_t rows = std::max({found.numbers.size(), found.times.size(), found.texts.size()});
  const auto violated = [&](std::size_t row) {
    return fail(ErrorCode::internal,
                std::format("row {} of column '{}' would not be rebuilt as promised; nothing was written",
                            first_row + row + 1, plan.name));
  };
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t at = first_row + row;
    bool text = plan.kind == Kind::text;
    if (plan.kind == Kind::number) {
      const double value = found.numbers[row], wanted = recorded.numbers[at];
      if (std::isnan(value) != std::isnan(wanted)) return violated(row);
      text = std::isnan(value);
      if (!text) {
        const double error = printed_number(value, plan.decimals) - wanted;
        if (!(std::abs(error) <= report.bound)) return violated(row);
        report.max_error = std::max(report.max_error, std::abs(error));
        report.error_sum += error;
      }
    } else if (plan.kind == Kind::time) {
      if (found.times[row] != recorded.times[at]) return violated(row);
      text = found.times[row] == kNoTime;
    }
    if (text && (found.texts.empty() || found.texts[row] != recorded.texts[at])) return violated(row);
  }
  return {};
}

}  // namespace

Result<MaxError> parse_max_error(std::string_view text) {
  MaxError result{.of_span = text.ends_with('%')};
  const auto value = read_number(text.substr(0, text.size() - (result.of_span ? 1 : 0)), false);
  if (!value || !(*value > 0) || (result.of_span && *value > 100))
    return fail(ErrorCode::usage,
                std::format("'{}' is no error bound: give a share of the span like 1%, above 0 and at "
                            "most 100%, or a number above 0 in the columns' own units",
                            text));
  result.value = result.of_span ? *value / 100 : *value;
  return result;
}

Result<void> prove(std::span<const std::uint8_t> segments, std::span<const Cells> columns,
                   std::span<ColumnReport> reports) {
  LINESIDE_ASSIGN(SegmentsReader reader, SegmentsReader::open(segments, "what was written"));
  while (!reader.done()) {
    LINESIDE_ASSIGN(const SegmentsReader::Block block, reader.next());
    for (std::size_t i = 0; i < columns.size(); ++i)
      LINESIDE_TRY(compare(reader.plan().columns[i], block.cells[i], columns[i], block.first_row, reports[i]));
  }
  return {};
}

Result<Filtered> filter(const Table& table, const FilterOptions& options) {
  LINESIDE_ASSIGN(Planned planned, plan_table(table, options));
  const Plan& plan = planned.plan;
  SegmentsWriter writer(plan);
  BlockCodec codec(plan);
  for (std::size_t row = 0; row < table.rows(); row += plan.rows_per_block()) {
    const std::size_t rows = std::min(table.rows() - row, plan.rows_per_block());
    auto block = slice(planned.columns, row, rows);
    writer.add(codec.encode(block, rows));
  }
  Filtered result{.bytes = writer.take(), .columns = {}, .notes = planned.notes};
  if (auto proof = prove(result.bytes, planned.columns, planned.reports); !proof)
    return fail(ErrorCode::internal, proof.error().message);
  result.bytes_in_json = json_bytes(table, planned);
  for (std::size_t i = 0; i < table.columns(); ++i) {
    ColumnReport& report = planned.reports[i];
    if (plan.columns[i].kind == Kind::time) continue;
    if (plan.columns[i].kind == Kind::number) report.method = method_of(codec.expectations(i));
    result.samples += report.samples;
    result.columns.push_back(std::move(report));
  }
  return result;
}

Result<void> rebuild(std::span<const std::uint8_t> segments, std::string_view name,
                     const std::function<Result<void>(std::string_view)>& write) {
  LINESIDE_ASSIGN(SegmentsReader reader, SegmentsReader::open(segments, name));
  const Plan& plan = reader.plan();
  const std::size_t columns = plan.columns.size() - (plan.ragged ? 1 : 0);
  const auto width_in = [&](std::string_view text) {
    std::size_t width = 0;
    std::from_chars(text.data(), text.data() + text.size(), width);
    return std::min(width, columns);
  };
  TableWriter writer(plan.style);
  std::string& out = writer.out();
  if (plan.style.byte_order_mark) out += "\xef\xbb\xbf";
  if (plan.style.header) {
    const std::size_t width = plan.ragged ? width_in(plan.columns.back().name) : columns;
    for (std::size_t i = 0; i < width; ++i) writer.cell(plan.columns[i].name);
    writer.end_row(plan.rows == 0);
  }
  std::array<char, 40> digits;
  while (!reader.done()) {
    LINESIDE_ASSIGN(const SegmentsReader::Block block, reader.next());
    for (std::size_t row = 0; row < block.rows; ++row) {
      const std::size_t width = plan.ragged ? width_in(block.cells.back().texts[row]) : columns;
      for (std::size_t i = 0; i < width; ++i) {
        const Cells& cells = block.cells[i];
        const ColumnPlan& column = plan.columns[i];
        if (column.kind == Kind::number && !std::isnan(cells.numbers[row]))
          writer.number(print_number(cells.numbers[row], column.decimals, digits));
        else if (column.kind == Kind::time && cells.times[row] != kNoTime)
          writer.cell(column.time.write(cells.times[row]));
        else
          writer.cell(cells.texts[row]);
      }
      writer.end_row(block.first_row + row + 1 == plan.rows);
    }
    LINESIDE_TRY(write(out));
    out.clear();
  }
  return out.empty() ? Result<void>() : write(out);
}

}  // namespace lineside::telemetry
