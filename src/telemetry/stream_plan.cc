#include "telemetry/stream_plan.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace lineside::telemetry {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::array<double, kFormDigitsMax + 1> kPowers{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
constexpr PlanLimits kPlanLimits{.columns = 2 * kStreamTagsMax, .text_bytes = kStreamTextMax};
constexpr double kWholeBound = 0.25;  // of whole numbers: with their own resolution they come out exactly

class Writer {
 public:
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<std::uint8_t>(value | 0x80));
    bytes.push_back(static_cast<std::uint8_t>(value));
  }
  void text(const std::string& text) {
    number(text.size());
    bytes.insert(bytes.end(), text.begin(), text.end());
  }
  void real(double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
  }
  std::vector<std::uint8_t> bytes;
};

// Reads zeros beyond the end, and says so.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : rest(bytes) {}
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t byte = next();
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) break;
    }
    return value;
  }
  std::string text() {
    const std::uint64_t size = number();
    if (size > kStreamTextMax || size > rest.size()) return bad = true, std::string();
    std::string found(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(size));
    rest = rest.subspan(size);
    return found;
  }
  double real() {
    std::uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) bits |= std::uint64_t{next()} << (8 * i);
    return std::bit_cast<double>(bits);
  }
  std::span<const std::uint8_t> rest;
  bool bad = false;

 private:
  std::uint8_t next() {
    if (rest.empty()) return bad = true, std::uint8_t{0};
    const std::uint8_t byte = rest.front();
    rest = rest.subspan(1);
    return byte;
  }
};

TimeFormat milliseconds() {
  TimeFormat format;
  format.shape = TimeFormat::Shape::number;
  format.digits = 3;
  return format;
}

void write_tag(Writer& out, const StreamTag& tag) {
  out.text(tag.unit);
  out.number(static_cast<std::uint64_t>(tag.form));
  if (tag.form == Form::decimal) out.number(static_cast<std::uint64_t>(tag.digits));
  if (tag.form == Form::scaled) out.real(tag.scale), out.real(tag.offset);
}

StreamTag read_tag(Reader& in) {
  StreamTag tag{.name = "", .unit = in.text()};
  const std::uint64_t form = in.number();
  in.bad = in.bad || form > static_cast<std::uint64_t>(Form::float32);
  tag.form = in.bad ? Form::bounded : static_cast<Form>(form);
  if (tag.form == Form::decimal) {
    const std::uint64_t digits = in.number();
    in.bad = in.bad || digits > kFormDigitsMax;
    tag.digits = in.bad ? 0 : static_cast<int>(digits);
  }
  if (tag.form == Form::scaled) {
    tag.scale = in.real(), tag.offset = in.real();
    in.bad = in.bad || !std::isfinite(tag.scale) || !std::isfinite(tag.offset);
  }
  return tag;
}

// Whether the codec's columns are what the groups say; takes over names and bounds.
bool take_columns(StreamPlan& stream) {
  std::size_t at = 0;
  const auto& columns = stream.plan.columns;
  if (stream.plan.period > 0 || stream.plan.ragged) return false;
  for (auto& group : stream.groups) {
    if (at + 1 + group.size() > columns.size()) return false;
    const ColumnPlan& times = columns[at++];
    if (times.kind != Kind::time || times.time.shape != TimeFormat::Shape::number) return false;
    for (StreamTag& tag : group) {
      const ColumnPlan& column = columns[at++];
      if (column.kind != Kind::number || !column.quantiser.helpers.empty()) return false;
      if (column.name.empty() || column.name.size() > kStreamTextMax) return false;
      tag.name = column.name;
      tag.bound = tag.form == Form::bounded ? column.bound : 0;
    }
  }
  return at == columns.size();
}

std::int32_t order_of(float value) {
  const auto bits = std::bit_cast<std::int32_t>(value);
  return bits >= 0 ? bits : -(bits & 0x7fffffff);
}

}  // namespace

Grouping StreamPlan::grouping() const {
  // Streams are many: where tags are bad or missing, a column needs no more than its two texts; the letters' model is
  // small, since it only sees digits.
  const TextLimits texts{.bytes = kStreamCellMax, .slots = 1U << 9, .recent = 32, .known = {kBadText, ""}};
  Grouping grouping{.group_of_column = {}, .groups = groups.size(), .rows_max = kStreamRowsMax, .texts = texts};
  for (std::uint32_t i = 0; i < groups.size(); ++i)
    grouping.group_of_column.insert(grouping.group_of_column.end(), groups[i].size() + 1, i);
  return grouping;
}

