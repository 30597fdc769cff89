#include <algorithm>
#include <array>
#include <format>
#include <nlohmann/json.hpp>

#include "model/sparkplug_id.h"
#include "wire/sparkplug.h"

namespace lineside::wire::sparkplug {
namespace {

constexpr std::string_view kNamespace = "spBv1.0";
constexpr std::string_view kState = "STATE";
constexpr std::array<std::string_view, 8> kVerbs{"NBIRTH", "NDEATH", "NDATA", "NCMD",
                                                 "DBIRTH", "DDEATH", "DDATA", "DCMD"};

bool of_device(Verb verb) { return verb >= Verb::dbirth && verb <= Verb::dcmd; }

// At most `levels` and one more.
std::vector<std::string_view> split(std::string_view topic, std::size_t levels) {
  std::vector<std::string_view> parts;
  while (parts.size() <= levels) {
    const std::size_t end = topic.find('/');
    parts.push_back(topic.substr(0, end));
    if (end == std::string_view::npos) break;
    topic.remove_prefix(end + 1);
  }
  return parts;
}

}  // namespace

bool is_id(std::string_view text) { return is_sparkplug_id(text) && clean_text(text) == text; }

std::string make_topic(const Topic& topic) {
  if (topic.verb == Verb::state) return std::format("{}/{}/{}", kNamespace, kState, topic.host);
  const std::string_view verb = kVerbs[static_cast<std::size_t>(topic.verb)];
  std::string made = std::format("{}/{}/{}/{}", kNamespace, topic.group, verb, topic.edge_node);
  if (of_device(topic.verb)) made += '/' + topic.device;
  return made;
}

Result<Topic> parse_topic(std::string_view topic) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::wire_invalid, std::format("topic '{}' is not Sparkplug's: {}", clean_text(topic, 200), why));
  };
  const auto parts = split(topic, 5);
  if (parts[0] != kNamespace) return refuse("it does not begin with spBv1.0");
  if (!std::ranges::all_of(parts.begin() + 1, parts.end(), is_id)) return refuse("a level is empty or has odd letters");
  if (parts.size() == 3 && parts[1] == kState) return Topic{.verb = Verb::state, .host = std::string(parts[2])};
  if (parts.size() < 4 || parts.size() > 5) return refuse("it has the wrong number of levels");
  const auto* const found = std::ranges::find(kVerbs, parts[2]);
  if (found == kVerbs.end()) return refuse("the message type is unknown");
  Topic parsed{.verb = static_cast<Verb>(found - kVerbs.begin()),
               .group = std::string(parts[1]),
               .edge_node = std::string(parts[3]),
               .device = parts.size() == 5 ? std::string(parts[4]) : std::string{}};
  if (of_device(parsed.verb) == parsed.device.empty()) return refuse("a device is missing, or stands where none may");
  return parsed;
}

std::string encode_state(const HostState& state) {
  return std::format(R"({{"online":{},"timestamp":{}}})", state.online, state.timestamp_ms);
}

Result<HostState> decode_state(ByteView bytes) {
  const auto refuse = [] {
    return fail(ErrorCode::wire_invalid, R"(a host's STATE is not {"online":true or false,"timestamp":ms since 1970})");
  };
  if (bytes.size() > kStateBytesMax) return refuse();
  const auto json = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, false);
  if (!json.is_object()) return refuse();
  const auto online = json.find("online"), timestamp = json.find("timestamp");
  if (online == json.end() || timestamp == json.end()) return refuse();
  if (!online->is_boolean() || !timestamp->is_number_unsigned()) return refuse();
  return HostState{online->get<bool>(), timestamp->get<std::uint64_t>()};
}

}  // namespace lineside::wire::sparkplug
