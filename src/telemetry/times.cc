#include "telemetry/times.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>
#include <vector>

namespace lineside::telemetry {
namespace {

using Shape = TimeFormat::Shape;
using Order = TimeFormat::Order;
using Fraction = TimeFormat::Fraction;

constexpr std::array<std::int64_t, 10> kPowers{1,       10,        100,        1'000,       10'000,
                                               100'000, 1'000'000, 10'000'000, 100'000'000, 1'000'000'000};

// Reads digits from the front of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  std::optional<std::int64_t> digits(std::size_t most) {
    std::size_t n = 0;
    std::int64_t value = 0;
    while (n < most && n < text_.size() && text_[n] >= '0' && text_[n] <= '9') value = value * 10 + (text_[n++] - '0');
    if (n == 0) return std::nullopt;
    text_.remove_prefix(n);
    taken_ = n;
    return value;
  }
  bool skip(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  char front() const { return text_.empty() ? '\0' : text_.front(); }
  std::size_t taken() const { return taken_; }
  std::string_view rest() const { return text_; }

 private:
  std::string_view text_;
  std::size_t taken_ = 0;
};

void append(std::string& out, std::int64_t value, bool padded, std::size_t width = 2) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  const auto count = static_cast<std::size_t>(end - digits.data());
  if (padded && count < width) out.append(width - count, '0');
  out.append(digits.data(), count);
}

// What was read, with the format it seems to be in.
struct Sighting {
  TimeFormat format;
  std::int64_t time = 0;
};

std::optional<std::int64_t> read_fraction(Reader& reader, TimeFormat& format) {
  if (reader.front() != '.' && reader.front() != ',') return 0;
  format.point = reader.front();
  reader.skip(format.point);
  const auto value = reader.digits(9);
  if (!value) return std::nullopt;
  format.digits = static_cast<std::uint8_t>(reader.taken());
  return value;
}

std::optional<Sighting> see_number(std::string_view text) {
  Sighting result{.format = {.shape = Shape::number}};
  Reader reader(text);
  const bool negative = reader.skip('-');
  const auto whole = reader.digits(18);
  if (!whole) return std::nullopt;
  const auto fraction = read_fraction(reader, result.format);
  if (!fraction || !reader.rest().empty() || *whole > (std::int64_t{1} << 62) / result.format.units_per_second())
    return std::nullopt;
  result.time = *whole * result.format.units_per_second() + *fraction;
  if (negative) result.time = -result.time;
  return result;
}

// Day, month and year, in days since 1970.
std::optional<std::int64_t> read_date(Reader& reader, Order order, TimeFormat& format) {
  std::array<std::int64_t, 3> parts{};
  for (std::size_t i = 0; i < 3; ++i) {
    if (i == 1) format.date_separator = reader.front();
    if (i == 1 && !std::string_view("-/.").contains(format.date_separator)) return std::nullopt;
    if (i > 0 && !reader.skip(format.date_separator)) return std::nullopt;
    const bool year = order == Order::ymd ? i == 0 : i == 2;
    const auto value = reader.digits(year ? 4 : 2);
    if (!value || (year && reader.taken() != 4)) return std::nullopt;
    if (!year && reader.taken() == 1) format.padded_day = false;
    parts[i] = *value;
  }
  if (order != Order::ymd) std::swap(parts[0], parts[2]);
  if (order == Order::mdy) std::swap(parts[1], parts[2]);
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(parts[0])),
                                         std::chrono::month(static_cast<unsigned>(parts[1])),
                                         std::chrono::day(static_cast<unsigned>(parts[2]))};
  if (!date.ok()) return std::nullopt;
  format.order = order;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

std::optional<Sighting> see_clock(Reader reader, bool minutes_only, Sighting result) {
  TimeFormat& format = result.format;
  const std::int64_t day = result.time;
  const auto first = reader.digits(2);
  if (!first || (reader.taken() == 1 && reader.front() != ':')) return std::nullopt;
  format.padded_hour = reader.taken() == 2;
  if (!reader.skip(':')) return std::nullopt;
  auto second = reader.digits(2);
  if (!second || reader.taken() != 2) return std::nullopt;
  std::int64_t third = 0;
  format.has_seconds = minutes_only || reader.skip(':');
  if (format.has_seconds && !minutes_only) {
    const auto value = reader.digits(2);
    if (!value || reader.taken() != 2) return std::nullopt;
    third = *value;
  }
  const auto fraction = format.has_seconds ? read_fraction(reader, format) : std::optional<std::int64_t>(0);
  if (!fraction || *second > 59 || third > 59 || *first > (minutes_only ? 59 : 23)) return std::nullopt;
  const std::int64_t seconds = minutes_only ? *first * 60 + *second : (*first * 60 + *second) * 60 + third;
  format.suffix = reader.rest();
  if (format.suffix.size() > 8) return std::nullopt;
  if (!format.suffix.empty() && format.suffix != "Z" && format.suffix.front() != '+' && format.suffix.front() != '-')
    return std::nullopt;
  const std::int64_t units = format.units_per_second(), all = day * 86'400 + seconds;
  if (std::abs(all) > (std::int64_t{1} << 62) / units) return std::nullopt;  // nanoseconds reach to 2116
  result.time = all * units + *fraction;
  return result;
}

