#pragma once
// Which assets each gateway has, so that one that makes up names does not fill the hub's pages.
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
  // The batch with loss records ("hub.assets_max") for summaries of assets above kAssetsMax of its gateway; null: all
  // may be stored as they are. Errors: database.
  Result<std::shared_ptr<const wire::Batch>> without_too_many(Database& database, const wire::Batch& batch);
  void forget();  // what was stored is rolled back or deleted

 private:
  using Gateway = std::pair<std::string, std::string>;  // tenant, id
  Result<std::set<std::string>*> assets_of(Database& database, const Gateway& gateway);
  std::map<Gateway, std::set<std::string>> known_;
};

}  // namespace lineside::hub
