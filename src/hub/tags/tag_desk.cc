#include "hub/tags/tag_desk.h"

#include <algorithm>
#include <format>

#include "telemetry/tag_stream.h"
#include "wire/batch.h"

namespace lineside::hub {
namespace {

using telemetry::GroupRows;
using telemetry::Reading;
using telemetry::StreamDecoder;

constexpr int kBlocksAtOnce = 64;
constexpr std::chrono::hours kBlockLengthMax{1};

// Whatever a gateway claims, it is a time.
WallTime time_of(std::int64_t ms, nanoseconds moved) {
  constexpr std::int64_t kMax = 9'200'000'000'000;
  const std::int64_t move = std::chrono::floor<std::chrono::milliseconds>(moved).count();
  return WallTime{std::chrono::milliseconds{std::clamp(std::clamp(ms, -kMax, kMax) + move, std::int64_t{0}, kMax)}};
}

TagPoint point_of(const Reading& reading, std::int64_t ms, nanoseconds moved) {
  TagPoint point{.time = time_of(ms, moved)};
  if (reading.state == Reading::State::bad) {
    point.quality = Quality::bad;
    point.count = 0;
    return point;
  }
  point.value = point.min = point.max = reading.value;
  point.quality = reading.state == Reading::State::good ? Quality::good : Quality::uncertain;
  return point;
}

// Reads one generation from where it stands, in order.
class GenerationReader {
 public:
  static Result<GenerationReader> begin(std::span<const std::uint8_t> plan) {
    LINESIDE_ASSIGN(StreamDecoder decoder, StreamDecoder::begin(plan));
    return GenerationReader(std::move(decoder));
  }
  const telemetry::StreamTags& tags() const { return decoder_.tags(); }
  std::uint32_t next() const { return next_; }
  const std::string& fault() const { return fault_; }  // why nothing more of this generation can be read

  // The block's rows; nothing if it was there already or can't be read.
  std::optional<std::vector<GroupRows>> read(const TagBlockRow& block) {
    if (!fault_.empty() || block.index < next_) return std::nullopt;
    if (block.index > next_) {
      fault_ = "a block before it was lost on its way";
      return std::nullopt;
    }
    auto rows = decoder_.decode(block.content, block.check);
    if (!rows) {
      fault_ = rows.error().message;
      return std::nullopt;
    }
    ++next_;
    return std::move(*rows);
  }

 private:
  explicit GenerationReader(StreamDecoder decoder) : decoder_(std::move(decoder)) {}
  StreamDecoder decoder_;
  std::uint32_t next_ = 0;
  std::string fault_;
};

// Several readings as one point, by equal steps of time.
std::vector<TagPoint> reduce(const std::vector<TagPoint>& points, std::size_t most) {
  const nanoseconds whole = points.back().time - points.front().time;
  const nanoseconds step = whole / static_cast<std::int64_t>(most) + nanoseconds{1};
  std::vector<TagPoint> reduced;
  std::int64_t place = -1;
  for (const TagPoint& point : points) {
    const std::int64_t at = (point.time - points.front().time) / step;
    if (at != place || reduced.empty()) {
      reduced.push_back(point);
      place = at;
      continue;
    }
    TagPoint& sum = reduced.back();
    sum.quality = std::max(sum.quality, point.quality);
    if (point.count == 0) continue;
    if (sum.count == 0) sum.min = point.min, sum.max = point.max;
    sum.value += (point.value - sum.value) / static_cast<double>(++sum.count);
    sum.min = std::min(sum.min, point.min);
    sum.max = std::max(sum.max, point.max);
  }
  return reduced;
}

struct Place {
  std::size_t group = 0, tag = 0;
};

bool find_place(const telemetry::StreamTags& tags, const std::string& name, Place& place) {
  for (std::size_t g = 0; g < tags.size(); ++g)
    for (std::size_t t = 0; t < tags[g].size(); ++t)
      if (tags[g][t].name == name) return place = {g, t}, true;
  return false;
}

// One tag's readings of a period out of one generation.
class HistoryReader {
 public:
  HistoryReader(TagHistory& history, const std::string& tag, WallTime from, WallTime to)
      : history_(history), tag_(tag), from_(from), to_(to) {}

