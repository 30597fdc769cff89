#include "hub/store/known_names.h"

#include <array>
#include <optional>
#include <variant>

#include "hub/store/tag_sql.h"
#include "model/tag_limits.h"

namespace lineside::hub {
namespace {

// One step of a walk over the index: as many look-ups as there are assets.
constexpr std::string_view kNextAsset = R"(
SELECT asset FROM asset_summary INDEXED BY asset_summary_by_time
WHERE tenant = ?1 AND gateway = ?2 AND asset > ?3 ORDER BY asset LIMIT 1)";

constexpr std::string_view kNextStation = R"(
SELECT station FROM station_summary INDEXED BY station_summary_by_time
WHERE tenant = ?1 AND gateway = ?2 AND station > ?3 ORDER BY station LIMIT 1)";

const std::string& name_of(const RecordBody& body) {
  if (const auto* station = std::get_if<StationSummary>(&body)) return station->station;
  if (const auto* asset = std::get_if<AssetSummary>(&body)) return asset->asset;
  if (const auto* block = std::get_if<TagBlock>(&body)) return block->stream;
  return std::get<TagSummary>(body).tag;
}

WallTime end_of(const RecordBody& body) {
  if (const auto* station = std::get_if<StationSummary>(&body)) return station->to;
  if (const auto* asset = std::get_if<AssetSummary>(&body)) return asset->to;
  if (const auto* block = std::get_if<TagBlock>(&body)) return block->to;
  return std::get<TagSummary>(body).to;
}

struct Kind {
  std::string_view next;   // the name after ?3
  std::size_t most = 0;    // of one gateway
  std::string_view cause;  // of the loss
};
constexpr std::size_t kStations = 0, kAssets = 1;
constexpr std::array<Kind, 4> kKinds{
    Kind{kNextStation, kStationsMax, "hub.stations_max"},
    Kind{kNextAsset, kAssetsMax, "hub.assets_max"},
    Kind{tag_sql::kNextStream, kTagStreamsMax, "hub.tags_max"},
    Kind{tag_sql::kNextSummarized, kSummaryTagsMax, "hub.tags_max"},
};

std::optional<std::size_t> kind_of(const RecordBody& body) {
  if (std::holds_alternative<StationSummary>(body)) return kStations;
  if (std::holds_alternative<AssetSummary>(body)) return kAssets;
  if (std::holds_alternative<TagBlock>(body)) return 2;
  if (std::holds_alternative<TagSummary>(body)) return 3;
  return std::nullopt;
}

}  // namespace

Result<std::set<std::string>*> KnownNames::names_of(Database& database, const Key& key) {
  if (const auto found = known_.find(key); found != known_.end()) return &found->second;
  const Kind& kind = kKinds[key.kind];
  std::set<std::string> names;
  LINESIDE_ASSIGN(Statement next, database.prepare(kind.next));
  std::string last;
  while (names.size() < kind.most) {
    next.bind(1, std::string_view(key.tenant)).bind(2, std::string_view(key.gateway));
    LINESIDE_ASSIGN(const bool row, next.bind(3, std::string_view(last)).step());
    if (!row) break;
    last = next.text(0);
    names.insert(last);
    next.reset();
  }
  return &(known_[key] = std::move(names));
}

Result<KnownNames::Fitting> KnownNames::without_too_many(Database& database, const wire::Batch& batch,
                                                         std::uint64_t watermark) {
  Fitting fitting;
  if (batch.first_sequence > watermark + 1) return fitting;
  std::shared_ptr<wire::Batch> changed;
  for (std::size_t i = 0; i < batch.records.size(); ++i) {
    const RecordBody& body = batch.records[i].body;
    const auto kind = kind_of(body);
    const std::uint64_t sequence = batch.records[i].sequence;
    if (!kind || sequence <= watermark) continue;
    LINESIDE_ASSIGN(std::set<std::string> * names, names_of(database, {batch.tenant, batch.gateway, *kind}));
    const std::string& name = name_of(body);
    if (names->contains(name)) continue;
    if (names->size() < kKinds[*kind].most) {
      names->insert(name);
      continue;
    }
    if (!changed) changed = std::make_shared<wire::Batch>(batch);
    ++(*kind == kStations ? fitting.stations_refused
       : *kind == kAssets ? fitting.assets_refused
                          : fitting.tags_refused);
    changed->records[i].body =
        LossRecord{batch.lane, sequence, sequence, std::string(kKinds[*kind].cause), end_of(body)};
  }
  fitting.batch = std::move(changed);
  return fitting;
}

void KnownNames::forget() { known_.clear(); }

void KnownNames::forget_full() {
  std::erase_if(known_, [](const auto& entry) { return entry.second.size() >= kKinds[entry.first.kind].most; });
}

}  // namespace lineside::hub
