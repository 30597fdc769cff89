#include "telemetry/tag_stream.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <format>

namespace lineside::telemetry {
namespace {

using State = Reading::State;

constexpr std::uint32_t kTryForms = 16;  // blocks, at least, before forms are chosen anew

// Of what a receiver finds; any difference changes it (but for one in 2^32).
class Check {
 public:
  void add(std::uint64_t value) {
    sum_ = (sum_ ^ value) * 0x9e3779b97f4a7c15U;
    sum_ ^= sum_ >> 29;
  }
  void add(const Reading& reading) {
    add(static_cast<std::uint64_t>(reading.state));
    const bool number = reading.state == State::good || reading.state == State::uncertain;
    if (number) add(std::bit_cast<std::uint64_t>(reading.value + 0.0));  // no negative zero
  }
  std::uint32_t value() const { return static_cast<std::uint32_t>(sum_ ^ sum_ >> 32); }

 private:
  std::uint64_t sum_ = 0x51ed270b9f3a1c55U;
};

std::uint32_t check_of(std::span<const GroupRows> groups) {
  Check check;
  for (const GroupRows& group : groups) {
    check.add(group.times.size());
    for (const std::int64_t time : group.times) check.add(static_cast<std::uint64_t>(time));
    for (const auto& readings : group.readings)
      for (const Reading& reading : readings) check.add(reading);
  }
  return check.value();
}

std::string digits_of(const Reading& reading) {
  std::array<char, 40> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), reading.value).ptr;
  std::string text(buffer.data(), end);
  return reading.state == State::uncertain ? kUncertainMark + text : text;
}

// What a text stands for; nothing if it is none of ours.
std::optional<Reading> reading_of(std::string_view text) {
  if (text.empty()) return Reading{};
  if (text == kBadText) return Reading{.state = State::bad};
  Reading reading{.value = 0, .state = text.front() == kUncertainMark ? State::uncertain : State::good};
  if (reading.state == State::uncertain) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), reading.value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(reading.value)) return std::nullopt;
  return reading;
}

// The form that keeps most of these values exactly by numbers; the earlier ones cost less.
void choose_form(StreamTag& tag, std::span<const Reading> readings) {
  tag.form = Form::bounded;
  if (round_bound(tag.bound) > 0) return;
  std::vector<StreamTag> candidates;
  const auto add = [&](Form form, int digits) {
    candidates.push_back(tag);
    candidates.back().form = form;
    candidates.back().digits = digits;
  };
  if (tag.scale != 0 && std::isfinite(tag.scale) && (tag.scale != 1 || tag.offset != 0)) add(Form::scaled, 0);
  for (int digits = 0; digits <= kFormDigitsMax; ++digits) add(Form::decimal, digits);
  add(Form::float32, 0);
  std::size_t most = 0, good = 0;
  for (const Reading& reading : readings) good += reading.state == State::good ? 1 : 0;
  for (const StreamTag& candidate : candidates) {
    const StreamPlan plan = make_stream_plan({{candidate}});
    std::size_t fits = 0;
    for (const Reading& reading : readings)
      fits += reading.state == State::good && to_coded(candidate, plan.plan.columns[1], reading.value) ? 1 : 0;
    if (fits > most || tag.form == Form::bounded) tag = candidate, most = fits;
    if (most * 10 >= good * 9) break;
  }
}

}  // namespace

Result<StreamDecoder> StreamDecoder::begin(std::span<const std::uint8_t> plan) {
  LINESIDE_ASSIGN(StreamPlan decoded, decode_stream_plan(plan));
  StreamDecoder decoder;
  decoder.plan_ = std::make_unique<StreamPlan>(std::move(decoded));
  decoder.codec_ = std::make_unique<BlockCodec>(decoder.plan_->plan, decoder.plan_->grouping());
  return decoder;
}

Result<std::vector<GroupRows>> StreamDecoder::decode(std::span<const std::uint8_t> bytes, std::uint32_t check) {
  LINESIDE_ASSIGN(auto groups, decode(bytes));
  if (check_of(groups) != check) return fail(ErrorCode::file_format, "a block is not what its sender proved");
  return groups;
}

Result<std::vector<GroupRows>> StreamDecoder::decode(std::span<const std::uint8_t> bytes) {
  LINESIDE_ASSIGN(BlockCodec::Groups found, codec_->decode(bytes));
  std::vector<GroupRows> groups(plan_->groups.size());
  std::size_t at = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    GroupRows& group = groups[g];
    group.times = std::move(found.cells[at++].times);
    if (std::ranges::contains(group.times, kNoTime)) return fail(ErrorCode::file_format, "a row has no time");
    for (const StreamTag& tag : plan_->groups[g]) {
      const ColumnPlan& column = plan_->plan.columns[at];
      const Cells& cells = found.cells[at++];
      auto& readings = group.readings.emplace_back(found.rows[g]);
      for (std::size_t row = 0; row < readings.size(); ++row) {
        if (!std::isnan(cells.numbers[row])) {
          readings[row] = {.value = from_coded(tag, column, cells.numbers[row]), .state = State::good};
          if (!std::isfinite(readings[row].value)) return fail(ErrorCode::file_format, "a value that can't be");
          continue;
        }
        const auto reading = reading_of(cells.texts.empty() ? std::string_view() : cells.texts[row]);
        if (!reading) return fail(ErrorCode::file_format, "a reading that can't be");
        readings[row] = *reading;
      }
    }
  }
  return groups;
}

