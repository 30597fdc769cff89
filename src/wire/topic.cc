#include <algorithm>
#include <format>

#include "wire/batch.h"

namespace lineside::wire {
namespace {

constexpr std::string_view kPrefix = "lineside/v1/";
constexpr std::size_t kNameBytesMax = 64;

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > kNameBytesMax) return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

}  // namespace

std::string make_topic(std::string_view tenant, std::string_view gateway, std::string_view leaf) {
  return std::format("{}{}/{}/{}", kPrefix, tenant, gateway, leaf);
}

Result<Topic> parse_topic(std::string_view topic) {
  const auto refuse = [&] {
    return fail(ErrorCode::wire_invalid, std::format("topic '{}' is not {}<tenant>/<gateway>/<up|ack|down|state>",
                                                     clean_text(topic, 200), kPrefix));
  };
  if (!topic.starts_with(kPrefix)) return refuse();
  const std::string_view rest = topic.substr(kPrefix.size());
  const std::size_t first = rest.find('/');
  const std::size_t second = first == std::string_view::npos ? first : rest.find('/', first + 1);
  if (second == std::string_view::npos) return refuse();
  Topic parsed{std::string(rest.substr(0, first)), std::string(rest.substr(first + 1, second - first - 1)),
               std::string(rest.substr(second + 1))};
  const bool leaf_known =
      parsed.leaf == "up" || parsed.leaf == "ack" || parsed.leaf == "down" || parsed.leaf == "state";
  if (!is_name(parsed.tenant) || !is_name(parsed.gateway) || !leaf_known) return refuse();
  return parsed;
}

}  // namespace lineside::wire
