#include "hub/http/board.h"

#include <algorithm>
#include <ctime>

namespace lineside::hub {
namespace {

constexpr std::size_t kRecentMax = 600;
constexpr std::size_t kRejectsMax = 24, kEventsMax = 50, kLengthsMax = 4;
// For each tenant, whatever its gateways claim.
constexpr std::size_t kAllStationsMax = 20'000, kAllAssetsMax = 20'000, kAllRejectsMax = 1000;
constexpr auto kRecentSpan = std::chrono::minutes{1};

GatewayState& gateway_of(std::map<std::string, GatewayState>& gateways, const std::string& name) {
  auto& gateway = gateways[name];
  gateway.gateway = name;
  return gateway;
}

double minutes_of(WallTime time) {
  return std::chrono::duration<double, std::ratio<60>>(time.time_since_epoch()).count();
}

template <class T>
WallTime time_of(const T& body) {
  if constexpr (requires { body.to; })
    return body.to;
  else
    return body.time;
}

}  // namespace

WallTime day_start(WallTime now) {
  const auto seconds = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(now));
  std::tm local{};
  localtime_r(&seconds, &local);
  local.tm_hour = local.tm_min = local.tm_sec = 0;
  local.tm_isdst = -1;
  return WallTime{std::chrono::seconds{std::mktime(&local)}};
}

Board::Board(Clock& clock) : clock_(clock) {}

Result<std::unique_ptr<Board>> Board::load(Queries& queries, Clock& clock) {
  std::unique_ptr<Board> board(new Board(clock));
  LINESIDE_ASSIGN(const auto tenants, queries.tenants());
  for (const auto& tenant : tenants) LINESIDE_TRY(board->load_tenant(queries, tenant));
  return board;
}

Result<void> Board::load_tenant(Queries& queries, const std::string& name) {
  auto& tenant = tenants_[name];
  LINESIDE_ASSIGN(const auto gateways, queries.gateways(name));
  for (const auto& row : gateways) {
    auto& gateway = gateway_of(tenant.gateways, row.gateway);
    gateway.online = row.online;
    gateway.last_seen = row.last_seen;
    LINESIDE_ASSIGN(gateway.has_tags, queries.has_tags(name, row.gateway));
  }
  LINESIDE_ASSIGN(const auto ids, queries.stations(name));
  const auto today = day_start(clock_.wall());
  for (const auto& id : ids) {
    if (tenant.stations.size() >= kAllStationsMax) break;
    LINESIDE_ASSIGN(const auto newest, queries.newest_summaries(name, id, kRecentMax));
    auto& station = tenant.stations[id];
    station.state.id = id;
    for (auto summary = newest.rbegin(); summary != newest.rend(); ++summary) show_newest(station, *summary);
    station.state.today_from = today;
    LINESIDE_ASSIGN(station.state.today, queries.totals(name, id, today, WallTime::max()));
    auto& gateway = gateway_of(tenant.gateways, id.gateway);
    gateway.newest_bulk = std::max(gateway.newest_bulk, station.state.newest);
  }
  LINESIDE_ASSIGN(auto assets, queries.assets(name));
  for (auto& row : assets) {
    Machine& machine = tenant.assets[row.id];
    machine.lengths.push_back(row.period);
    if (row.newest.alarm) machine.anomaly = row.severity;
    apply_asset(tenant, row.id, std::move(row.newest));
  }
  tenant.changed_assets.clear();
  return {};
}

