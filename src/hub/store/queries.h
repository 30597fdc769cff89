#pragma once
// The hub's store, read side. Every question carries the tenant that asks: there is no way to read across tenants (law
// 9).
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "hub/store/alarm_rows.h"
#include "hub/store/asset_rows.h"
#include "hub/store/tag_rows.h"
#include "model/record.h"

namespace lineside::hub {

struct LaneRow {
  Lane lane = Lane::urgent;
  std::uint64_t watermark = 0;  // the last sequence stored
};

struct GatewayRow {
  std::string gateway;
  bool online = false;
  WallTime first_seen{}, last_seen{};
  std::string version;
  std::uint64_t wire_bytes = 0, raw_bytes = 0, batches = 0, records = 0;  // since the gateway is known
  std::uint64_t lost = 0;  // records declared lost, sequence ranges summed
  std::vector<LaneRow> lanes;
};

// A place that the store knows of, and a gateway's station in it.
struct StationId {
  std::string gateway, station;
  auto operator<=>(const StationId&) const = default;
};

struct Counts {
  std::uint64_t items = 0, passed = 0, rejected = 0, fail_safe = 0, late = 0, actuation_failed = 0, raw_bytes = 0;
  void add(const StationSummary& summary);
};

struct SeriesPoint {
  WallTime from{};
  Counts counts;
};

struct LatencyBucket {
  std::int64_t upper_ns = 0;
  std::uint64_t count = 0;
};

struct PictureId {
  Lane lane = Lane::bulk;
  std::uint64_t epoch = 0, sequence = 0;
  std::string kind;  // "thumbnail" or "full"
};

struct RejectRow {
  StationId id;
  VerdictRecord verdict;
  std::optional<PictureId> picture;  // only what the site shares
};

struct LossRow {
  std::string gateway;
  LossRecord loss;
  bool exact = true;  // false: some of the sequences may never have been used
};

// Owner thread only, one read-only connection. Errors of all: database. An unknown tenant, gateway or station gives
// empty answers, never an error that tells whether it exists elsewhere.
class Queries {
 public:
  static Result<Queries> open(const std::filesystem::path& database);
  Queries(Queries&&) noexcept;
  Queries& operator=(Queries&&) noexcept;
  ~Queries();

  Result<std::vector<std::string>> tenants();
  Result<std::vector<GatewayRow>> gateways(const std::string& tenant);
  Result<std::vector<StationId>> stations(const std::string& tenant);
  // The newest `limit` summaries, newest first, without the latency buckets.
  Result<std::vector<StationSummary>> newest_summaries(const std::string& tenant, const StationId& id, int limit);
  // Sums over the summaries that end in (from, to].
  Result<Counts> totals(const std::string& tenant, const StationId& id, WallTime from, WallTime to);
  // As totals, for every `step` from `from` on; steps without summaries are left out.
  Result<std::vector<SeriesPoint>> series(const std::string& tenant, const StationId& id, WallTime from, WallTime to,
                                          std::chrono::seconds step);
  // Trigger to verdict, merged over the period, by ascending bound.
  Result<std::vector<LatencyBucket>> latency(const std::string& tenant, const StationId& id, WallTime from,
                                             WallTime to);
  // Newest first.
  Result<std::vector<RejectRow>> rejects(const std::string& tenant, const StationId& id, int limit);
  Result<std::vector<EventRow>> events(const std::string& tenant, const std::string& gateway, int limit);  // "": all
  Result<std::vector<LossRow>> losses(const std::string& tenant, const std::string& gateway, int limit);   // "": all
  // Machines that are watched; each with its newest summary, without spectra.
  Result<std::vector<AssetRow>> assets(const std::string& tenant);
  Result<std::optional<AssetRow>> asset(const std::string& tenant, const AssetId& id);  // with the newest spectra
  // By time; at most 2000 points: steps of `step` with the smallest, mean and largest score in each.
  Result<std::vector<AssetPoint>> asset_series(const std::string& tenant, const AssetId& id, WallTime from, WallTime to,
                                               std::chrono::seconds step);
  Result<std::vector<AssetEvent>> asset_events(const std::string& tenant, const AssetId& id,
                                               int limit);  // newest first

  // What is there at `now`, and what has returned to normal but nobody has acknowledged for kReturnedAlarmsShown.
  Result<AlarmList> alarms(const std::string& tenant, WallTime now, int limit);

  // Tags (hub/tags makes readings of the blocks). The first `most` streams and tags in order of their names.
  Result<std::vector<std::string>> tag_streams(const std::string& tenant, const std::string& gateway, std::size_t most);
  Result<std::vector<std::string>> summarized_tags(const std::string& tenant, const std::string& gateway,
                                                   std::size_t most);
  Result<bool> has_tags(const std::string& tenant, const std::string& gateway);
  // The one that was begun last.
  Result<std::optional<TagGeneration>> newest_generation(const std::string& tenant, const std::string& gateway,
                                                         const std::string& stream);
  // As tag_streams.
  Result<std::vector<TagStreamRow>> stream_generations(const std::string& tenant, const std::string& gateway,
                                                       std::size_t most);
  // The first `limit` of those with a block that ends in the period, and one of them.
  Result<std::vector<std::uint64_t>> generations_between(const std::string& tenant, const std::string& gateway,
                                                         const std::string& stream, WallTime from, WallTime to,
                                                         int limit);
  Result<TagGeneration> tag_generation(const std::string& tenant, const std::string& gateway, const std::string& stream,
                                       std::uint64_t generation);
  // The last block that has something of the period.
  Result<std::optional<std::uint32_t>> last_tag_block(const std::string& tenant, const std::string& gateway,
                                                      const TagGeneration& of, WallTime from, WallTime to);
  // Blocks `first` to `last` in order, at most `limit` of them.
  Result<std::vector<TagBlockRow>> tag_blocks(const std::string& tenant, const std::string& gateway,
                                              const TagGeneration& of, std::uint32_t first, std::uint32_t last,
                                              int limit);
  // Newest first, of those that end in (from, to].
  Result<std::vector<TagSummary>> tag_summaries(const std::string& tenant, const std::string& gateway,
                                                const std::string& tag, WallTime from, WallTime to, int limit);

  Result<std::optional<PictureId>> picture_of(const std::string& tenant, const StationId& id, std::uint64_t item);
  Result<std::optional<std::vector<std::uint8_t>>> picture(const std::string& tenant, const std::string& gateway,
                                                           const PictureId& id);

 private:
  struct State;
  explicit Queries(std::unique_ptr<State> state);
  Result<std::optional<AssetRow>> newest_of(const std::string& tenant, const AssetId& id);
  Result<std::vector<std::string>> names_by_walk(std::string_view sql, const std::string& tenant,
                                                 const std::string& gateway, std::size_t most);
  std::unique_ptr<State> state_;
};

}  // namespace lineside::hub
