#include "base/time_text.h"

namespace lineside {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  bool at_end() const { return text_.empty(); }
  bool next_is_digit() const { return !text_.empty() && text_[0] >= '0' && text_[0] <= '9'; }
  bool take(std::string_view any_of) {
    if (text_.empty() || any_of.find(text_[0]) == std::string_view::npos) return false;
    last_ = text_[0];
    text_.remove_prefix(1);
    return true;
  }
  char last() const { return last_; }
  // Exactly so many digits; -1: they are not there.
  int number(std::size_t digits) {
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (!take("0123456789")) return -1;
      value = value * 10 + (last_ - '0');
    }
    return value;
  }

 private:
  std::string_view text_;
  char last_ = 0;
};

// Seconds and what is below them; negative: no such.
nanoseconds read_seconds(Reader& reader) {
  const int seconds = reader.number(2);
  if (seconds < 0 || seconds > 60) return nanoseconds{-1};
  nanoseconds below{0};
  if (reader.take(".,")) {
    if (!reader.next_is_digit()) return nanoseconds{-1};
    for (std::int64_t unit = 100'000'000; reader.next_is_digit(); unit /= 10)
      below += nanoseconds{unit * reader.number(1)};
  }
  return std::chrono::seconds{seconds} + below;
}

std::optional<std::chrono::minutes> read_zone(Reader& reader) {
  if (reader.take("Zz")) return std::chrono::minutes{0};
  if (!reader.take("+-")) return std::nullopt;
  const int sign = reader.last() == '-' ? -1 : 1, hours = reader.number(2);
  const bool more = reader.take(":") || reader.next_is_digit();
  const int minutes = more ? reader.number(2) : 0;
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
  return std::chrono::minutes{sign * (hours * 60 + minutes)};
}

}  // namespace

std::optional<WallTime> from_iso8601(std::string_view text) {
  Reader reader(text);
  const int year = reader.number(4);
  if (!reader.take("-")) return std::nullopt;
  const int month = reader.number(2);
  if (!reader.take("-")) return std::nullopt;
  const int day = reader.number(2);
  if (year < 1678 || year > 2261 || month < 0 || day < 0 || !reader.take("Tt ")) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  const int hours = reader.number(2);
  if (!date.ok() || hours < 0 || hours > 23 || !reader.take(":")) return std::nullopt;
  const int minutes = reader.number(2);
  if (minutes < 0 || minutes > 59) return std::nullopt;
  const nanoseconds seconds = reader.take(":") ? read_seconds(reader) : nanoseconds{0};
  if (seconds < nanoseconds{0}) return std::nullopt;
  const auto zone = read_zone(reader);
  if (!zone || !reader.at_end()) return std::nullopt;
  return WallTime{std::chrono::sys_days{date}} + std::chrono::hours{hours} + std::chrono::minutes{minutes} + seconds -
         *zone;
}

}  // namespace lineside