std::optional<Sighting> see_date(std::string_view text, Order order) {
  Sighting result;
  Reader reader(text);
  const auto days = read_date(reader, order, result.format);
  if (!days) return std::nullopt;
  result.time = *days;
  if (reader.rest().empty()) {
    result.format.has_time = false;
    result.time *= 86'400;
    return result;
  }
  result.format.time_separator = reader.front();
  if (!reader.skip(' ') && !reader.skip('T')) return std::nullopt;
  return see_clock(reader, false, result);
}

std::optional<Sighting> see(std::string_view text, Shape shape, Order order) {
  switch (shape) {
    case Shape::number:
      return see_number(text);
    case Shape::date_time:
      return see_date(text, order);
    case Shape::clock:
      return see_clock(Reader(text), false, {.format = {.shape = Shape::clock}});
    case Shape::minutes:
      return see_clock(Reader(text), true, {.format = {.shape = Shape::minutes}});
  }
  return std::nullopt;
}

// One format for all cells: the most digits that were seen; how shorter fractions came about.
struct Candidate {
  TimeFormat format;
  std::size_t fits = 0;
  std::uint64_t unrest = 0;  // sum of the changes of the steps: which of two orders is right
};

Candidate try_format(std::span<const std::string_view> cells, Shape shape, Order order) {
  Candidate best;
  std::optional<TimeFormat> common;
  for (const auto cell : cells) {
    const auto sighting = see(cell, shape, order);
    if (!sighting) continue;
    if (!common) common = sighting->format;
    if (sighting->format.digits > common->digits) {
      common->digits = sighting->format.digits;
      common->point = sighting->format.point;
    }
    common->padded_day = common->padded_day && sighting->format.padded_day;
    common->padded_hour = common->padded_hour && sighting->format.padded_hour;
  }
  if (!common) return best;
  for (const Fraction fraction : {Fraction::fixed, Fraction::trimmed, Fraction::whole_or_full}) {
    Candidate candidate{.format = *common};
    candidate.format.fraction = fraction;
    std::int64_t last = 0, step = 0;
    for (const auto cell : cells) {
      const auto time = candidate.format.read(cell);
      if (!time) continue;
      const auto now = static_cast<std::int64_t>(static_cast<std::uint64_t>(*time) - static_cast<std::uint64_t>(last));
      const auto change = static_cast<std::uint64_t>(now) - static_cast<std::uint64_t>(step);
      if (candidate.fits++ > 1) candidate.unrest += std::min(change, ~change + 1) >> 16;
      step = now;
      last = *time;
    }
    if (candidate.fits > best.fits) best = candidate;
  }
  return best;
}

}  // namespace

std::int64_t TimeFormat::units_per_second() const { return kPowers[std::min<std::size_t>(digits, 9)]; }

std::int64_t TimeFormat::turn() const {
  return shape == Shape::clock ? 86'400 * units_per_second() : shape == Shape::minutes ? 3'600 * units_per_second() : 0;
}

std::optional<std::int64_t> TimeFormat::read(std::string_view text) const {
  const auto sighting = see(text, shape, order);
  if (!sighting || sighting->format.digits > digits) return std::nullopt;
  const std::int64_t more = kPowers[digits] / sighting->format.units_per_second();
  constexpr std::int64_t kMax = std::int64_t{1} << 62;
  if (sighting->time > kMax / more || sighting->time < -kMax / more) return std::nullopt;
  const std::int64_t time = sighting->time * more;
  if (write(time) != text) return std::nullopt;
  return time;
}

