#pragma once
// A recording as people write them: CSV text with `,` `;` or tabs, quotes (RFC 4180), with or without a header, rows
// too short or too long, blank lines.
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace lineside::telemetry {

inline constexpr std::size_t kColumnsMax = 20'000;

// How the text is written, apart from its cells.
struct TableStyle {
  char delimiter = ',';
  bool crlf = false, byte_order_mark = false, header = true, final_newline = true;
  bool decimal_comma = false;  // 1,5: only where the delimiter is not a comma
  friend bool operator==(const TableStyle&, const TableStyle&) = default;
};

// Owner thread only. Movable; the cells lie in the text that it keeps.
class Table {
 public:
  // `name` is for messages. Errors: file_format (no text: a zero byte; a quote that never ends), limit_reached (too
  // many columns, a cell above 1 MiB, or rows so different in length that it can't be a table).
  static Result<Table> parse(std::string text, std::string_view name);

  const TableStyle& style() const { return style_; }
  std::size_t rows() const { return row_start_.size() - 1; }  // without the header
  std::size_t columns() const { return names_.size(); }       // of the longest row
  const std::vector<std::string>& names() const { return names_; }
  std::size_t header_width() const { return header_width_; }
  // Cells of a row: 0 for a blank line.
  std::size_t width(std::size_t row) const { return row_start_[row + 1] - row_start_[row]; }
  // Without its quotes; empty where the row is too short.
  std::string_view cell(std::size_t row, std::size_t column) const {
    return column < width(row) ? cells_[row_start_[row] + column] : std::string_view();
  }

 private:
  Table() = default;
  Result<void> split(std::string_view text, std::string_view name);
  void find_header();
  void find_decimal_comma();

  TableStyle style_;
  std::vector<char> text_;
  std::deque<std::string> unquoted_;  // cells that are not in the text as they are
  std::vector<std::string_view> cells_;
  std::vector<std::size_t> row_start_;
  std::vector<std::string> names_;
  std::size_t header_width_ = 0;
};

// A finite number with nothing but blanks around it.
std::optional<double> read_number(std::string_view text, bool decimal_comma);

// Writes what Table::parse reads.
class TableWriter {
 public:
  explicit TableWriter(const TableStyle& style) : style_(style) {}
  void cell(std::string_view text);
  void number(std::string_view digits);  // needs no quotes; the point becomes the style's
  void end_row(bool last);
  std::string& out() { return out_; }

 private:
  TableStyle style_;
  std::string out_;
  bool in_row_ = false;
};

}  // namespace lineside::telemetry
