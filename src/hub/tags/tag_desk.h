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

namespace lineside::hub {

struct TagNow {
  std::string tag, unit;
  double bound = 0;  // how far the value may be from what the gateway read; 0: not at all
  std::optional<TagPoint> newest;
  std::vector<TagPoint> trend;        // the last ones, in the order they came; at most TagDesk::kTrend
  std::optional<TagSummary> summary;  // of a tag that only sends summaries: its newest
};

struct TagList {
  std::vector<TagNow> tags;           // by name; at most TagDesk::kTagsMax
  std::vector<std::string> troubles;  // what can't be shown, and why
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

class TagBudget;  // what is left of the work and time of one question

// Thread-safe; each caller brings its own Queries. Errors of all: database. Bytes come from gateways: whatever is in
// them, one question takes no more than so much work and time, and only so many streams are kept in memory. A question
// waits for another one only where both are about the same stream.
class TagDesk {
 public:
  static constexpr std::size_t kTrend = 60, kTagsMax = 5000;
  // Streams that are kept decoded: of one tenant, and of all. Further ones are decoded from the beginning of their
  // generation for each question. About 1 MB each.
  static constexpr std::size_t kTenantStreamsMax = 128, kStreamsMax = 256;
  // What one question may take: bytes read, readings and letters decoded, and a constant for each block and plan.
  static constexpr std::uint64_t kWorkMax = 8'000'000;
  static constexpr std::chrono::seconds kTimeMax{3};

  explicit TagDesk(Clock& clock = system_clock(), std::uint64_t work_max = kWorkMax);
  ~TagDesk();
  TagDesk(const TagDesk&) = delete;
  TagDesk& operator=(const TagDesk&) = delete;

  // Empty for an unknown gateway.
  Result<TagList> newest(Queries& queries, const std::string& tenant, const std::string& gateway);
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
    std::uint64_t used = 0;  // by which question
  };
  using Streams = std::map<Name, Kept>;  // of a tenant

  std::shared_ptr<Stream> stream_of(const std::string& tenant, const Name& name, std::uint64_t question);
  bool make_room(Streams& of, std::uint64_t question);
  Result<void> advance(Queries& queries, const std::string& tenant, const Name& name, Stream& stream,
                       TagBudget& budget);
  Result<void> add_summarized(Queries& queries, const std::string& tenant, const std::string& gateway,
                              const TagBudget& budget, TagList& list);

  Clock& clock_;
  const std::uint64_t work_max_;
  mutable std::mutex mutex_;  // of the maps; each stream has its own
  std::map<std::string, Streams> tenants_;
  std::size_t kept_ = 0;
  std::uint64_t questions_ = 0;
};

}  // namespace lineside::hub
