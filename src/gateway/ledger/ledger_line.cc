#include "gateway/ledger/ledger_line.h"

#include <array>
#include <charconv>
#include <cmath>
#include <format>
#include <limits>

namespace lineside::gateway {
namespace {

constexpr std::size_t kColumns = 14;
constexpr MonoTime kSomeTrigger{std::chrono::seconds{1}};  // of a line read back: any moment but zero

std::string plain(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c == '\t' || c == '\n' || c == '\r') c = ' ';
  return result.empty() ? "-" : result;
}

std::string offset_us(const Stamps& stamps, MonoTime moment) {
  if (moment == MonoTime{}) return "-";
  return std::to_string(std::chrono::round<std::chrono::microseconds>(moment - stamps.trigger).count());
}

template <class T>
bool parse(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

bool parse_offset(std::string_view text, MonoTime& moment) {
  if (text == "-") return true;
  std::int64_t us = 0;
  if (!parse(text, us)) return false;
  moment = kSomeTrigger + std::chrono::microseconds{us};
  return true;
}

template <class T>
bool parse_name(std::string_view text, T last, T& value) {
  for (int i = 0; i <= static_cast<int>(last); ++i)
    if (text == to_string(static_cast<T>(i))) {
      value = static_cast<T>(i);
      return true;
    }
  return false;
}

}  // namespace

std::string_view ledger_header() {
  return "#lineside-ledger-1\ttime_unix_us\tdecision\treason\tscore\tlabel\tmodel\tdeadline\tactuated\texposure_us\t"
         "preprocess_us\tinference_us\tdecision_us\tactuation_us\n";
}

std::string to_line(const LedgerRow& row) {
  const Verdict& v = row.verdict;
  const auto time_us = std::chrono::floor<std::chrono::microseconds>(v.time.time_since_epoch()).count();
  const std::string score = std::isfinite(v.score) ? std::format("{:.4f}", v.score) : "-";
  return std::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", v.item, time_us, to_string(v.decision),
                     to_string(v.reason), score, plain(row.label), plain(row.model), v.deadline_met ? "met" : "missed",
                     v.actuated ? "yes" : "no", offset_us(v.stamps, v.stamps.exposure),
                     offset_us(v.stamps, v.stamps.preprocess), offset_us(v.stamps, v.stamps.inference),
                     offset_us(v.stamps, v.stamps.decision), offset_us(v.stamps, v.stamps.actuation));
}

std::optional<LedgerRow> from_line(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  std::array<std::string_view, kColumns> cell;
  for (std::size_t i = 0; i < kColumns; ++i) {
    const auto tab = line.find('\t');
    if ((tab == std::string_view::npos) != (i + 1 == kColumns)) return std::nullopt;
    cell[i] = line.substr(0, tab);
    if (tab != std::string_view::npos) line.remove_prefix(tab + 1);
  }
  LedgerRow row;
  Verdict& v = row.verdict;
  std::int64_t time_us = 0;
  v.score = std::numeric_limits<float>::quiet_NaN();
  v.stamps.trigger = kSomeTrigger;
  const bool good = parse(cell[0], v.item) && parse(cell[1], time_us) &&
                    parse_name(cell[2], Decision::reject, v.decision) &&
                    parse_name(cell[3], Reason::fail_camera, v.reason) && (cell[4] == "-" || parse(cell[4], v.score)) &&
                    (cell[7] == "met" || cell[7] == "missed") && (cell[8] == "yes" || cell[8] == "no") &&
                    parse_offset(cell[9], v.stamps.exposure) && parse_offset(cell[10], v.stamps.preprocess) &&
                    parse_offset(cell[11], v.stamps.inference) && parse_offset(cell[12], v.stamps.decision) &&
                    parse_offset(cell[13], v.stamps.actuation);
  if (!good) return std::nullopt;
  v.time = WallTime{std::chrono::microseconds{time_us}};
  v.deadline_met = cell[7] == "met";
  v.actuated = cell[8] == "yes";
  if (cell[5] != "-") row.label = cell[5];
  if (cell[6] != "-") row.model = cell[6];
  return row;
}

}  // namespace lineside::gateway