StreamEncoder::StreamEncoder(StreamTags tags, std::function<void(std::vector<std::uint8_t>&)> spoil)
    : tags_(std::move(tags)), spoil_(std::move(spoil)) {}

void StreamEncoder::begin(std::span<const GroupRows> rows) {
  for (std::size_t g = 0; g < tags_.size(); ++g)
    for (std::size_t t = 0; t < tags_[g].size(); ++t) choose_form(tags_[g][t], rows[g].readings[t]);
  plan_ = std::make_unique<StreamPlan>(make_stream_plan(tags_));
  codec_ = std::make_unique<BlockCodec>(plan_->plan, plan_->grouping());
  plan_bytes_ = encode_stream_plan(*plan_);
  auto proof = StreamDecoder::begin(plan_bytes_);
  proof_ = proof ? std::make_unique<StreamDecoder>(std::move(*proof)) : nullptr;
  begun_ = true, forms_wanted_ = false;
  index_ = 0, samples_ = 0;
}

Cells StreamEncoder::cells_of(const StreamTag& tag, const ColumnPlan& column, std::span<const Reading> readings,
                              bool exactly) {
  Cells cells;
  cells.numbers.resize(readings.size(), std::numeric_limits<double>::quiet_NaN());
  const auto put_text = [&](std::size_t row, std::string_view text) {
    if (cells.texts.empty()) cells.texts.resize(readings.size());
    cells.texts[row] = text;
  };
  std::size_t numbers = 0, digits = 0;
  for (std::size_t row = 0; row < readings.size(); ++row) {
    const Reading& reading = readings[row];
    if (reading.state == State::none) continue;
    ++samples_;
    if (reading.state == State::bad) {
      put_text(row, kBadText);
      continue;
    }
    const auto coded = exactly || reading.state != State::good ? std::nullopt : to_coded(tag, column, reading.value);
    if (coded) {
      cells.numbers[row] = *coded;
      ++numbers;
    } else {
      put_text(row, texts_.emplace_back(digits_of(reading)));
      digits += reading.state == State::good ? 1 : 0;
    }
  }
  if (std::ranges::any_of(cells.numbers, [](double x) { return std::isnan(x); }) && cells.texts.empty())
    cells.texts.resize(readings.size());
  constexpr std::size_t kEnough = 8;
  if (!exactly && digits > numbers && digits >= kEnough) watch_form(tag, readings);
  return cells;
}

// A form that no longer fits costs dearly: the next generation finds another.
void StreamEncoder::watch_form(const StreamTag& tag, std::span<const Reading> readings) {
  if (tag.form == Form::bounded) return;
  StreamTag better = tag;
  choose_form(better, readings);
  forms_wanted_ = forms_wanted_ || better.form != tag.form || better.digits != tag.digits;
}

Result<CodedBlock> StreamEncoder::encode(std::span<const GroupRows> rows) {
  if (index_ >= kGenerationBlocks || samples_ >= kGenerationSamples || (forms_wanted_ && index_ >= kTryForms))
    begin_anew();
  auto block = encode_once(rows, false);
  if (block) return block;
  ++proofs_failed_;
  begin_anew();
  block = encode_once(rows, true);
  if (!block) begin_anew();
  return block;
}

Result<CodedBlock> StreamEncoder::encode_once(std::span<const GroupRows> rows, bool exactly) {
  if (!begun_) begin(rows);
  if (!proof_) return fail(ErrorCode::internal, "a stream's plan can't be read back");
  texts_.clear();
  std::vector<Cells> cells;
  std::vector<std::size_t> counts;
  std::size_t at = 0;
  for (std::size_t g = 0; g < tags_.size(); ++g) {
    counts.push_back(rows[g].times.size());
    cells.emplace_back().times = rows[g].times;
    cells.back().texts.resize(counts.back());
    ++at;
    for (std::size_t t = 0; t < tags_[g].size(); ++t, ++at)
      cells.push_back(cells_of(plan_->groups[g][t], plan_->plan.columns[at], rows[g].readings[t], exactly));
  }
  CodedBlock block{.bytes = codec_->encode(cells, counts), .plan = {}, .index = index_};
  if (spoil_) spoil_(block.bytes);
  const auto found = proof_->decode(block.bytes);
  if (!found) return fail(ErrorCode::internal, "a block can't be read back: " + found.error().message);
  std::string fault;
  block.check = prove(rows, *found, fault);
  if (!fault.empty()) return fail(ErrorCode::internal, fault);
  if (index_++ == 0) block.plan = plan_bytes_;
  return block;
}

std::uint32_t StreamEncoder::prove(std::span<const GroupRows> wanted, std::span<const GroupRows> found,
                                   std::string& fault) const {
  for (std::size_t g = 0; g < tags_.size(); ++g) {
    if (found[g].times != wanted[g].times) fault = "times would not be rebuilt";
    for (std::size_t t = 0; t < tags_[g].size() && fault.empty(); ++t) {
      const auto& from = wanted[g].readings[t];
      const auto& to = found[g].readings[t];
      for (std::size_t row = 0; row < from.size(); ++row) {
        const bool good = from[row].state == State::good && to[row].state == State::good;
        // A bound of 0 stands here too, and NaN is within none.
        const bool kept = good ? std::abs(to[row].value - from[row].value) <= tags_[g][t].bound : to[row] == from[row];
        if (!kept) fault = std::format("a reading of '{}' would not be rebuilt as promised", tags_[g][t].name);
      }
    }
  }
  return check_of(found);
}

}  // namespace lineside::telemetry
