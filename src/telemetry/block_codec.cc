#include "telemetry/block_codec.h"

#include <cmath>
#include <format>

namespace lineside::telemetry {
namespace {

constexpr std::size_t kStretchRows = 1024;  // one expectation for so many
constexpr std::size_t kTryRows = 256;       // on which expectations are compared
constexpr std::size_t kTryEvery = 4;        // stretches, after the first few
constexpr std::size_t kTryAlways = 2;
constexpr std::size_t kBlockTextMax = 64U << 20;

}  // namespace

struct BlockCodec::Column {
  const ColumnPlan* plan = nullptr;
  std::optional<NumberCodec> number;
  std::optional<TextCodec> text;
  std::optional<TimeCodec> time;
  std::shared_ptr<TimeModel> time_model;
  std::vector<double> values;  // lag rows of before, then the block's
  std::vector<std::int8_t> counts;
  NumberRows rows;
  std::array<Counter, 8> is_text;
  Counter any_text;
  unsigned text_history = 0;
  std::string_view last_text;
  std::size_t stretches = 0;
  std::array<std::size_t, kExpectCount> used{};
  Expect expect = Expect::last;
};

bool can_hold(const ColumnPlan& column, double value) {
  const Quantiser& q = column.quantiser;
  if (!(std::abs(value) <= NumberCodec::kStepsMax * q.step)) return false;
  if (column.grid_count == 0) return true;
  // Beside its grid a number gets what the steps leave of the bound.
  const double offset = (value - q.grid_start) / q.grid - (column.grid_count % 2 == 0 ? 0.5 : 0);
  const double beside = std::abs(offset - std::nearbyint(offset));
  return ((column.grid_count - 1) / 2.0 + beside) * q.grid <= column.bound * (1 - 1.0 / 1024);
}

BlockCodec::BlockCodec(const Plan& plan)
    : BlockCodec(plan, {.group_of_column = {}, .groups = 1, .rows_max = plan.rows_per_block(), .texts = {}}) {}

BlockCodec::BlockCodec(const Plan& plan, const Grouping& grouping)
    : grouping_(grouping), lag_(Predictor::kLagMin), rows_before_(grouping.groups) {
  const bool grouped = !grouping_.group_of_column.empty();
  grouping_.group_of_column.resize(plan.columns.size());
  if (plan.period > 0) lag_ = std::max<std::size_t>(lag_, plan.period + 2);
  const std::size_t size = lag_ + grouping_.rows_max;
  std::shared_ptr<TimeModel> time_model;
  for (const ColumnPlan& column : plan.columns) {
    Column& made = *columns_.emplace_back(std::make_unique<Column>());
    made.plan = &column;
    if (column.kind == Kind::time) {
      made.time.emplace(column.time.turn());
      if (!time_model || !grouped) time_model = std::make_shared<TimeModel>();
      made.time_model = time_model;
    }
    if (column.kind != Kind::number) continue;
    made.values.resize(size);
    made.counts.resize(size);
    made.rows = {.values = made.values.data() + lag_, .counts = made.counts.data() + lag_};
    std::vector<double> steps;
    for (const std::uint32_t helper : column.quantiser.helpers) {
      made.rows.helper_values[steps.size()] = columns_[helper]->values.data() + lag_;
      made.rows.helper_counts[steps.size()] = columns_[helper]->counts.data() + lag_;
      steps.push_back(plan.columns[helper].quantiser.step);
    }
    made.number.emplace(column.quantiser, steps, plan.period);
  }
}

BlockCodec::BlockCodec(BlockCodec&&) noexcept = default;
BlockCodec::~BlockCodec() = default;

std::array<std::size_t, kExpectCount> BlockCodec::expectations(std::size_t column) const {
  return columns_[column]->used;
}

template <class Bits>
std::string_view BlockCodec::code_text(Bits& bits, Column& column, std::string_view wanted) {
  if (!column.text) column.text.emplace(grouping_.texts);
  const std::string_view found = column.text->code(bits, text_model_, grouping_.texts, wanted);
  if constexpr (!Bits::kReads) return found;
  if (found.empty()) return {};
  if (found != column.last_text) {
    arena_bytes_ += found.size() + sizeof(std::string);
    work_ += found.size();
    column.last_text = arena_.emplace_back(found);
  }
  return column.last_text;
}

template <class Bits>
bool BlockCodec::code_is_text(Bits& bits, Column& column, bool wanted) {
  const bool found = bits.counted(column.is_text[column.text_history & 7], wanted);
  column.text_history = column.text_history << 1 | (found ? 1U : 0U);
  return found;
}

// Tries each expectation on the next rows, with copies of what was learned.
Expect BlockCodec::choose(Column& column, const Cells& cells, std::size_t begin, std::size_t end) {
  const std::size_t stretch = column.stretches++;
  if (stretch >= kTryAlways && stretch % kTryEvery != 0) return column.expect;
  end = std::min(end, begin + kTryRows);
  std::uint64_t best = ~std::uint64_t{0};
  for (const Expect expect : {Expect::learned, Expect::level, Expect::last}) {
    NumberCodec codec = *column.number;
    SharedModel shared = shared_;
    BitCost cost;
    BitWriter<BitCost> bits(cost);
    codec.code_expect(bits, expect);
    for (std::size_t row = begin; row < end; ++row) {
      if (std::isnan(cells.numbers[row]))
        codec.skip(column.rows, row);
      else
        codec.code(bits, expect, cells.numbers[row], column.rows, row, shared);
    }
    if (cost.cost() < best) {
      best = cost.cost();
      column.expect = expect;
    }
  }
  return column.expect;
}

template <class Bits>
void BlockCodec::code_numbers(Bits& bits, Column& column, Cells& cells, std::size_t rows) {
  bool any_text = false;
  if constexpr (!Bits::kReads) any_text = std::ranges::any_of(cells.numbers, [](double x) { return std::isnan(x); });
  any_text = bits.counted(column.any_text, any_text);
  if (any_text && cells.texts.empty()) cells.texts.resize(rows);
  for (std::size_t begin = 0; begin < rows && !bits.beyond_end(); begin += kStretchRows) {
    const std::size_t end = std::min(rows, begin + kStretchRows);
    Expect expect = Expect::last;
    if constexpr (!Bits::kReads) expect = choose(column, cells, begin, end);
    expect = column.number->code_expect(bits, expect);
    ++column.used[static_cast<std::size_t>(expect)];
    for (std::size_t row = begin; row < end; ++row) {
      double wanted = 0;
      if constexpr (!Bits::kReads) wanted = cells.numbers[row];
      if (any_text && code_is_text(bits, column, std::isnan(wanted))) {
        const auto found = code_text(bits, column, Bits::kReads ? std::string_view() : cells.texts[row]);
        if constexpr (Bits::kReads) cells.texts[row] = found;
        column.number->skip(column.rows, row);
        if constexpr (Bits::kReads) cells.numbers[row] = std::numeric_limits<double>::quiet_NaN();
        if (bits.beyond_end()) return;
        continue;
      }
      column.number->code(bits, expect, wanted, column.rows, row, shared_);
      if constexpr (Bits::kReads) cells.numbers[row] = column.rows.values[row];
    }
  }
}

// What the next block looks back to.
void BlockCodec::roll(std::span<const std::size_t> rows) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    Column& column = *columns_[i];
    const auto offset = static_cast<std::ptrdiff_t>(rows[grouping_.group_of_column[i]]);
    if (!column.number || offset == 0) continue;
    std::copy_n(column.values.begin() + offset, lag_, column.values.begin());
    std::copy_n(column.counts.begin() + offset, lag_, column.counts.begin());
  }
}

