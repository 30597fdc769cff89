#include "telemetry/plan.h"

#include <charconv>
#include <cmath>
#include <format>
#include <limits>

namespace lineside::telemetry {
namespace {

constexpr int kMantissaBits = 12;
constexpr double kBoundMin = 1e-290, kBoundMax = 1e290;
constexpr double kSafety = 1.0 / 1024;       // of the bound, left for rounding
constexpr double kPrintShare = kSafety / 2;  // of it, for printing
constexpr std::size_t kCellsPerBlock = 1U << 20, kRowsPerBlock = 4096;
constexpr std::size_t kHistoryMax = 1U << 21;  // columns times rows of a period

constexpr std::array<double, ColumnPlan::kDecimalsMax + 1> kPowers{1e0, 1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,
                                                                   1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17};
constexpr double kExact = 9007199254740992.0;  // 2^53

// Reads and writes a plan by the same calls.
template <class Bits>
class PlanCoder {
 public:
  PlanCoder(Bits bits, const PlanLimits& limits)
      : bits_(bits), limits_(limits), model_({.bytes = limits.text_bytes, .known = {}}) {}
  std::size_t columns_max() const { return limits_.columns; }

  void style(TableStyle& style) {
    letter(style.delimiter);
    flag(style.crlf, 0), flag(style.byte_order_mark, 1), flag(style.header, 2);
    flag(style.final_newline, 3), flag(style.decimal_comma, 4);
  }
  void number(std::uint64_t& value) { value = code_number(bits_, numbers_, value); }
  template <class T>
  void small(T& value) {
    std::uint64_t wide = static_cast<std::uint64_t>(value);
    number(wide);
    value = static_cast<T>(wide);
  }
  void flag(bool& value, std::size_t which) { value = bits_.counted(flags_[which], value); }
  void column(ColumnPlan& column, std::size_t index) {
    const std::string name = model_.code(bits_, column.name);
    column.name = name;
    bool is_number = column.kind == Kind::number, is_time = column.kind == Kind::time;
    flag(is_number, 5);
    if (!is_number) flag(is_time, 6);
    column.kind = is_number ? Kind::number : is_time ? Kind::time : Kind::text;
    if (column.kind == Kind::number) quantiser(column, index);
    if (column.kind == Kind::time) time(column.time);
  }
  bool beyond_end() const { return bits_.beyond_end(); }

 private:
  void letter(char& value) {
    auto wide = static_cast<std::uint8_t>(value);
    small(wide);
    value = static_cast<char>(wide);
  }
  std::uint64_t raw(std::uint64_t value, int count) {
    std::uint64_t result = 0;
    for (int i = count - 1; i >= 0; --i) result = result << 1 | (bits_.even(((value >> i) & 1) != 0) ? 1U : 0U);
    return result;
  }
  void real(double& value) { value = std::bit_cast<double>(raw(std::bit_cast<std::uint64_t>(value), 64)); }
  void bound(double& value) {
    int exponent = 0;
    const double mantissa = std::frexp(value, &exponent);
    const auto digits = static_cast<std::uint64_t>(std::ldexp(mantissa, kMantissaBits));
    exponent = static_cast<int>(std::clamp<std::int64_t>(code_signed(bits_, exponents_, exponent), -1100, 1100));
    value = std::ldexp(static_cast<double>(raw(digits, kMantissaBits - 1) | 1U << (kMantissaBits - 1)),
                       exponent - kMantissaBits);
  }
  void quantiser(ColumnPlan& column, std::size_t index) {
    bound(column.bound);
    Quantiser& q = column.quantiser;
    bool grid = column.grid_count > 0;
    flag(grid, 7);
    if (grid) {
      small(column.grid_count);
      real_near_decimal(q.grid);
      start(q.grid_start, q.grid);
    } else {
      column.grid_count = 0;
    }
    std::uint64_t count = q.helpers.size();
    count = std::min<std::uint64_t>(code_number(bits_, helper_counts_, count), kHelpersMax);
    q.helpers.resize(count);
    for (std::uint32_t& helper : q.helpers)
      helper = static_cast<std::uint32_t>(index - 1 - code_number(bits_, helpers_, index - 1 - helper));
  }
  void real_near_decimal(double& value) {
    std::uint64_t power = 0, digits = 0;
    constexpr double kDigitsMax = 1e15;  // whole numbers up to here are exact; a reader's value is anything
    for (; power < 10; ++power) {
      const double shifted = value * kPowers[power] + 0.5;
      digits = shifted >= 1 && shifted < kDigitsMax ? static_cast<std::uint64_t>(shifted) : 0;
      if (digits > 0 && static_cast<double>(digits) / kPowers[power] == value) break;
    }
    bool decimal = power < 10;
    flag(decimal, 8);
    if (!decimal) return real(value);
    number(power), number(digits);
    value = static_cast<double>(digits) / kPowers[std::min<std::uint64_t>(power, 10)];
  }
  void start(double& value, double grid) {
    const double halves = std::nearbyint(value / (grid / 2));
    bool whole = std::abs(halves) < 1e15 && halves * (grid / 2) == value;
    const std::int64_t wanted = whole ? static_cast<std::int64_t>(halves) : 0;  // of a writer
    flag(whole, 9);
    if (!whole) return real(value);
    value = static_cast<double>(code_signed(bits_, numbers_, wanted)) * (grid / 2);
  }
  void time(TimeFormat& time) {
    small(time.shape), small(time.order), small(time.fraction);
    letter(time.date_separator), letter(time.time_separator), letter(time.point);
    flag(time.padded_day, 10), flag(time.padded_hour, 11), flag(time.has_time, 12), flag(time.has_seconds, 13);
    small(time.digits);
    const std::string suffix = model_.code(bits_, time.suffix);
    time.suffix = suffix;
  }

