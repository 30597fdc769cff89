#include "gateway/tags/mqtt_payload.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <format>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/number_text.h"
#include "base/time_text.h"
#include "base/utf8.h"

namespace lineside::gateway {
namespace {

using nlohmann::json;
using Kind = PayloadReading::Kind;

constexpr double kGood = 192, kUncertain = 64;  // OPC DA's quality byte
constexpr std::size_t kShown = 40;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = std::min(text.find_first_not_of(kBlanks), text.size());
  text.remove_prefix(first);
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

// Whatever came, fit for a log.
std::string shown(std::string_view text) {
  return printable(text.substr(0, kShown)) + (text.size() > kShown ? "..." : "");
}

PayloadReading bad(std::string why) {
  return {.value = 0, .has_time = false, .time = {}, .quality = Quality::bad, .why = std::move(why)};
}

PayloadReading good(double value) {
  if (!std::isfinite(value)) return bad(std::format("{} is not a number that can be used", value));
  return {.kind = Kind::value, .value = value, .has_time = false, .time = {}, .quality = Quality::good, .why = {}};
}

PayloadReading number_in_text(std::string_view raw) {
  const std::string_view text = trimmed(raw);
  if (const auto number = parse_number<double>(text)) return good(*number);
  if (text == "true" || text == "false") return good(text == "true" ? 1 : 0);
  return bad(text.empty() ? "an empty message" : std::format("'{}' is no number", shown(text)));
}

PayloadReading number_in_json(const json& value) {
  if (value.is_number()) return good(value.get<double>());
  if (value.is_boolean()) return good(value.get<bool>() ? 1 : 0);
  if (value.is_string()) return number_in_text(value.get_ref<const std::string&>());
  return bad(value.is_null() ? "the value is null"
                             : std::format("the value is an {}, not a number", value.type_name()));
}

std::int64_t nanoseconds_of(config::MqttTagSettings::TimeUnit unit) {
  constexpr std::int64_t kNs[] = {1'000'000'000, 1'000'000, 1000, 1};
  return kNs[static_cast<std::size_t>(unit)];
}

// Zero: it can't be read.
WallTime time_of(std::int64_t count, std::int64_t unit_ns) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  return count <= 0 || count > kMax / unit_ns ? WallTime{} : WallTime{nanoseconds{count * unit_ns}};
}

WallTime time_in(const json& value, std::int64_t unit_ns) {
  if (value.is_number_unsigned()) {
    const auto count = value.get<std::uint64_t>();
    return count > std::uint64_t{1} << 62U ? WallTime{} : time_of(static_cast<std::int64_t>(count), unit_ns);
  }
  if (value.is_number()) {
    const long double ns = static_cast<long double>(value.get<double>()) * static_cast<long double>(unit_ns);
    return ns > 0 && ns < 9e18 ? WallTime{nanoseconds{static_cast<std::int64_t>(ns)}} : WallTime{};
  }
  if (!value.is_string()) return {};
  const std::string_view text = trimmed(value.get_ref<const std::string&>());
  if (const auto count = parse_number<std::int64_t>(text)) return time_of(*count, unit_ns);
  return std::max(from_iso8601(text).value_or(WallTime{}), WallTime{});
}

Quality quality_of(double number) {
  return number >= kGood ? Quality::good : number >= kUncertain ? Quality::uncertain : Quality::bad;
}

Quality quality_in(const json& value) {
  if (value.is_boolean()) return value.get<bool>() ? Quality::good : Quality::bad;
  if (value.is_number()) return quality_of(value.get<double>());
  if (!value.is_string()) return Quality::uncertain;
  std::string text(trimmed(value.get_ref<const std::string&>()));
  if (const auto number = parse_number<double>(text)) return quality_of(*number);
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text == "good" || text == "ok" ? Quality::good : text == "uncertain" ? Quality::uncertain : Quality::bad;
}

const json* found(const json& in, const json::json_pointer& at) {
  try {
    return in.contains(at) ? &in.at(at) : nullptr;
  } catch (const json::exception&) {  // of a number in the pointer that is too large for an array
    return nullptr;
  }
}

}  // namespace

struct Payload::State {
  std::string_view text;
  std::optional<json> read;
  const json& parsed_json() {
    if (!read) read = json::parse(text, nullptr, false);
    return *read;
  }
};

Payload::Payload(std::span<const std::uint8_t> bytes) : state_(std::make_unique<State>()) {
  state_->text = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
Payload::~Payload() = default;

struct PayloadReader::Pointers {
  json::json_pointer value, time, quality;
  config::MqttTagSettings settings;
};

PayloadReader::PayloadReader(std::unique_ptr<Pointers> pointers) : pointers_(std::move(pointers)) {}
PayloadReader::PayloadReader(PayloadReader&&) noexcept = default;
PayloadReader& PayloadReader::operator=(PayloadReader&&) noexcept = default;
PayloadReader::~PayloadReader() = default;

Result<PayloadReader> PayloadReader::create(const config::MqttTagSettings& settings) {
  try {
    return PayloadReader(std::make_unique<Pointers>(json::json_pointer(settings.value),
                                                    json::json_pointer(settings.time),
                                                    json::json_pointer(settings.quality), settings));
  } catch (const json::exception&) {
    return fail(ErrorCode::config_invalid,
                std::format("'{}', '{}' or '{}' is no JSON Pointer", settings.value, settings.time, settings.quality));
  }
}

PayloadReading PayloadReader::read(const Payload& payload) const {
  Payload::State& state = *payload.state_;
  const config::MqttTagSettings& settings = pointers_->settings;
  if (settings.value.empty()) return number_in_text(state.text);
  const json& message = state.parsed_json();
  if (message.is_discarded()) return bad(std::format("'{}' is no JSON", shown(state.text)));
  const json* value = found(message, pointers_->value);
  if (value == nullptr && settings.optional)
    return {.kind = Kind::absent, .value = 0, .has_time = false, .time = {}, .quality = Quality::bad, .why = {}};
  PayloadReading reading =
      value == nullptr ? bad(std::format("there is no {} in the message", settings.value)) : number_in_json(*value);
  if (const json* time = settings.time.empty() ? nullptr : found(message, pointers_->time)) {
    reading.has_time = true;
    reading.time = time_in(*time, nanoseconds_of(settings.time_unit));
  }
  if (settings.quality.empty() || reading.kind != Kind::value) return reading;
  const json* quality = found(message, pointers_->quality);
  reading.quality = quality == nullptr ? Quality::uncertain : quality_in(*quality);
  if (reading.quality != Quality::bad) return reading;
  reading.kind = Kind::bad;
  reading.why = std::format("its quality is {}", shown(quality->dump(-1, ' ', true, json::error_handler_t::replace)));
  return reading;
}

}  // namespace lineside::gateway