template <class Bits>
void BlockCodec::code_cells(Bits& bits, Column& column, Cells& cells, std::size_t rows) {
  if (column.plan->kind == Kind::number) return code_numbers(bits, column, cells, rows);
  const bool is_time = column.plan->kind == Kind::time;
  for (std::size_t row = 0; row < rows && !bits.beyond_end() && arena_bytes_ <= kBlockTextMax; ++row) {
    if (is_time && !code_is_text(bits, column, cells.times[row] == kNoTime)) {
      const std::int64_t found = column.time->code(bits, *column.time_model, cells.times[row]);
      if constexpr (Bits::kReads) cells.times[row] = found;
      continue;
    }
    const auto found = code_text(bits, column, cells.texts[row]);
    if constexpr (Bits::kReads) cells.texts[row] = found;
  }
}

template <class Bits>
void BlockCodec::code_rows(Bits& bits, std::span<std::size_t> rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto before = static_cast<std::int64_t>(rows_before_[i]);
    const std::int64_t step = code_signed(bits, row_lengths_, static_cast<std::int64_t>(rows[i]) - before);
    const auto limit = static_cast<std::int64_t>(grouping_.rows_max) + 1;  // only damaged bytes get there
    rows[i] = static_cast<std::size_t>(std::clamp(before + std::clamp(step, -limit, limit), std::int64_t{0}, limit));
    rows_before_[i] = rows[i];
  }
}

