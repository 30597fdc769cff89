#pragma once
// Which tags a gateway sends, and in which stream: names alone, so that a list of any length can be turned page by page
// and only the streams of one page are decoded.
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hub/store/queries.h"
#include "hub/tags/tag_budget.h"

namespace lineside::hub {

// Whether a name has the text in it, whatever the case of ASCII letters.
bool tag_contains(std::string_view name, std::string_view text);

// As people count: "t2" before "t10", "a" beside "A".
bool tag_before(std::string_view a, std::string_view b);

struct TagPlace {
  static constexpr std::uint32_t kNone = UINT32_MAX;
  std::string tag;
  std::uint32_t stream = kNone;  // of TagNames::streams: the one that was begun last of those with this tag
  bool summarized = false;       // there are summaries of it
};

struct TagNames {
  std::vector<std::string> streams;
  std::vector<TagPlace> places;       // by tag_before, each name once
  std::vector<std::string> troubles;  // streams whose tags can't be known, and why
  bool complete = true;  // false: not all could be looked at in the time of a question, or there are too many
};

// Thread-safe. Keeps the names of gateways that are asked for, at most about kBytesMax: the tenant with the most
// forgets the gateway that was not asked for the longest. Errors: database.
class TagIndex {
 public:
  static constexpr std::size_t kNamesMax = 200'000;  // of one gateway
  static constexpr std::size_t kBytesMax = 64u << 20;

  // Empty for an unknown gateway.
  Result<std::shared_ptr<const TagNames>> names(Queries& queries, const std::string& tenant, const std::string& gateway,
                                                TagBudget& budget);

 private:
  struct Stream {
    std::optional<std::uint64_t> generation;
    std::vector<std::string> tags;
    std::string trouble;
  };
  struct Gateway {
    std::mutex mutex;  // of the names
    std::map<std::string, Stream> streams;
    std::vector<std::string> summarized;
    std::shared_ptr<const TagNames> names = std::make_shared<TagNames>();
    bool all = true;         // could be looked at in the question before
    std::size_t bytes = 0;   // of the index's own mutex
    std::uint64_t used = 0;  // too: by which question
  };
  using Gateways = std::map<std::string, std::shared_ptr<Gateway>>;

  struct Looked {
    bool all = true, changed = false;
  };
  static Result<Looked> look(Queries& queries, const std::string& tenant, const std::string& gateway, Gateway& known,
                             TagBudget& budget);
  static std::shared_ptr<const TagNames> put_together(const Gateway& known, bool all);
  void keep(const std::string& tenant, const std::string& gateway, const std::shared_ptr<Gateway>& used);

  std::mutex mutex_;  // of the maps
  std::map<std::string, Gateways> tenants_;
  std::size_t bytes_ = 0;
  std::uint64_t questions_ = 0;
};

}  // namespace lineside::hub