  Result<bool> read(Queries& queries, const std::string& tenant, const std::string& gateway,
                    const TagGeneration& generation, std::uint64_t& budget) {
    auto reader = GenerationReader::begin(generation.plan);
    Place place;
    if (reader && !find_place(reader->tags(), tag_, place)) return false;
    if (reader) {
      const auto& tag = reader->tags()[place.group][place.tag];
      history_.unit = wire::clean_text(tag.unit);
      history_.bound = std::max(history_.bound, tag.bound);
    }
    const std::string fault = generation.plan.empty() ? "the first block of its generation was lost on its way"
                              : reader                ? ""
                                                      : reader.error().message;
    std::uint32_t first = 0;
    for (bool more = true; more && history_.complete;) {
      LINESIDE_ASSIGN(const auto blocks, queries.tag_blocks(tenant, gateway, generation.stream, generation.generation,
                                                            first, kBlocksAtOnce));
      more = blocks.size() == kBlocksAtOnce;
      for (const TagBlockRow& block : blocks) {
        first = block.index + 1;
        if (block.from > to_) continue;
        if (block.samples > budget) return history_.complete = false, true;
        budget -= block.samples;
        const auto rows = reader ? reader->read(block) : std::nullopt;
        if (rows)
          take((*rows)[place.group], place.tag, block.moved);
        else if (!reader || !reader->fault().empty())
          miss(block, reader ? reader->fault() : fault);
      }
    }
    return reader.has_value();
  }

 private:
  void take(const GroupRows& rows, std::size_t tag, nanoseconds moved) {
    for (std::size_t row = 0; row < rows.times.size(); ++row) {
      const Reading& reading = rows.readings[tag][row];
      if (reading.state == Reading::State::none) continue;
      const TagPoint point = point_of(reading, rows.times[row], moved);
      if (point.time >= from_ && point.time <= to_) history_.points.push_back(point);
    }
  }
  void miss(const TagBlockRow& block, const std::string& why) {
    if (block.to < from_) return;
    auto& gaps = history_.gaps;
    if (!gaps.empty() && gaps.back().why == why && block.from >= gaps.back().from)
      gaps.back().to = std::max(gaps.back().to, block.to);
    else
      gaps.push_back({block.from, block.to, why});
  }

  TagHistory& history_;
  const std::string& tag_;
  const WallTime from_, to_;
};

}  // namespace

struct TagDesk::Stream {
  std::uint64_t generation = 0, used = 0;
  std::optional<GenerationReader> reader;
  std::string trouble;
  std::map<std::string, TagNow> tags;