void Board::show_newest(Station& station, const StationSummary& summary) {
  auto& state = station.state;
  auto& recent = station.recent;
  recent.push_back({summary.from, summary.to, summary.items, summary.rejected, summary.late, summary.actuation_failed});
  while (recent.size() > kRecentMax) recent.pop_front();
  if (summary.to < state.newest) return;  // the backlog fills in behind what is newer
  state.newest = summary.to;
  state.camera_up = summary.camera_up;
  state.actuator_up = summary.actuator_up;
  state.model_version = summary.model_version;
  state.deadline_ns = summary.deadline_ns;
  std::erase_if(recent, [&](const Recent& old) { return old.to <= state.newest - kRecentSpan; });
  double items = 0, rejected = 0, minutes = 0;
  state.late = state.not_ejected = 0;
  for (const auto& part : recent) {
    items += static_cast<double>(part.items);
    rejected += static_cast<double>(part.rejected);
    state.late += static_cast<double>(part.late);
    state.not_ejected += static_cast<double>(part.not_ejected);
    minutes += minutes_of(part.to) - minutes_of(part.from);
  }
  state.items_per_minute = minutes > 0 ? items / minutes : 0;
  state.reject_share = items > 0 ? std::min(rejected / items, 1.0) : 0;
}

void Board::apply_summary(Tenant& tenant, const std::string& gateway, const StationSummary& summary) {
  const StationId id{gateway, summary.station};
  if (tenant.stations.size() >= kAllStationsMax && !tenant.stations.contains(id)) return;
  auto& station = tenant.stations[id];
  station.state.id = id;
  show_newest(station, summary);
  const auto today = day_start(clock_.wall());
  if (station.state.today_from != today) station.state.today = {};
  station.state.today_from = today;
  if (summary.to > today) station.state.today.add(summary);
  tenant.changed_stations.insert(id);
}

void Board::apply_asset(Tenant& tenant, const AssetId& id, AssetSummary summary) {
  if (tenant.assets.size() >= kAllAssetsMax && !tenant.assets.contains(id)) return;
  Machine& machine = tenant.assets[id];
  AssetRow& row = machine.row;
  if (summary.to < row.newest.to) return;  // the backlog fills in behind what is newer
  summary.features.clear();
  summary.spectra.clear();
  machine.lengths.push_back(summary.to - summary.from);
  if (machine.lengths.size() > kLengthsMax) machine.lengths.pop_front();
  row.id = id;
  row.period = std::ranges::max(machine.lengths);
  row.newest = std::move(summary);
  row.severity = row.newest.alarm ? machine.anomaly.value_or(Severity::high) : Severity::info;
  tenant.changed_assets.insert(id);
}

void Board::apply_event(Tenant& tenant, const std::string& gateway, const EventRecord& event) {
  tenant.events.push_back({gateway, event});
  if (tenant.events.size() > kEventsMax) tenant.events.pop_front();
  const auto machine = tenant.assets.find({gateway, event.asset});
  if (event.type != "condition.anomaly" || machine == tenant.assets.end()) return;
  machine->second.anomaly = event.severity;
  if (!machine->second.row.newest.alarm) return;  // the summary that says so follows
  machine->second.row.severity = event.severity;
  tenant.changed_assets.insert(machine->first);
}

void Board::note_rejects(Tenant& tenant, const std::string& gateway, const VerdictRecord& verdict) {
  if (verdict.decision != Decision::reject) return;
  const StationId id{gateway, verdict.station};
  auto& rejects = tenant.rejects;
  rejects.push_back({id, verdict, std::nullopt});
  const auto same = [&](const RejectRow& row) { return row.id == id; };
  if (static_cast<std::size_t>(std::ranges::count_if(rejects, same)) > kRejectsMax)
    rejects.erase(std::ranges::find_if(rejects, same));
  if (rejects.size() > kAllRejectsMax) rejects.pop_front();
}

void Board::apply(Tenant& tenant, const std::string& gateway, Lane lane, const RecordBody& body) {
  auto& state = gateway_of(tenant.gateways, gateway);
  auto& newest = lane == Lane::urgent ? state.newest_urgent : state.newest_bulk;
  newest = std::max(newest, std::visit([](const auto& record) { return time_of(record); }, body));
  state.last_seen = clock_.wall();
  tenant.changed_gateways.insert(gateway);
  state.has_tags = state.has_tags || std::holds_alternative<TagBlock>(body) || std::holds_alternative<TagSummary>(body);
  if (const auto* summary = std::get_if<StationSummary>(&body)) apply_summary(tenant, gateway, *summary);
  if (const auto* summary = std::get_if<AssetSummary>(&body)) apply_asset(tenant, {gateway, summary->asset}, *summary);
  if (const auto* verdict = std::get_if<VerdictRecord>(&body)) note_rejects(tenant, gateway, *verdict);
  if (const auto* event = std::get_if<EventRecord>(&body)) apply_event(tenant, gateway, *event);
  // A picture comes after its verdict, in the slower lane: the page asks for the station's rejects again.
  if (const auto* picture = std::get_if<PictureRecord>(&body);
      picture != nullptr && tenant.stations.contains({gateway, picture->station}))
    tenant.changed_stations.insert({gateway, picture->station});
}