std::vector<std::uint8_t> BlockCodec::encode_columns(BitEncoder& encoder, std::span<Cells> cells,
                                                     std::span<const std::size_t> rows) {
  BitWriter<BitEncoder> bits(encoder);
  for (std::size_t i = 0; i < columns_.size(); ++i)
    code_cells(bits, *columns_[i], cells[i], rows[grouping_.group_of_column[i]]);
  roll(rows);
  return encoder.finish();
}

std::vector<std::uint8_t> BlockCodec::encode(std::span<Cells> cells, std::size_t rows) {
  BitEncoder encoder;
  return encode_columns(encoder, cells, {&rows, 1});
}

std::vector<std::uint8_t> BlockCodec::encode(std::span<Cells> cells, std::span<const std::size_t> rows) {
  BitEncoder encoder;
  BitWriter<BitEncoder> bits(encoder);
  std::vector<std::size_t> coded(rows.begin(), rows.end());
  code_rows(bits, coded);
  return encode_columns(encoder, cells, rows);
}

Result<std::vector<Cells>> BlockCodec::decode_columns(BitReader& bits, std::span<const std::size_t> rows) {
  arena_.clear();
  arena_bytes_ = 0;
  std::vector<Cells> cells(columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const Kind kind = columns_[i]->plan->kind;
    const std::size_t count = rows[grouping_.group_of_column[i]];
    work_ += count;
    columns_[i]->last_text = {};
    if (kind == Kind::number) cells[i].numbers.resize(count);
    if (kind == Kind::time) cells[i].times.resize(count, kNoTime);
    if (kind != Kind::number) cells[i].texts.resize(count);
    code_cells(bits, *columns_[i], cells[i], count);
    if (bits.beyond_end()) return fail(ErrorCode::file_format, "rows end too early");
    if (arena_bytes_ > kBlockTextMax) return fail(ErrorCode::file_format, "texts that can't be");
  }
  roll(rows);
  return cells;
}

Result<std::vector<Cells>> BlockCodec::decode(std::span<const std::uint8_t> bytes, std::size_t rows) {
  BitDecoder decoder(bytes);
  BitReader bits(decoder);
  return decode_columns(bits, {&rows, 1});
}

Result<BlockCodec::Groups> BlockCodec::decode(std::span<const std::uint8_t> bytes) {
  BitDecoder decoder(bytes);
  BitReader bits(decoder);
  Groups found{.cells = {}, .rows = std::vector<std::size_t>(grouping_.groups)};
  code_rows(bits, found.rows);
  if (std::ranges::any_of(found.rows, [&](std::size_t rows) { return rows > grouping_.rows_max; }))
    return fail(ErrorCode::file_format, "more rows than a block can have");
  LINESIDE_ASSIGN(found.cells, decode_columns(bits, found.rows));
  return found;
}

}  // namespace lineside::telemetry
