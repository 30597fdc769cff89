#pragma once
// What is true now, for every station, machine and gateway, kept in memory: the counts of today, the newest state, the
// newest rejects. It starts from the database and then hears of every stored batch, so that a page's update costs no
// query.
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "hub/store/queries.h"
#include "hub/store/store.h"

namespace lineside::hub {

struct StationState {
  StationId id;
  bool gateway_online = false;
  WallTime newest{};  // end of the newest summary
  bool camera_up = false, actuator_up = false;
  std::string model_version;
  std::int64_t deadline_ns = 0;
  Counts today;  // since the local midnight of the hub's machine
  WallTime today_from{};
  // Of the last minute that the gateway reported; share 0..1. A gateway may claim any number: these don't overflow.
  double items_per_minute = 0, reject_share = 0, late = 0, not_ejected = 0;
};

struct GatewayState {
  std::string gateway;
  bool online = false;
  WallTime last_seen{};
  WallTime newest_urgent{}, newest_bulk{};  // the newest record's own time in each lane: how far delivery is behind
  std::optional<std::array<GatewayReport::Waiting, 2>> waiting;  // as it last said, by lane
  bool has_tags = false;                                         // it sends readings of tags
};

// What changed for one tenant since somebody last asked.
struct BoardChanges {
  std::vector<StationState> stations;
  std::vector<GatewayState> gateways;
  std::vector<AssetRow> assets;    // newest summaries, without features and spectra
  std::vector<RejectRow> rejects;  // newest last, at most 24 for a station and 1000 in all; the rest is in the database
  std::vector<EventRow> events;    // newest last, at most 50
};

// Thread-safe. Bounded: rejects and events kept between two takes have the limits above, older ones are left out; a
// tenant has at most 20,000 stations and as many machines here.
class Board final : public ChangeListener {
 public:
  // Reads the state of every tenant. Call before anything is stored. Errors: database.
  static Result<std::unique_ptr<Board>> load(Queries& queries, Clock& clock);

  void on_records(const std::string& tenant, const std::string& gateway, Lane lane,
                  std::span<const Record> records) override;
  void on_gateway_state(const std::string& tenant, const std::string& gateway, const GatewayReport& report) override;

  std::vector<StationState> stations(const std::string& tenant) const;
  std::vector<GatewayState> gateways(const std::string& tenant) const;
  std::vector<AssetRow> assets(const std::string& tenant) const;  // without features and spectra
  // What changed since the last call, by tenant; the rest of the board stays.
  std::map<std::string, BoardChanges> take_changes();

 private:
  struct Recent {
    WallTime from{}, to{};
    std::uint64_t items = 0, rejected = 0, late = 0, not_ejected = 0;
  };
  struct Station {
    StationState state;
    std::deque<Recent> recent;  // a minute of summaries, at most 600
  };
  struct Machine {
    AssetRow row;
    std::optional<Severity> anomaly;  // of its newest event
    std::deque<nanoseconds> lengths;  // of its newest summaries, at most 4
  };
  struct Tenant {
    std::map<StationId, Station> stations;
    std::map<std::string, GatewayState> gateways;
    std::map<AssetId, Machine> assets;
    std::set<StationId> changed_stations;
    std::set<AssetId> changed_assets;
    std::set<std::string> changed_gateways;
    std::deque<RejectRow> rejects;
    std::deque<EventRow> events;
  };
  explicit Board(Clock& clock);
  Result<void> load_tenant(Queries& queries, const std::string& tenant);
  void apply(Tenant& tenant, const std::string& gateway, Lane lane, const RecordBody& body);
  void apply_summary(Tenant& tenant, const std::string& gateway, const StationSummary& summary);
  static void apply_asset(Tenant& tenant, const AssetId& id, AssetSummary summary);
  static void apply_event(Tenant& tenant, const std::string& gateway, const EventRecord& event);
  static void show_newest(Station& station, const StationSummary& summary);
  void note_rejects(Tenant& tenant, const std::string& gateway, const VerdictRecord& verdict);

  Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Tenant> tenants_;
};

// The local midnight before `now` on this machine.
WallTime day_start(WallTime now);

}  // namespace lineside::hub
