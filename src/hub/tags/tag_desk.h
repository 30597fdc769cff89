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
#include "model/sample.h"

namespace lineside::hub {

struct TagPoint {
  WallTime time{};
  double value = 0, min = 0, max = 0;  // several readings in one: their mean and range; of bad ones nothing
  std::uint64_t count = 1;             // readings in it, bad ones left out
  Quality quality = Quality::good;     // the worst in it
};

struct TagNow {
  std::string tag, unit;
  double bound = 0;  // how far the value may be from what the gateway read; 0: not at all
  std::optional<TagPoint> newest;
  std::vector<TagPoint> trend;        // the last ones, in the order they came; at most TagDesk::kTrend
  std::optional<TagSummary> summary;  // of a tag that only sends summaries: its newest
};

struct TagList {
  std::vector<TagNow> tags;           // by name
  std::vector<std::string> troubles;  // what can't be shown, and why
  bool complete = true;               // false: so much had to be decoded that the rest waits for the next question
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
  bool complete = true;               // false: the period is too long to be decoded at once; its end is missing
};

// Thread-safe; each caller brings its own Queries. Errors of all: database. Bytes come from gateways: whatever is in
// them, only so much is decoded for one question, and only so many streams are kept in memory.
class TagDesk {
 public:
  static constexpr std::size_t kTrend = 60, kStreamsMax = 128;
  static constexpr std::uint64_t kSamplesMax = 4'000'000;  // decoded for one question

  TagDesk();
  ~TagDesk();
  TagDesk(const TagDesk&) = delete;
  TagDesk& operator=(const TagDesk&) = delete;

  // Empty for an unknown gateway.
  Result<TagList> newest(Queries& queries, const std::string& tenant, const std::string& gateway);
  // Nothing if the gateway never sent such a tag in the period.
  Result<std::optional<TagHistory>> history(Queries& queries, const std::string& tenant, const std::string& gateway,
                                            const std::string& tag, WallTime from, WallTime to, std::size_t points_max);

 private:
  struct Stream;
  struct Key {
    std::string tenant, gateway, stream;
    auto operator<=>(const Key&) const = default;
  };
  Result<void> advance(Queries& queries, const Key& key, Stream& stream, std::uint64_t& budget);
  Stream& stream_of(const Key& key);

  std::mutex mutex_;
  std::map<Key, std::unique_ptr<Stream>> streams_;
  std::uint64_t clock_ = 0;  // of uses
};

}  // namespace lineside::hub