  Bits bits_;
  PlanLimits limits_;
  TextModel model_;
  std::array<Counter, 16> flags_;
  Lengths numbers_, exponents_, helper_counts_, helpers_;
};

template <class Bits>
std::string code_plan(PlanCoder<Bits>& coder, Plan& plan, std::size_t bytes) {
  coder.style(plan.style);
  coder.number(plan.rows);
  std::uint64_t period = plan.period, columns = plan.columns.size();
  coder.number(period);
  coder.flag(plan.ragged, 14);
  coder.number(columns);
  // A column takes at least a bit: a few bytes can't ask for much memory.
  if (period > kPeriodMax || columns > coder.columns_max() || columns > 8 * bytes + 16 ||
      period * columns > kHistoryMax || (plan.ragged && columns == 0))
    return "sizes that can't be";
  plan.period = static_cast<std::uint32_t>(period);
  plan.columns.resize(columns);
  for (std::size_t i = 0; i < columns && !coder.beyond_end(); ++i) coder.column(plan.columns[i], i);
  return coder.beyond_end() ? "an end too early" : "";
}

std::string fault_of(const Plan& plan, std::size_t index) {
  const ColumnPlan& column = plan.columns[index];
  if (column.kind == Kind::time &&
      (column.time.shape > TimeFormat::Shape::minutes || column.time.order > TimeFormat::Order::mdy ||
       column.time.fraction > TimeFormat::Fraction::whole_or_full || column.time.digits > 9))
    return "a time format that is not known";
  if (column.kind != Kind::number) return "";
  const Quantiser& q = column.quantiser;
  if (!(column.bound >= kBoundMin && column.bound <= kBoundMax)) return "a bound that can't be";
  if (column.grid_count > 0 && !(q.grid > kBoundMin && q.grid < kBoundMax && std::abs(q.grid_start) < kBoundMax &&
                                 column.grid_count < 1'000'000))
    return "a resolution that can't be";
  for (const std::uint32_t helper : q.helpers)
    if (helper >= index || plan.columns[helper].kind != Kind::number) return "a helper that can't be";
  return "";
}

}  // namespace

void ColumnPlan::finish() {
  quantiser.step = grid_count > 0 ? grid_count * quantiser.grid : 2 * bound * (1 - kSafety);
  if (grid_count == 0) quantiser.grid = 0;
  decimals = 0;
  while (decimals <= kDecimalsMax && 0.5 / kPowers[static_cast<std::size_t>(decimals)] > bound * kPrintShare)
    ++decimals;
}

std::size_t Plan::rows_per_block() const {
  return std::clamp<std::size_t>(kCellsPerBlock / std::max<std::size_t>(columns.size(), 1), 1, kRowsPerBlock);
}

double round_bound(double bound) {
  if (!(bound >= kBoundMin && bound <= kBoundMax)) return 0;
  int exponent = 0;
  const double digits = std::floor(std::ldexp(std::frexp(bound, &exponent), kMantissaBits));
  return std::ldexp(digits, exponent - kMantissaBits);
}

std::vector<std::uint8_t> encode_plan(const Plan& plan, const PlanLimits& limits) {
  BitEncoder encoder;
  PlanCoder<BitWriter<BitEncoder>> coder(BitWriter<BitEncoder>(encoder), limits);
  Plan copy = plan;
  code_plan(coder, copy, std::numeric_limits<std::size_t>::max() / 16);
  auto bytes = encoder.finish();
  if (8 * bytes.size() + 16 < plan.columns.size()) bytes.resize(plan.columns.size() / 8 + 1);
  return bytes;
}

Result<Plan> decode_plan(std::span<const std::uint8_t> bytes, const PlanLimits& limits) {
  BitDecoder decoder(bytes);
  PlanCoder<BitReader> coder(BitReader(decoder), limits);
  Plan plan;
  std::string fault = code_plan(coder, plan, bytes.size());
  for (std::size_t i = 0; i < plan.columns.size() && fault.empty(); ++i) {
    fault = fault_of(plan, i);
    plan.columns[i].finish();
  }
  if (fault.empty() && plan.ragged && plan.columns.back().kind != Kind::text) fault = "widths that are no text";
  if (!fault.empty()) return fail(ErrorCode::file_format, std::format("the header has {}", fault));
  return plan;
}

double printed_number(double value, int decimals) {
  if (decimals > ColumnPlan::kDecimalsMax) return value;
  const double power = kPowers[static_cast<std::size_t>(decimals)];
  const double digits = std::nearbyint(value * power);
  return std::abs(digits) < kExact ? digits / power : value;
}

std::string_view print_number(double value, int decimals, std::array<char, 40>& buffer) {
  const double power = kPowers[static_cast<std::size_t>(std::min(decimals, ColumnPlan::kDecimalsMax))];
  const double digits = std::nearbyint(value * power);
  if (decimals > ColumnPlan::kDecimalsMax || !(std::abs(digits) < kExact)) {
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
    return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
  }
  auto rest = static_cast<std::uint64_t>(std::abs(digits));
  char* at = buffer.data() + buffer.size();
  bool needed = false;  // zeros at the end of a fraction are not
  for (int i = 0; i < decimals; ++i, rest /= 10) {
    needed = needed || rest % 10 != 0;
    if (needed) *--at = static_cast<char>('0' + rest % 10);
  }
  if (needed) *--at = '.';
  do *--at = static_cast<char>('0' + rest % 10);
  while ((rest /= 10) > 0);
  if (digits < 0) *--at = '-';
  return {at, static_cast<std::size_t>(buffer.data() + buffer.size() - at)};
}

}  // namespace lineside::telemetry
