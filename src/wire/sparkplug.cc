#include "wire/sparkplug.h"

#include <cmath>
#include <format>
#include <limits>

#include "sparkplug_b.pb.h"
#include "wire/wire_reader.h"

namespace lineside::wire::sparkplug {
namespace {

constexpr std::uint32_t kMetricsField = 2;
constexpr std::string_view kQuality = "Quality", kUnit = "engUnit";

std::string_view view(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

bool is_text(std::string_view text, std::size_t bytes_max) {
  return text.size() <= bytes_max && clean_text(text, bytes_max) == text;
}

bool parse(google::protobuf::MessageLite& message, std::string_view bytes) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

struct PutValue {
  pb::Metric& to;
  void operator()(std::monostate) const {}
  void operator()(std::uint32_t value) const { to.set_int_value(value); }
  void operator()(std::uint64_t value) const { to.set_long_value(value); }
  void operator()(float value) const { to.set_float_value(value); }
  void operator()(double value) const { to.set_double_value(value); }
  void operator()(bool value) const { to.set_boolean_value(value); }
  void operator()(const std::string& value) const { to.set_string_value(clean_text(value, kTextBytesMax)); }
  void operator()(Other) const { to.set_bytes_value(""); }
};

std::string properties_of(const Metric& metric) {
  pb::PropertySet set;
  if (metric.quality) {
    set.add_keys(kQuality.data(), kQuality.size());
    pb::PropertyValue& value = *set.add_values();
    value.set_type(static_cast<std::uint32_t>(Type::int32));
    value.set_int_value(static_cast<std::uint32_t>(*metric.quality));
  }
  if (!metric.unit.empty()) {
    set.add_keys(kUnit.data(), kUnit.size());
    pb::PropertyValue& value = *set.add_values();
    value.set_type(static_cast<std::uint32_t>(Type::string));
    value.set_string_value(clean_text(metric.unit, kNameBytesMax));
  }
  return set.SerializeAsString();
}

void put(const Metric& metric, pb::Metric& to) {
  if (!metric.name.empty()) to.set_name(clean_text(metric.name, kNameBytesMax));
  if (metric.alias) to.set_alias(*metric.alias);
  if (metric.timestamp_ms) to.set_timestamp(*metric.timestamp_ms);
  if (metric.type) to.set_datatype(*metric.type);
  if (metric.is_historical) to.set_is_historical(true);
  if (metric.is_transient) to.set_is_transient(true);
  if (metric.is_null) to.set_is_null(true);
  if (metric.quality || !metric.unit.empty()) to.set_properties(properties_of(metric));
  if (!metric.is_null) std::visit(PutValue{to}, metric.value);
}

Value value_of(const pb::Metric& from) {
  switch (from.value_case()) {
    case pb::Metric::VALUE_NOT_SET:
      return {};
    case pb::Metric::kIntValue:
      return from.int_value();
    case pb::Metric::kLongValue:
      return static_cast<std::uint64_t>(from.long_value());
    case pb::Metric::kFloatValue:
      return from.float_value();
    case pb::Metric::kDoubleValue:
      return from.double_value();
    case pb::Metric::kBooleanValue:
      return from.boolean_value();
    case pb::Metric::kStringValue:
      if (is_text(from.string_value(), kTextBytesMax)) return from.string_value();
      return Other{};
    default:
      return Other{};
  }
}

std::int32_t quality_of(const pb::PropertyValue& value) {
  const auto code = static_cast<std::int32_t>(value.int_value());
  const bool known = code == kQualityGood || code == kQualityStale;
  return value.has_int_value() && known ? code : kQualityBad;
}

// Only the two that are known here are looked at.
void take_properties(const std::string& bytes, Metric& metric) {
  pb::PropertySet set;
  if (bytes.size() > kPropertyBytesMax || !parse(set, bytes) || set.keys_size() != set.values_size()) {
    metric.quality = kQualityBad;
    return;
  }
  for (int i = 0; i < set.keys_size(); ++i) {
    const pb::PropertyValue& value = set.values(i);
    if (set.keys(i) == kQuality) metric.quality = quality_of(value);
    if (set.keys(i) == kUnit && is_text(value.string_value(), kNameBytesMax)) metric.unit = value.string_value();
  }
}

std::optional<Metric> metric_of(ByteView bytes) {
  pb::Metric from;
  if (!parse(from, view(bytes)) || !is_text(from.name(), kNameBytesMax)) return std::nullopt;
  if (from.name().empty() && !from.has_alias()) return std::nullopt;
  Metric metric{.name = from.name()};
  if (from.has_alias()) metric.alias = from.alias();
  if (from.has_timestamp()) metric.timestamp_ms = from.timestamp();
  if (from.has_datatype()) metric.type = from.datatype();
  metric.is_historical = from.is_historical();
  metric.is_transient = from.is_transient();
  metric.is_null = from.is_null();
  if (from.has_properties()) take_properties(from.properties(), metric);
  if (!metric.is_null) metric.value = value_of(from);
  return metric;
}

struct Range {
  double low;  // 0: unsigned
  int bits;
};

std::optional<Range> range_of(std::uint32_t type) {
  switch (static_cast<Type>(type)) {
    case Type::int8:
      return Range{-0x1p7, 8};
    case Type::int16:
      return Range{-0x1p15, 16};
    case Type::int32:
      return Range{-0x1p31, 32};
    case Type::int64:
      return Range{-0x1p63, 64};
    case Type::uint8:
      return Range{0, 8};
    case Type::uint16:
      return Range{0, 16};
    case Type::uint32:
      return Range{0, 32};
    case Type::uint64:
    case Type::date_time:
      return Range{0, 64};
    default:
      return std::nullopt;
  }
}

// `field_bits`: of the field on the wire. Two's complement of the type's own width, or sign-extended to the field's.
std::optional<double> whole_number(const Range& range, std::uint64_t raw, int field_bits) {
  const bool in_low_bits = range.bits == 64 || raw >> range.bits == 0;
  if (range.low == 0) return in_low_bits ? std::optional(static_cast<double>(raw)) : std::nullopt;
  if (range.bits > field_bits && raw >> (field_bits - 1) != 0) return std::nullopt;  // minus, or just great?
  const auto sign_extended = [](std::uint64_t bits, int width) {
    return static_cast<std::int64_t>(bits << (64 - width)) >> (64 - width);
  };
  if (in_low_bits) return static_cast<double>(sign_extended(raw, range.bits));
  const auto number = static_cast<double>(sign_extended(raw, field_bits));
  return number >= range.low && number < -range.low ? std::optional(number) : std::nullopt;
}

}  // namespace

Bytes encode(const Payload& payload) {
  pb::Payload message;
  if (payload.timestamp_ms) message.set_timestamp(*payload.timestamp_ms);
  if (payload.seq) message.set_seq(*payload.seq);
  for (const Metric& metric : payload.metrics) put(metric, *message.add_metrics());
  Bytes bytes(message.ByteSizeLong());
  message.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

std::size_t encoded_bytes(const Metric& metric) {
  pb::Payload message;
  put(metric, *message.add_metrics());
  return message.ByteSizeLong();
}

Result<Payload> decode(ByteView bytes) {
  if (bytes.size() > kPayloadBytesMax)
    return fail(ErrorCode::wire_invalid, std::format("a Sparkplug payload of {} bytes is too long", bytes.size()));
  std::string outside;  // all fields but the metrics
  Payload payload;
  std::size_t metrics = 0;
  for (WireReader reader(bytes); !reader.done();) {
    const auto field = reader.next();
    if (!field) return fail(ErrorCode::wire_invalid, "a Sparkplug payload is not protobuf");
    if (field->number != kMetricsField) {
      outside += view(field->whole);
      continue;
    }
    if (++metrics > kMetricsMax)
      return fail(ErrorCode::wire_invalid, std::format("a Sparkplug payload has more than {} metrics", kMetricsMax));
    auto metric = metric_of(field->content);
    if (metric)
      payload.metrics.push_back(std::move(*metric));
    else
      ++payload.unreadable;
  }
  pb::Payload message;
  if (!parse(message, outside)) return fail(ErrorCode::wire_invalid, "a Sparkplug payload is not protobuf");
  if (message.has_timestamp()) payload.timestamp_ms = message.timestamp();
  if (message.has_seq()) payload.seq = message.seq();
  return payload;
}

std::optional<double> number_of(std::uint32_t type, const Value& value) {
  if (const auto range = range_of(type)) {
    if (const auto* bits = std::get_if<std::uint32_t>(&value)) return whole_number(*range, *bits, 32);
    if (const auto* bits = std::get_if<std::uint64_t>(&value)) return whole_number(*range, *bits, 64);
    return std::nullopt;
  }
  double number = std::numeric_limits<double>::quiet_NaN();
  if (const auto* real = std::get_if<float>(&value);
      real != nullptr && type == static_cast<std::uint32_t>(Type::real32))
    number = *real;
  if (const auto* real = std::get_if<double>(&value);
      real != nullptr && type == static_cast<std::uint32_t>(Type::real64))
    number = *real;
  if (const auto* flag = std::get_if<bool>(&value);
      flag != nullptr && type == static_cast<std::uint32_t>(Type::boolean))
    number = *flag ? 1 : 0;
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

bool is_number(std::uint32_t type) {
  return range_of(type).has_value() ||
         (type >= static_cast<std::uint32_t>(Type::real32) && type <= static_cast<std::uint32_t>(Type::boolean));
}

Bytes rebirth_request(WallTime now) {
  const Metric metric{.name = std::string(kRebirth),
                      .timestamp_ms = to_ms(now),
                      .type = static_cast<std::uint32_t>(Type::boolean),
                      .value = true};
  return encode({.timestamp_ms = to_ms(now), .metrics = {metric}});
}

std::uint64_t to_ms(WallTime time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
  return ms < 0 ? 0 : static_cast<std::uint64_t>(ms);
}

WallTime from_ms(std::optional<std::uint64_t> ms) {
  constexpr std::uint64_t kLast = std::numeric_limits<std::int64_t>::max() / 1'000'000;
  if (!ms || *ms > kLast) return {};
  return WallTime{std::chrono::milliseconds{*ms}};
}

}  // namespace lineside::wire::sparkplug