StreamPlan make_stream_plan(StreamTags groups) {
  StreamPlan stream{.groups = std::move(groups), .plan = {}};
  for (auto& group : stream.groups) {
    ColumnPlan& times = stream.plan.columns.emplace_back();
    times.kind = Kind::time;
    times.time = milliseconds();
    for (StreamTag& tag : group) {
      tag.name.resize(std::min(tag.name.size(), kStreamTextMax));
      tag.unit.resize(std::min(tag.unit.size(), kStreamTextMax));
      ColumnPlan& column = stream.plan.columns.emplace_back();
      column.name = tag.name;
      column.kind = Kind::number;
      column.bound = round_bound(tag.form == Form::bounded ? tag.bound : kWholeBound);
      if (tag.form != Form::bounded) {
        column.grid_count = 1;
        column.quantiser.grid = 1;
      }
      column.finish();
    }
  }
  return stream;
}

std::vector<std::uint8_t> encode_stream_plan(const StreamPlan& stream) {
  Writer out;
  out.bytes.push_back(kVersion);
  out.number(stream.groups.size());
  for (const auto& group : stream.groups) {
    out.number(group.size());
    for (const StreamTag& tag : group) write_tag(out, tag);
  }
  const auto plan = encode_plan(stream.plan, kPlanLimits);
  out.bytes.insert(out.bytes.end(), plan.begin(), plan.end());
  return std::move(out.bytes);
}

Result<StreamPlan> decode_stream_plan(std::span<const std::uint8_t> bytes) {
  const auto refuse = [](std::string_view why) {
    return fail(ErrorCode::file_format, std::string("a stream's plan ") + std::string(why));
  };
  if (bytes.empty() || bytes.front() != kVersion) return refuse("is of a version that this program does not know");
  Reader in(bytes.subspan(1));
  StreamPlan stream;
  const std::uint64_t groups = in.number();
  std::size_t tags = 0;
  if (groups > kStreamTagsMax) return refuse("has more groups than can be");
  for (std::uint64_t i = 0; i < groups && !in.bad; ++i) {
    const std::uint64_t size = in.number();
    if (size > kStreamTagsMax - tags) return refuse("has more tags than can be");
    tags += size;
    auto& group = stream.groups.emplace_back();
    for (std::uint64_t t = 0; t < size && !in.bad; ++t) group.push_back(read_tag(in));
  }
  if (in.bad) return refuse("is damaged");
  LINESIDE_ASSIGN(stream.plan, decode_plan(in.rest, kPlanLimits));
  if (!take_columns(stream)) return refuse("has columns that are not those of its tags");
  return stream;
}

std::optional<double> to_coded(const StreamTag& tag, const ColumnPlan& column, double value) {
  double coded = value;
  if (tag.form == Form::decimal) coded = std::nearbyint(value * kPowers[static_cast<std::size_t>(tag.digits)]);
  if (tag.form == Form::scaled) coded = std::nearbyint((value - tag.offset) / tag.scale);
  if (tag.form == Form::float32) {
    if (!(std::abs(value) <= 3.4e38)) return std::nullopt;
    coded = order_of(static_cast<float>(value));
  }
  if (!can_hold(column, coded)) return std::nullopt;
  if (tag.form != Form::bounded && from_coded(tag, column, coded) != value) return std::nullopt;
  return coded;
}

double from_coded(const StreamTag& tag, const ColumnPlan& column, double coded) {
  if (tag.form == Form::bounded) return printed_number(coded, column.decimals);
  const double whole = std::nearbyint(coded);
  if (tag.form == Form::decimal) return whole / kPowers[static_cast<std::size_t>(tag.digits)];
  if (tag.form == Form::scaled) return whole * tag.scale + tag.offset;
  if (!(std::abs(whole) < 2147483648.0)) return std::numeric_limits<double>::quiet_NaN();
  const auto order = static_cast<std::int32_t>(whole);
  const float value =
      order >= 0 ? std::bit_cast<float>(order) : -std::bit_cast<float>(static_cast<std::int32_t>(-order));
  return static_cast<double>(value);
}

}  // namespace lineside::telemetry
