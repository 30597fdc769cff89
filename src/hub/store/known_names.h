#pragma once
// Which stations, assets, streams of tags and summarised tags each gateway has, so that one that makes up names does
// not fill the hub's pages, its memory and the time of those who ask.
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/result.h"
#include "base/sqlite.h"
#include "wire/batch.h"

namespace lineside::hub {

inline constexpr std::size_t kStationsMax = 1000;  // of one gateway

// Owner thread only, inside the caller's transaction. Reads a gateway's names once, by as many look-ups.
class KnownNames {
 public:
  struct Fitting {
    std::shared_ptr<const wire::Batch> batch;  // null: all may be stored as they are
    // Whose names were too many: they are loss records in it, "hub.stations_max", "hub.assets_max" and "hub.tags_max".
    std::uint64_t stations_refused = 0, assets_refused = 0, tags_refused = 0;
  };
  // Of what connects to `watermark`, the rest is not stored: the batch without summaries and blocks of names above
  // kStationsMax, kAssetsMax, kTagStreamsMax or kSummaryTagsMax of its gateway. Errors: database.
  Result<Fitting> without_too_many(Database& database, const wire::Batch& batch, std::uint64_t watermark);
  void forget();       // what was stored is rolled back
  void forget_full();  // something was deleted: who has the most may have room again

 private:
  struct Key {
    std::string tenant, gateway;
    std::size_t kind = 0;
    auto operator<=>(const Key&) const = default;
  };
  Result<std::set<std::string>*> names_of(Database& database, const Key& key);

  std::map<Key, std::set<std::string>> known_;
};

}  // namespace lineside::hub
