#pragma once
// Which assets each gateway has, so that one that makes up names does not fill the hub's pages.
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/sqlite.h"
#include "wire/batch.h"

namespace lineside::hub {

// Owner thread only, inside the caller's transaction. Reads a gateway's assets once, by as many look-ups.
class KnownAssets {
 public:
  struct Fitting {
    std::shared_ptr<const wire::Batch> batch;  // null: all may be stored as they are
    std::uint64_t refused = 0;                 // summaries, that are loss records ("hub.assets_max") in it
  };
  // Of what connects to `watermark`, the rest is not stored: the batch without summaries of assets above kAssetsMax of
  // its gateway. Errors: database.
  Result<Fitting> without_too_many(Database& database, const wire::Batch& batch, std::uint64_t watermark);
  void forget();  // what was stored is rolled back or deleted

 private:
  using Gateway = std::pair<std::string, std::string>;  // tenant, id
  Result<std::set<std::string>*> assets_of(Database& database, const Gateway& gateway);
  std::map<Gateway, std::set<std::string>> known_;
};

}  // namespace lineside::hub
