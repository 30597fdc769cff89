#pragma once
// Readings of tags, decoded for those who ask. The store keeps blocks as they came; nothing is decoded before somebody
// wants to see it, so that a gateway's telemetry costs the hub no more than its bytes, whatever is in them.
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "hub/store/queries.h"
#include "hub/tags/point_series.h"
#include "hub/tags/tag_index.h"

namespace lineside::hub {

struct TagNow {
  std::string tag, unit;
  double bound = 0;  // how far the value may be from what the gateway read; 0: not at all
  std::optional<TagPoint> newest;
  std::vector<TagPoint> trend;        // the last ones, in the order they came; at most TagDesk::kTrend
  std::optional<TagSummary> summary;  // of a tag that only sends summaries: its newest
};

// Which of a gateway's tags.
struct TagPage {
  std::string find;         // in their names, whatever the case of ASCII letters; empty: all
  std::string after;        // behind this name in order; empty: from the first on
  std::size_t limit = 500;  // at most TagDesk::kPageMax
};

struct TagList {
  std::vector<TagNow> tags;           // as people count (tag_before)
  std::vector<std::string> troubles;  // what can't be shown, and why
  std::size_t found = 0;              // how many tags there are, of all pages
  bool more = false;                  // there are some behind the last one
  bool complete = true;  // false: so much had to be decoded that the rest waits for the next question, or is too much
};

// What is missing, and why.
struct TagGap {
  WallTime from{}, to{};
  std::string why;
};

struct TagHistory {
  std::string unit;
  double bound = 0;
  std::vector<TagPoint> points;
  std::vector<TagGap> gaps;
  std::vector<TagSummary> summaries;  // instead of points, oldest first
  bool reduced = false;               // a point stands for several readings
  bool complete = true;               // false: there is too much in the period for one question; some of it is missing
};

// Thread-safe; each caller brings its own Queries. Errors of all: database. Bytes come from gateways: whatever is in
// them, one question takes no more than so much work and time, and only so many streams are kept in memory. A question
// waits for another one only where both are about the same stream.
class TagDesk {
 public:
  static constexpr std::size_t kTrend = 60, kPageMax = 2000;
  // Streams that are kept decoded: of one tenant, and of all; each counts as kStreamCost and its tags. Further ones are
  // decoded from the beginning of their generation for each question.
  static constexpr std::size_t kStreamCost = 16, kTenantCostMax = 10'240, kCostMax = 20'480;
  // What one question may take: bytes read, readings and letters decoded, and a constant for each block and plan.
  static constexpr std::uint64_t kWorkMax = 8'000'000;

  explicit TagDesk(Clock& clock = system_clock(), std::uint64_t work_max = kWorkMax);
  ~TagDesk();
  TagDesk(const TagDesk&) = delete;
  TagDesk& operator=(const TagDesk&) = delete;

  // Empty for an unknown gateway.
  Result<TagList> newest(Queries& queries, const std::string& tenant, const std::string& gateway,
                         const TagPage& page = {});
  // Nothing if the gateway never sent such a tag in the period. `points_max`: at least 4.
  Result<std::optional<TagHistory>> history(Queries& queries, const std::string& tenant, const std::string& gateway,
                                            const std::string& tag, WallTime from, WallTime to, std::size_t points_max);
  std::size_t streams(const std::string& tenant) const;  // that are kept

 private:
  struct Stream;
  struct Name {
    std::string gateway, stream;
    auto operator<=>(const Name&) const = default;
  };
  struct Kept {
    std::shared_ptr<Stream> stream;
    std::size_t cost = kStreamCost;
    std::uint64_t used = 0;  // by which question
  };
  struct Streams {  // of a tenant
    std::map<Name, Kept> kept;
    std::size_t cost = 0;
  };

  std::shared_ptr<Stream> stream_of(const std::string& tenant, const Name& name, std::uint64_t question);
  void keep(const std::string& tenant, const Name& name, const std::shared_ptr<Stream>& stream, std::uint64_t question);
  bool make_room(Streams& of, std::uint64_t question);
  Result<void> advance(Queries& queries, const std::string& tenant, const Name& name, Stream& stream,
                       TagBudget& budget);
  Result<void> read_streams(Queries& queries, const std::string& tenant, const std::string& gateway,
                            const std::map<std::string, std::vector<std::size_t>>& wanted, TagBudget& budget,
                            TagList& list);
  static Result<void> read_summary(Queries& queries, const std::string& tenant, const std::string& gateway,
                                   TagNow& now);

  Clock& clock_;
  const std::uint64_t work_max_;
  mutable std::mutex mutex_;  // of the maps; each stream has its own
  std::map<std::string, Streams> tenants_;
  std::size_t cost_ = 0;
  std::uint64_t questions_ = 0;
  TagIndex index_;
};

}  // namespace lineside::hub
