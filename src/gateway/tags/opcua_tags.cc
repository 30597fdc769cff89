#include "gateway/tags/opcua_tags.h"

#include <algorithm>
#include <format>

namespace lineside::gateway {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kBadWaitingForInitialData = 0x8032'0000U;
constexpr milliseconds kRetryItems{10'000};
constexpr std::uint32_t kKeepAlive = 10;
constexpr milliseconds kSilenceMax{10'000};

// Of publishing intervals, so that a server that says nothing is noticed within kSilenceMax however slow it publishes.
std::uint32_t keep_alive_of(milliseconds publishing) {
  const auto fitting = static_cast<std::uint32_t>(kSilenceMax / std::max(publishing, milliseconds{1}));
  return std::clamp(fitting, 1U, kKeepAlive);
}

std::string what_it_is(const opcua::DataValue& value) {
  if (value.type.empty()) return "has no value";
  return std::format("is {}{}, not a number", value.array ? "an array of " : "a ", value.type);
}

}  // namespace

OpcuaTags::OpcuaTags(const config::TagSourceSettings& settings, std::span<const config::TagSettings> tags, Clock& clock,
                     MetricsRegistry& metrics)
    : settings_(settings), intake_(settings, tags, clock, metrics), writes_(clock) {}

OpcuaTags::~OpcuaTags() { session_.reset(); }

Result<void> OpcuaTags::start(TagSink& sink) {
  intake_.set_sink(sink);
  std::vector<opcua::Item> items;
  for (std::size_t i = 0; i < intake_.size(); ++i)
    items.push_back({.node = intake_.tag(i).opcua.node,
                     .sampling = settings_.opcua.sampling,
                     .queue = static_cast<std::uint32_t>(settings_.opcua.queue),
                     .deadband = intake_.tag(i).opcua.deadband});
  opcua::SessionOptions options;
  options.server = settings_.opcua.server;
  options.publishing = {.interval = settings_.opcua.publishing,
                        .keep_alive = keep_alive_of(settings_.opcua.publishing)};
  options.reconnect_min = settings_.reconnect_min;
  options.reconnect_max = settings_.reconnect_max;
  options.retry_items = kRetryItems;
  LINESIDE_ASSIGN(session_, opcua::Session::start(options, std::move(items), *this));
  return {};
}

void OpcuaTags::ask_to_stop() {
  if (session_ != nullptr) session_->ask_to_stop();
}

void OpcuaTags::on_disconnected(const Error& why) {
  intake_.down(std::format("the OPC UA server of '{}': {}", settings_.name, why.message));
}

void OpcuaTags::on_value(std::size_t item, const opcua::DataValue& value) {
  if (value.status == kBadWaitingForInitialData) return;
  intake_.count_message();
  if (value.overflow) intake_.count_lost();
  const config::OpcuaTagSettings& tag = intake_.tag(item).opcua;
  const WallTime time = value.source_time != WallTime{} ? value.source_time : value.server_time;
  if (value.bad()) return intake_.refuse(item, std::format("{}: {}", tag.node, opcua::status_name(value.status)), time);
  if (value.numbers.empty() || value.array != (tag.element >= 0))
    return intake_.refuse(item,
                          std::format("{} {}{}", tag.node, what_it_is(value),
                                      value.array && tag.element < 0 ? " (say which `element`)" : ""),
                          time);
  const std::size_t element = tag.element < 0 ? 0 : static_cast<std::size_t>(tag.element);
  if (element >= value.numbers.size())
    return intake_.refuse(item, std::format("{} has {} elements, none {}", tag.node, value.numbers.size(), element),
                          time);
  intake_.take(item, value.numbers[element], time, value.good() ? Quality::good : Quality::uncertain);
}

}  // namespace lineside::gateway
