#include "telemetry/table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <format>

#include "base/number_text.h"
#include "telemetry/text_codec.h"
#include "telemetry/times.h"

namespace lineside::telemetry {
namespace {

char find_delimiter(std::string_view text) {
  while (!text.empty() && (text.front() == '\n' || text.front() == '\r')) text.remove_prefix(1);
  const std::string_view line = text.substr(0, text.find('\n'));
  if (line.contains(';')) return ';';
  return line.contains('\t') ? '\t' : ',';
}

// Whether a cell holds data rather than a name.
bool is_data(std::string_view cell) {
  if (cell.empty()) return false;
  const std::array one{cell};
  return read_number(cell, false) || read_number(cell, true) || find_time_format(one, false);
}

}  // namespace

std::optional<double> read_number(std::string_view text, bool decimal_comma) {
  constexpr std::string_view kBlanks = " \t";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
  std::array<char, 64> copy;
  if (decimal_comma) {
    if (text.size() > copy.size() || text.contains('.')) return std::nullopt;
    std::ranges::replace_copy(text, copy.begin(), ',', '.');
    text = {copy.data(), text.size()};
  }
  return parse_number<double>(text);
}

Result<Table> Table::parse(std::string text, std::string_view name) {
  if (const std::size_t zero = text.find('\0'); zero != std::string::npos)
    return fail(ErrorCode::file_format,
                std::format("{} is no text: byte {} is zero. A recording is CSV (UTF-8).", name, zero + 1));
  Table table;
  table.text_.assign(text.begin(), text.end());
  text = {};
  std::string_view rest(table.text_.data(), table.text_.size());
  if (rest.starts_with("\xef\xbb\xbf")) {
    table.style_.byte_order_mark = true;
    rest.remove_prefix(3);
  }
  table.style_.delimiter = find_delimiter(rest);
  const std::size_t line_end = rest.find('\n');
  table.style_.crlf = line_end != std::string_view::npos && line_end > 0 && rest[line_end - 1] == '\r';
  table.style_.final_newline = rest.ends_with('\n');
  LINESIDE_TRY(table.split(rest, name));
  table.find_header();
  table.find_decimal_comma();
  return table;
}

Result<void> Table::split(std::string_view text, std::string_view name) {
  row_start_.push_back(0);
  const char delimiter = style_.delimiter;
  std::size_t widest = 0;
  for (const char *at = text.data(), *const end = at + text.size(); at < end;) {
    bool blank = true;
    for (bool row_ends = false; !row_ends;) {
      const char* const begin = at;
      if (at < end && *at == '"') {
        std::string plain;
        for (++at;; ++at) {
          if (at == end)
            return fail(ErrorCode::file_format,
                        std::format("{}: a quote that begins in row {} never ends", name, row_start_.size()));
          if (*at == '"' && (++at == end || *at != '"')) break;
          plain.push_back(*at);
        }
        while (at < end && *at != delimiter && *at != '\n' && *at != '\r') plain.push_back(*at++);
        cells_.push_back(unquoted_.emplace_back(std::move(plain)));
        blank = false;
      } else {
        while (at < end && *at != delimiter && *at != '\n') ++at;
        std::string_view cell(begin, static_cast<std::size_t>(at - begin));
        if ((at == end || *at == '\n') && cell.ends_with('\r')) cell.remove_suffix(1);
        cells_.push_back(cell);
        blank = blank && cell.empty();
      }
      if (at < end && *at == '\r') ++at;
      row_ends = at == end || *at == '\n';
      if (!row_ends && *at == delimiter) blank = false;
      if (at < end && (row_ends || *at == delimiter)) ++at;
    }
    if (blank) cells_.pop_back();
    for (std::size_t i = row_start_.back(); i < cells_.size(); ++i)
      if (cells_[i].size() > kTextBytesMax)
        return fail(ErrorCode::limit_reached, std::format("{}: a cell of row {} has {} bytes; at most {} are possible",
                                                          name, row_start_.size(), cells_[i].size(), kTextBytesMax));
    row_start_.push_back(cells_.size());
    widest = std::max(widest, cells_.size() - row_start_[row_start_.size() - 2]);
  }
  if (widest > kColumnsMax)
    return fail(ErrorCode::limit_reached,
                std::format("{} has {} columns; at most {} are possible", name, widest, kColumnsMax));
  constexpr std::size_t kSmall = 1'000'000;
  if (widest * row_start_.size() > kSmall + 16 * cells_.size())
    return fail(ErrorCode::file_format,
                std::format("{} is no table: most of its rows are far shorter than the longest, which has {} cells",
                            name, widest));
  names_.resize(widest);
  return {};
}

// A header has names where the row below has data, or nothing but names. Rows of plain numbers are data, but 0,1,2,...
// behind an empty cell are the names that a table without names gets.
void Table::find_header() {
  style_.header = false;
  if (rows() == 0 || width(0) == 0) return;
  bool any_data = false, name_over_data = false, counted = width(0) > 1 && cell(0, 0).empty();
  for (std::size_t i = 0; i < width(0); ++i) {
    const bool data = is_data(cell(0, i));
    any_data = any_data || data;
    const bool data_below = rows() > 1 && is_data(cell(1, i));
    name_over_data = name_over_data || (!data && !cell(0, i).empty() && data_below);
    counted = counted && (i == 0 || cell(0, i) == std::to_string(i - 1));
  }
  if (any_data && !name_over_data && !counted) return;
  style_.header = true;
  header_width_ = width(0);
  for (std::size_t i = 0; i < header_width_; ++i) names_[i] = cell(0, i);
  row_start_.erase(row_start_.begin());
}

void Table::find_decimal_comma() {
  if (style_.delimiter == ',') return;
  std::size_t commas = 0, points = 0;
  for (std::size_t row = 0; row < std::min<std::size_t>(rows(), 1000); ++row)
    for (std::size_t i = 0; i < width(row); ++i) {
      const auto text = cell(row, i);
      commas += text.contains(',') && read_number(text, true) ? 1 : 0;
      points += text.contains('.') && read_number(text, false) ? 1 : 0;
    }
  style_.decimal_comma = commas > points;
}

void TableWriter::cell(std::string_view text) {
  if (in_row_) out_ += style_.delimiter;
  const bool alone = !in_row_ && text.empty();
  in_row_ = true;
  const std::array<char, 5> special{'"', '\n', '\r', style_.delimiter, '\0'};
  if (alone || text.find_first_of(special.data(), 0, 4) == std::string_view::npos) {
    out_ += text;
    return;
  }
  out_ += '"';
  for (const char c : text) {
    if (c == '"') out_ += '"';
    out_ += c;
  }
  out_ += '"';
}

void TableWriter::number(std::string_view digits) {
  if (in_row_) out_ += style_.delimiter;
  in_row_ = true;
  const std::size_t begin = out_.size();
  out_ += digits;
  if (style_.decimal_comma) std::replace(out_.begin() + static_cast<std::ptrdiff_t>(begin), out_.end(), '.', ',');
}

void TableWriter::end_row(bool last) {
  in_row_ = false;
  if (last && !style_.final_newline) return;
  out_ += style_.crlf ? "\r\n" : "\n";
}

}  // namespace lineside::telemetry
