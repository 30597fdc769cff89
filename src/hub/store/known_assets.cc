#include "hub/store/known_assets.h"

#include <variant>

namespace lineside::hub {
namespace {

// One step of a walk over the index: as many look-ups as there are assets.
constexpr std::string_view kNextAsset = R"(
SELECT asset FROM asset_summary INDEXED BY asset_summary_by_time
WHERE tenant = ?1 AND gateway = ?2 AND asset > ?3 ORDER BY asset LIMIT 1)";

}  // namespace

Result<std::set<std::string>*> KnownAssets::assets_of(Database& database, const Gateway& gateway) {
  if (const auto found = known_.find(gateway); found != known_.end()) return &found->second;
  std::set<std::string> assets;
  LINESIDE_ASSIGN(Statement next, database.prepare(kNextAsset));
  std::string last;
  while (assets.size() < kAssetsMax) {
    next.bind(1, std::string_view(gateway.first)).bind(2, std::string_view(gateway.second));
    LINESIDE_ASSIGN(const bool row, next.bind(3, std::string_view(last)).step());
    if (!row) break;
    last = next.text(0);
    assets.insert(last);
    next.reset();
  }
  return &(known_[gateway] = std::move(assets));
}

Result<KnownAssets::Fitting> KnownAssets::without_too_many(Database& database, const wire::Batch& batch,
                                                           std::uint64_t watermark) {
  if (batch.first_sequence > watermark + 1) return Fitting{};
  std::shared_ptr<wire::Batch> changed;
  std::uint64_t refused = 0;
  for (std::size_t i = 0; i < batch.records.size(); ++i) {
    const auto* summary = std::get_if<AssetSummary>(&batch.records[i].body);
    if (summary == nullptr || batch.records[i].sequence <= watermark) continue;
    LINESIDE_ASSIGN(std::set<std::string> * assets, assets_of(database, {batch.tenant, batch.gateway}));
    if (assets->contains(summary->asset)) continue;
    if (assets->size() < kAssetsMax) {
      assets->insert(summary->asset);
      continue;
    }
    if (!changed) changed = std::make_shared<wire::Batch>(batch);
    const std::uint64_t sequence = batch.records[i].sequence;
    ++refused;
    changed->records[i].body = LossRecord{batch.lane, sequence, sequence, "hub.assets_max", summary->to};
  }
  return Fitting{changed, refused};
}

void KnownAssets::forget() { known_.clear(); }

}  // namespace lineside::hub
