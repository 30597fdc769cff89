#include "gateway/tags/file_tags.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <format>

#include "base/backoff.h"
#include "base/file.h"
#include "base/time_text.h"
#include "condition/inflate.h"
#include "telemetry/planner.h"

namespace lineside::gateway {
namespace {

using telemetry::TimeFormat;
using Times = config::TagSourceSettings::Times;

constexpr std::size_t kBytesMax = 1u << 30;
constexpr std::size_t kNamesShown = 20;
constexpr long double kBeganMaxNs = 5e18L, kLengthMaxNs = 3e18L;  // until 2128, 95 years: no sum of them overflows

Result<telemetry::Table> read_recording(const fs::path& path) {
  LINESIDE_ASSIGN(std::string text, read_text(path, kBytesMax));
  if (text.starts_with("\x1f\x8b")) {
    const std::span packed(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    LINESIDE_ASSIGN(const auto plain,
                    condition::inflate(packed, condition::Packing::zlib_or_gzip, kBytesMax, path.string()));
    text.assign(plain.begin(), plain.end());
  }
  return telemetry::Table::parse(std::move(text), path.string());
}

// A number since 1970 says its unit by its size: seconds reach 1e10 in the year 2286, milliseconds 1e13.
long double seconds_of_number(double first) {
  const double size = std::abs(first);
  return size < 1e10 ? 1 : size < 1e13 ? 1e-3L : size < 1e16 ? 1e-6L : 1e-9L;
}

// "+01:00" behind a date and time. Without one it is taken for UTC.
nanoseconds zone_of(const std::string& suffix) {
  if (suffix.size() < 3 || (suffix[0] != '+' && suffix[0] != '-')) return {};
  int hours = 0, minutes = 0;
  std::from_chars(suffix.data() + 1, suffix.data() + 3, hours);
  std::from_chars(suffix.data() + suffix.size() - 2, suffix.data() + suffix.size(), minutes);
  if (suffix.size() < 5) minutes = 0;
  return (suffix[0] == '-' ? -1 : 1) * (std::chrono::hours{hours} + std::chrono::minutes{minutes});
}

// The zone changes with summer time, the format that was found names one.
std::optional<std::int64_t> in_another_zone(std::string_view cell, const TimeFormat& format) {
  const auto time = from_iso8601(cell);
  if (!time) return std::nullopt;
  return (*time + zone_of(format.suffix)).time_since_epoch().count() / (1'000'000'000 / format.units_per_second());
}

}  // namespace

FileTags::FileTags(const config::TagSourceSettings& settings, std::span<const config::TagSettings> tags,
                   telemetry::Table table, Clock& clock, MetricsRegistry& metrics)
    : settings_(settings), clock_(clock), intake_(settings, tags, clock, metrics), table_(std::move(table)) {}

FileTags::~FileTags() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

Result<std::unique_ptr<FileTags>> FileTags::create(const config::TagSourceSettings& settings,
                                                   std::span<const config::TagSettings> tags, Clock& clock,
                                                   MetricsRegistry& metrics) {
  LINESIDE_ASSIGN(telemetry::Table table, read_recording(settings.path));
  if (table.rows() == 0) return fail(ErrorCode::usage, std::format("{} has no rows", settings.path));
  std::unique_ptr<FileTags> source(new FileTags(settings, tags, std::move(table), clock, metrics));
  LINESIDE_TRY(source->find_columns());
  LINESIDE_TRY(source->read_times());
  return source;
}

Result<void> FileTags::find_columns() {
  const auto& names = table_.names();
  for (std::size_t i = 0; i < intake_.size(); ++i) {
    const config::TagSettings& tag = intake_.tag(i);
    const std::string& wanted = tag.file.column.empty() ? tag.name : tag.file.column;
    const auto found = std::ranges::find(names, wanted);
    if (found == names.end()) {
      std::string known;
      for (std::size_t n = 0; n < std::min(names.size(), kNamesShown); ++n) known += (n == 0 ? "" : ", ") + names[n];
      return fail(ErrorCode::usage, std::format("{} has no column '{}' for the tag {}; it has {}{}", settings_.path,
                                                wanted, tag.name, known, names.size() > kNamesShown ? " ..." : ""));
    }
    columns_.push_back(static_cast<std::size_t>(found - names.begin()));
  }
  return {};
}

Result<void> FileTags::read_times() {
  LINESIDE_ASSIGN(const auto column, telemetry::find_time_column(table_, settings_.time_column));
  times_.resize(table_.rows());
  if (!column) {
    if (settings_.times == Times::recorded)
      return fail(ErrorCode::usage, std::format("{} has no column of times; say `times: now`", settings_.path));
    for (std::size_t row = 1; row < times_.size(); ++row) times_[row] = times_[row - 1] + settings_.period;
    return {};
  }
  const TimeFormat& format = column->format;
  const bool number = format.shape == TimeFormat::Shape::number;
  std::optional<std::int64_t> first;
  long double ns = 0;  // of a unit
  std::int64_t turns = 0, last = 0;
  for (std::size_t row = 0; row < times_.size(); ++row) {
    nanoseconds& time = times_[row];
    time = row == 0 ? nanoseconds{0} : times_[row - 1];
    const std::string_view cell = table_.cell(row, column->column);
    auto read = format.read(cell);
    if (!read && format.shape == TimeFormat::Shape::date_time) read = in_another_zone(cell, format);
    if (!read) continue;  // a cell without a time: at that of the row before
    if (!first) {
      first = last = *read;
      ns = 1e9L / static_cast<long double>(format.units_per_second());
      if (number) ns *= seconds_of_number(static_cast<double>(*read) / static_cast<double>(format.units_per_second()));
    }
    if (*read < last) turns += format.turn();
    last = *read;
    const long double units = static_cast<long double>(*read) - static_cast<long double>(*first);
    const long double since = (units + static_cast<long double>(turns)) * ns;
    if (since < kLengthMaxNs) time = std::max(time, nanoseconds{std::llround(since)});
  }
  if (!first) return fail(ErrorCode::usage, std::format("{} has no times that can be read", settings_.path));
  const long double since_1970 = static_cast<long double>(*first) * ns;
  if ((number || format.shape == TimeFormat::Shape::date_time) && since_1970 > 0 && since_1970 < kBeganMaxNs)
    began_ = WallTime{nanoseconds{std::llround(since_1970)}} - zone_of(format.suffix);
  if (settings_.times != Times::recorded) return {};
  if (!began_)
    return fail(ErrorCode::usage, std::format("{} has no dates with its times; say `times: now`", settings_.path));
  if (*began_ < TagIntake::kEarliest)
    return fail(ErrorCode::usage,
                std::format("{} begins in {:%Y}, and times of readings begin in {:%Y}; say `times: now`",
                            settings_.path, *began_, TagIntake::kEarliest));
  return {};
}

Result<void> FileTags::start(TagSink& sink) {
  intake_.set_sink(sink);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  return {};
}

nanoseconds FileTags::played(nanoseconds recorded) const {
  const double ns = static_cast<double>(recorded.count()) / settings_.speed;
  return nanoseconds{static_cast<std::int64_t>(std::min(ns, static_cast<double>(kLengthMaxNs)))};
}

bool FileTags::wait_for(MonoTime due, const std::stop_token& stop) {
  const nanoseconds left = due - clock_.mono();
  if (left <= nanoseconds{0}) return stop.stop_requested();
  intake_.flush();
  return wait_or_stop(stop, left);
}

void FileTags::run(const std::stop_token& stop) {
  MonoTime begin = clock_.mono();
  WallTime shown_from = clock_.wall();
  // From the last row to the first one again it takes as long as from the row before.
  const nanoseconds step = times_.size() > 1 ? times_.back() - times_[times_.size() - 2] : settings_.period;
  const nanoseconds turn = std::max(played(times_.back() + step), nanoseconds{std::chrono::milliseconds{1}});
  intake_.up();
  do {
    for (std::size_t row = 0; row < times_.size(); ++row) {
      const nanoseconds after = played(times_[row]);
      if (wait_for(begin + after, stop)) return;
      const bool recorded = settings_.times == Times::recorded;
      give(row, recorded ? *began_ + times_[row] : shown_from + after);
    }
    begin += turn;
    shown_from += turn;
  } while (settings_.loop);
  intake_.flush();
  if (!wait_for(begin, stop)) intake_.down(std::format("the recording {} is at its end", settings_.path));
}

void FileTags::give(std::size_t row, WallTime time) {
  intake_.count_message();
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const std::string_view cell = table_.cell(row, columns_[i]);
    if (cell.empty()) continue;
    if (const auto number = telemetry::read_number(cell, table_.style().decimal_comma))
      intake_.take(i, *number, time);
    else
      intake_.refuse(i, std::format("'{}' is no number", cell.substr(0, 40)), time);
  }
}

}  // namespace lineside::gateway
