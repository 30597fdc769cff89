#pragma once
// Which assets, streams of tags and summarised tags each gateway has, so that one that makes up names does not fill the
// hub's pages, its memory and the time of those who ask.
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/result.h"
#include "base/sqlite.h"
#include "wire/batch.h"

namespace lineside::hub {

// Owner thread only, inside the caller's transaction. Reads a gateway's names once, by as many look-ups.
class KnownNames {
 public:
  struct Fitting {
    std::shared_ptr<const wire::Batch> batch;  // null: all may be stored as they are
    std::uint64_t assets_refused = 0;          // their summaries are loss records ("hub.assets_max") in it
    std::uint64_t tags_refused = 0;            // blocks and summaries, too ("hub.tags_max")
  };
  // Of what connects to `watermark`, the rest is not stored: the batch without records of names above kAssetsMax,
  // kTagStreamsMax or kSummaryTagsMax of its gateway. Errors: database.
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
