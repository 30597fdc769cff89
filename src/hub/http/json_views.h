#pragma once
// Rows as JSON, in the shapes that schema/openapi.yaml names. Strings in, strings out: the JSON library stays inside.
#include <string>
#include <vector>

#include "hub/auth/accounts.h"
#include "hub/http/board.h"
#include "hub/store/queries.h"

namespace lineside::hub {

std::string me_json(const Principal& principal);
std::string stations_json(const std::vector<StationState>& stations);
// Both by name.
std::string gateways_json(const std::vector<GatewayRow>& rows, const std::vector<GatewayState>& states);
std::string series_json(const std::vector<SeriesPoint>& points, WallTime from, WallTime to, std::chrono::seconds step);
std::string latency_json(const std::vector<LatencyBucket>& buckets, std::int64_t deadline_ns, WallTime from,
                         WallTime to);
std::string rejects_json(const std::vector<RejectRow>& rejects);
std::string events_json(const std::vector<EventRow>& events);
std::string losses_json(const std::vector<LossRow>& losses);

std::string assets_json(const std::vector<AssetRow>& assets);
std::string asset_json(const AssetRow& asset);  // with features and spectra
std::string asset_series_json(const std::vector<AssetPoint>& points, WallTime from, WallTime to,
                              std::chrono::seconds step);
std::string alarms_json(const AlarmList& list);
std::string asset_events_json(const std::vector<AssetEvent>& events);

// A WebSocket message: everything ("snapshot") or what changed ("update").
std::string live_json(const char* type, const BoardChanges& changes, WallTime now);

// RFC 9457 problem details; `code` is one of docs/errors.md.
std::string problem_json(int status, const Error& error);

}  // namespace lineside::hub