void Board::on_records(const std::string& tenant, const std::string& gateway, Lane lane,
                       std::span<const Record> records) {
  std::lock_guard lock(mutex_);
  for (const auto& record : records) apply(tenants_[tenant], gateway, lane, record.body);
}

void Board::on_gateway_state(const std::string& tenant, const std::string& gateway, const GatewayReport& report) {
  std::lock_guard lock(mutex_);
  auto& of_tenant = tenants_[tenant];
  auto& state = gateway_of(of_tenant.gateways, gateway);
  state.online = report.online;
  if (report.waiting) state.waiting = report.waiting;  // a last will says nothing of it: what was said last stays
  if (report.online) state.last_seen = clock_.wall();
  of_tenant.changed_gateways.insert(gateway);
  for (const auto& [id, station] : of_tenant.stations)
    if (id.gateway == gateway) of_tenant.changed_stations.insert(id);
}

std::vector<StationState> Board::stations(const std::string& tenant) const {
  std::lock_guard lock(mutex_);
  std::vector<StationState> states;
  const auto found = tenants_.find(tenant);
  if (found == tenants_.end()) return states;
  for (const auto& [id, station] : found->second.stations) {
    if (station.state.newest == WallTime{}) continue;
    states.push_back(station.state);
    const auto gateway = found->second.gateways.find(id.gateway);
    states.back().gateway_online = gateway != found->second.gateways.end() && gateway->second.online;
  }
  return states;
}

std::vector<GatewayState> Board::gateways(const std::string& tenant) const {
  std::lock_guard lock(mutex_);
  std::vector<GatewayState> states;
  if (const auto found = tenants_.find(tenant); found != tenants_.end())
    for (const auto& [name, gateway] : found->second.gateways) states.push_back(gateway);
  return states;
}

std::vector<AssetRow> Board::assets(const std::string& tenant) const {
  std::lock_guard lock(mutex_);
  std::vector<AssetRow> rows;
  if (const auto found = tenants_.find(tenant); found != tenants_.end())
    for (const auto& [id, machine] : found->second.assets) rows.push_back(machine.row);
  return rows;
}

std::map<std::string, BoardChanges> Board::take_changes() {
  std::lock_guard lock(mutex_);
  std::map<std::string, BoardChanges> changes;
  for (auto& [name, tenant] : tenants_) {
    if (tenant.changed_stations.empty() && tenant.changed_gateways.empty()) continue;
    auto& of_tenant = changes[name];
    for (const auto& id : tenant.changed_stations) {
      const auto station = tenant.stations.find(id);
      if (station == tenant.stations.end() || station->second.state.newest == WallTime{}) continue;
      of_tenant.stations.push_back(station->second.state);
      of_tenant.stations.back().gateway_online = tenant.gateways[id.gateway].online;
    }
    for (const auto& gateway : tenant.changed_gateways) of_tenant.gateways.push_back(tenant.gateways[gateway]);
    for (const auto& id : tenant.changed_assets) of_tenant.assets.push_back(tenant.assets[id].row);
    of_tenant.rejects.assign(tenant.rejects.begin(), tenant.rejects.end());
    of_tenant.events.assign(tenant.events.begin(), tenant.events.end());
    tenant.changed_stations.clear();
    tenant.changed_gateways.clear();
    tenant.changed_assets.clear();
    tenant.rejects.clear();
    tenant.events.clear();
  }
  return changes;
}

}  // namespace lineside::hub
