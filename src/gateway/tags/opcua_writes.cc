// How OpcuaTags writes.
#include <algorithm>
#include <cmath>
#include <format>

#include "config/grants.h"
#include "gateway/tags/opcua_tags.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using Outcome = TagWritten::Outcome;

constexpr auto kAnswerMax = 1s;
constexpr double kFloatSteps = 1.2e-7, kNearlyWhole = 1e-6;

// The node's only number; nothing: it has none now.
std::optional<double> number_of(const opcua::DataValue& value) {
  if (value.bad() || value.array || value.numbers.size() != 1) return std::nullopt;
  return value.numbers.front();
}

Result<opcua::DataValue> read(const std::string& node, opcua::Connection& connection, const std::stop_token& stop) {
  LINESIDE_ASSIGN(auto values, connection.read({node}, system_clock().mono() + kAnswerMax, stop));
  return std::move(values.front());
}

// A node of whole numbers gets the one that scale and offset miss by rounding only.
double fitted(double raw, std::string_view type) {
  const double nearest = std::round(raw);
  const bool near = std::abs(raw - nearest) <= kNearlyWhole * std::max(1.0, std::abs(raw));
  return type != "Float" && type != "Double" && near ? nearest : raw;
}

}  // namespace

void OpcuaTags::on_connection(opcua::Connection& connection, const std::stop_token& stop) {
  // One in a round, so that readings go on whatever is written.
  if (const auto write = writes_.take([](const TagWrite&) { return true; })) do_write(*write, connection, stop);
}

void OpcuaTags::do_write(const TagWrite& write, opcua::Connection& connection, const std::stop_token& stop) {
  const auto answer = [&](Outcome outcome, std::optional<double> before, const std::string& why) {
    write.done({.outcome = outcome, .before = before, .after = {}, .why = why});
  };
  const auto tag = intake_.find(write.tag);
  if (!tag) return answer(Outcome::not_sent, {}, "the tag is of another source");
  const config::TagSettings& settings = intake_.tag(*tag);
  const auto wanted = config::raw_of(settings, settings_.kind, write.value);
  if (!wanted) return answer(Outcome::not_sent, {}, wanted.error().message);
  const auto before = read(settings.opcua.node, connection, stop);
  if (!before) return answer(Outcome::not_sent, {}, "it could not be read before: " + before.error().message);
  const auto old = number_of(*before);
  if (!old)
    return answer(Outcome::not_sent, {},
                  std::format("{} has no good number now, so its type is not known", settings.opcua.node));
  const double old_value = *old * settings.scale + settings.offset;
  if (const auto still = write.still_wanted(); !still)
    return answer(Outcome::not_sent, old_value, still.error().message);
  const double raw = fitted(*wanted, before->type);
  const auto sent = connection.write(settings.opcua.node, before->type, raw, system_clock().mono() + kAnswerMax, stop);
  if (!sent && sent.error().code == ErrorCode::usage) return answer(Outcome::not_sent, old_value, sent.error().message);
  TagWritten written = confirm(*tag, raw, sent, connection, stop);
  written.before = old_value;
  write.done(written);
}

TagWritten OpcuaTags::confirm(std::size_t tag, double raw, const Result<void>& sent, opcua::Connection& connection,
                              const std::stop_token& stop) {
  const config::TagSettings& settings = intake_.tag(tag);
  const auto read_back = read(settings.opcua.node, connection, stop);
  const auto now = read_back ? number_of(*read_back) : std::nullopt;
  const auto after = now ? std::optional(*now * settings.scale + settings.offset) : std::nullopt;
  const std::string why = sent ? "" : sent.error().message;
  if (!sent && sent.error().code == ErrorCode::write_refused)
    return {.outcome = Outcome::refused, .before = {}, .after = after, .why = why};
  if (!now) {
    const std::string unread = read_back ? "its value is bad now" : read_back.error().message;
    return {.outcome = Outcome::unknown,
            .before = {},
            .after = {},
            .why = std::format("{}{}it could not be read back: {}", why, why.empty() ? "" : "; ", unread)};
  }
  const double tolerance = read_back->type == "Float" ? std::abs(raw) * kFloatSteps : 0;
  if (std::abs(*now - raw) <= tolerance) return {.outcome = Outcome::written, .before = {}, .after = after, .why = {}};
  return {.outcome = Outcome::differs,
          .before = {},
          .after = after,
          .why = std::format("{}{}{} reads back otherwise", why, why.empty() ? "" : "; ", settings.opcua.node)};
}

}  // namespace lineside::gateway
