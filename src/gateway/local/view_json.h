#pragma once
// What the local endpoint shows, as JSON texts. Durations in milliseconds, times in RFC 3339.
#include <span>
#include <string>
#include <vector>

#include "gateway/local/local_server.h"

namespace lineside::gateway {

// {"ok":false,"trouble":["..."]}
std::string health_json(std::span<const std::string> trouble);
// {"gateway":"g1","trouble":[],"stations":[...]}
std::string stations_json(const std::string& gateway, std::span<const std::string> trouble,
                          std::span<const StationStatus> stations);
// {"gateway":"g1","assets":[...]}
std::string assets_json(const std::string& gateway, std::span<const AssetStatus> assets);
// {"gateway":"g1","tags":[...]}; what was not read is null.
std::string tags_json(const std::string& gateway, std::span<const TagRow> tags);
// {"gateway":"g1","alarms":[...]}
std::string alarms_json(const std::string& gateway, std::span<const AlarmRow> alarms);
// {"items":[...]}; a score that is not a number (fail-safe verdicts) is null.
std::string verdicts_json(std::span<const VerdictRow> rows);
// {"error":"..."}
std::string error_json(const std::string& message);

// Of the gateway and of its stations, each sentence beginning with what it is about.
std::vector<std::string> all_trouble(const LocalView& view);

// May be the name of a sample: 1..128 letters, digits, '.', '_' and '-', not beginning with '.'.
bool is_sample_id(std::string_view id);

}  // namespace lineside::gateway