  void take(const std::vector<GroupRows>& groups, nanoseconds moved) {
    for (std::size_t g = 0; g < groups.size(); ++g)
      for (std::size_t t = 0; t < groups[g].readings.size(); ++t) {
        TagNow& now = tags[reader->tags()[g][t].name];
        for (std::size_t row = 0; row < groups[g].times.size(); ++row) {
          const Reading& reading = groups[g].readings[t][row];
          if (reading.state == Reading::State::none) continue;
          const TagPoint point = point_of(reading, groups[g].times[row], moved);
          if (!now.newest || point.time >= now.newest->time) now.newest = point;
          now.trend.push_back(point);
        }
        if (now.trend.size() > kTrend)
          now.trend.erase(now.trend.begin(), now.trend.end() - static_cast<std::ptrdiff_t>(kTrend));
      }
  }
  void begin(const TagGeneration& newest) {
    generation = newest.generation;
    trouble.clear();
    auto begun = GenerationReader::begin(newest.plan);
    if (!begun) {
      reader.reset();
      trouble = begun.error().message;
      return;
    }
    reader.emplace(std::move(*begun));
    std::map<std::string, TagNow> kept;
    for (const auto& group : reader->tags())
      for (const auto& tag : group) {
        TagNow& now = kept[tag.name] = std::move(tags[tag.name]);
        now.tag = wire::clean_text(tag.name);
        now.unit = wire::clean_text(tag.unit);
        now.bound = tag.bound;
      }
    tags = std::move(kept);
  }
};

TagDesk::TagDesk() = default;
TagDesk::~TagDesk() = default;

TagDesk::Stream& TagDesk::stream_of(const Key& key) {
  auto& stream = streams_[key];
  if (!stream) stream = std::make_unique<Stream>();
  stream->used = ++clock_;
  if (streams_.size() > kStreamsMax) {
    const auto oldest = std::ranges::min_element(streams_, {}, [](const auto& entry) { return entry.second->used; });
    streams_.erase(oldest);
  }
  return *streams_[key];
}

Result<void> TagDesk::advance(Queries& queries, const Key& key, Stream& stream, std::uint64_t& budget) {
  LINESIDE_ASSIGN(const auto newest, queries.newest_generation(key.tenant, key.gateway, key.stream));
  if (!newest) {
    stream.trouble = "the first block of its generation was lost on its way";
    return {};
  }
  if (stream.generation != newest->generation || (!stream.reader && stream.trouble.empty())) stream.begin(*newest);
  while (stream.reader && stream.trouble.empty()) {
    LINESIDE_ASSIGN(const auto blocks, queries.tag_blocks(key.tenant, key.gateway, key.stream, stream.generation,
                                                          stream.reader->next(), kBlocksAtOnce));
    for (const TagBlockRow& block : blocks) {
      if (block.samples > budget) return budget = 0, Result<void>();
      budget -= block.samples;
      if (const auto rows = stream.reader->read(block)) stream.take(*rows, block.moved);
      if (stream.trouble.empty() && !stream.reader->fault().empty())
        stream.trouble = std::format("what came after {} can't be shown until its next generation: {}",
                                     to_rfc3339(block.from), stream.reader->fault());
    }
    if (blocks.size() < kBlocksAtOnce) break;
  }
  return {};
}

Result<TagList> TagDesk::newest(Queries& queries, const std::string& tenant, const std::string& gateway) {
  LINESIDE_ASSIGN(const auto names, queries.tag_streams(tenant, gateway));
  TagList list;
  std::uint64_t budget = kSamplesMax;
  {
    const std::lock_guard lock(mutex_);
    for (const std::string& name : names) {
      const Key key{tenant, gateway, name};
      Stream& stream = stream_of(key);
      LINESIDE_TRY(advance(queries, key, stream, budget));
      for (const auto& [tag, now] : stream.tags) list.tags.push_back(now);
      if (!stream.trouble.empty()) list.troubles.push_back(std::format("{}: {}", name, stream.trouble));
    }
  }
  list.complete = budget > 0;
  LINESIDE_ASSIGN(const auto summarized, queries.summarized_tags(tenant, gateway));
  for (const std::string& tag : summarized) {
    LINESIDE_ASSIGN(auto newest, queries.tag_summaries(tenant, gateway, tag, WallTime{}, WallTime::max(), 1));
    if (newest.empty()) continue;
    TagNow now{.tag = tag, .unit = newest.front().unit, .newest = std::nullopt, .trend = {}, .summary = {}};
    now.summary = std::move(newest.front());
    list.tags.push_back(std::move(now));
  }
  std::ranges::sort(list.tags, {}, &TagNow::tag);
  return list;
}

Result<std::optional<TagHistory>> TagDesk::history(Queries& queries, const std::string& tenant,
                                                   const std::string& gateway, const std::string& tag, WallTime from,
                                                   WallTime to, std::size_t points_max) {
  TagHistory history;
  HistoryReader reader(history, tag, from, to);
  std::uint64_t budget = kSamplesMax;
  bool known = false;
  LINESIDE_ASSIGN(const auto streams, queries.tag_streams(tenant, gateway));
  for (const std::string& stream : streams) {
    LINESIDE_ASSIGN(const auto generations,
                    queries.generations_between(tenant, gateway, stream, from, to + kBlockLengthMax));
    for (const TagGeneration& generation : generations) {
      LINESIDE_ASSIGN(const bool has, reader.read(queries, tenant, gateway, generation, budget));
      known = known || has;
    }
  }
  constexpr int kSummariesMax = 2000;
  LINESIDE_ASSIGN(history.summaries, queries.tag_summaries(tenant, gateway, tag, from, to, kSummariesMax));
  std::ranges::reverse(history.summaries);
  if (!history.summaries.empty() && !known) history.unit = history.summaries.back().unit;
  if (!known && history.summaries.empty()) return std::optional<TagHistory>();
  std::ranges::stable_sort(history.points, {}, &TagPoint::time);
  history.reduced = history.points.size() > points_max;
  if (history.reduced) history.points = reduce(history.points, points_max);
  return history;
}

}  // namespace lineside::hub