std::string TimeFormat::write(std::int64_t time) const {
  std::string out;
  const std::int64_t unit = units_per_second();
  if (shape == Shape::number && time < 0) {
    if (time == std::numeric_limits<std::int64_t>::min()) return "-";
    out = "-";
    time = -time;
  }
  std::int64_t seconds = time / unit, part = time % unit;
  if (part < 0) part += unit, --seconds;
  if (shape == Shape::number) {
    append(out, seconds, false);
  } else {
    std::int64_t day = seconds / 86'400, rest = seconds % 86'400;
    if (rest < 0) rest += 86'400, --day;
    if (shape == Shape::date_time) {
      // Beyond these the calendar's own numbers end; no recording is there.
      constexpr std::int64_t kDayMax = 2'932'896, kDayMin = -719'162;
      const std::chrono::year_month_day date{
          std::chrono::sys_days(std::chrono::days(std::clamp(day, kDayMin, kDayMax)))};
      const auto d = static_cast<std::int64_t>(static_cast<unsigned>(date.day()));
      const auto m = static_cast<std::int64_t>(static_cast<unsigned>(date.month()));
      if (order == Order::ymd) {
        append(out, static_cast<int>(date.year()), true, 4);
        append(out += date_separator, m, padded_day);
        append(out += date_separator, d, padded_day);
      } else {
        append(out, order == Order::dmy ? d : m, padded_day);
        append(out += date_separator, order == Order::dmy ? m : d, padded_day);
        append(out += date_separator, static_cast<int>(date.year()), true, 4);
      }
      if (!has_time) return out;
      out += time_separator;
    }
    if (shape != Shape::minutes) append(out, rest / 3600, padded_hour), out += ':';
    append(out, rest % 3600 / 60, shape != Shape::minutes || padded_hour);
    if (has_seconds) append(out += ':', rest % 60, true);
  }
  if (digits > 0 && !(part == 0 && fraction != Fraction::fixed)) {
    append(out += point, part, true, digits);
    while (fraction == Fraction::trimmed && out.back() == '0') out.pop_back();
  }
  return out + suffix;
}

std::optional<TimeFormat> find_time_format(std::span<const std::string_view> all, bool numbers_too) {
  constexpr std::size_t kLook = 300;
  std::vector<std::string_view> cells;
  for (const auto cell : all)
    if (!cell.empty() && cells.size() < kLook) cells.push_back(cell);
  if (cells.empty()) return std::nullopt;
  Candidate best;
  const auto consider = [&](Shape shape, Order order) {
    const Candidate candidate = try_format(cells, shape, order);
    if (candidate.fits > best.fits || (candidate.fits == best.fits && candidate.unrest < best.unrest)) best = candidate;
  };
  consider(Shape::date_time, Order::ymd);
  consider(Shape::date_time, Order::dmy);
  consider(Shape::date_time, Order::mdy);
  consider(Shape::clock, Order::ymd);
  consider(Shape::minutes, Order::ymd);
  if (numbers_too) consider(Shape::number, Order::ymd);
  if (best.fits * 10 < cells.size() * 9) return std::nullopt;
  return best.format;
}

template <class Bits>
std::int64_t TimeCodec::code(Bits& bits, TimeModel& model, std::int64_t wanted) {
  const auto minus = [](std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
  };
  std::int64_t step = minus(wanted, last_);
  if (turn_ > 0 && step < -turn_ / 2) step += turn_;
  std::size_t slot = used_;
  for (std::size_t i = used_; i-- > 0;)
    if (steps_[i] == step) slot = i;
  std::size_t found = 0;
  constexpr std::size_t n = kSlots + 1;
  while (found < used_ && !bits.mixed(model.mixers_[found],
                                      {&model.by_history_[(before_ * n + before_that_) * n + found],
                                       &model.by_run_[found * 64 + static_cast<std::size_t>(std::min(run_, 63))],
                                       &model.by_last_[before_ * n + found], &model.by_slot_[found]},
                                      slot == found))
    ++found;
  if (found == used_) {
    const std::int64_t usual = used_ > 0 ? steps_[0] : 0;
    step = minus(code_signed(bits, model.lengths_, minus(step, usual)), minus(0, usual));
    if (begun_) {
      found = used_ < kSlots ? used_++ : replace_++;
      if (replace_ == kSlots) replace_ = 1;
      steps_[found] = step;
    }
  } else {
    step = steps_[found];
  }
  begun_ = true;
  before_that_ = before_;
  before_ = found;
  run_ = found == 0 ? run_ + 1 : 0;
  last_ = minus(last_, minus(0, step));
  if (turn_ > 0 && last_ >= turn_) last_ -= turn_;
  return last_;
}

template std::int64_t TimeCodec::code(BitWriter<BitEncoder>&, TimeModel&, std::int64_t);
template std::int64_t TimeCodec::code(BitReader&, TimeModel&, std::int64_t);

}  // namespace lineside::telemetry
