#include "hub/tags/tag_desk.h"

#include <algorithm>
#include <format>

#include "model/tag_limits.h"
#include "telemetry/tag_stream.h"
#include "wire/batch.h"

namespace lineside::hub {
namespace {

using telemetry::GroupRows;
using telemetry::Reading;
using telemetry::StreamDecoder;

constexpr int kBlocksAtOnce = 16;
constexpr int kGenerationsMax = 1000;  // of a stream in one question
constexpr std::size_t kGapsMax = 1000;
constexpr std::chrono::hours kBlockLengthMax{1};
constexpr std::uint64_t kBlockWork = 100, kPlanWork = 1000;

static_assert(kTagBlocksMax == telemetry::StreamEncoder::kGenerationBlocks);
static_assert(kTagSamplesMax == telemetry::kStreamTagsMax * telemetry::kStreamRowsMax);

std::uint64_t letters_in(const telemetry::StreamTags& groups) {
  std::uint64_t letters = 0;
  for (const auto& group : groups)
    for (const auto& tag : group) letters += tag.name.size() + tag.unit.size();
  return letters;
}

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
  // What decoding has taken since the last call.
  std::uint64_t take_work() { return decoder_.work() - std::exchange(told_, decoder_.work()); }

 private:
  explicit GenerationReader(StreamDecoder decoder) : decoder_(std::move(decoder)) {}
  StreamDecoder decoder_;
  std::uint32_t next_ = 0;
  std::uint64_t told_ = 0;
  std::string fault_;
};

struct Place {
  std::size_t group = 0, tag = 0;
};

bool find_place(const telemetry::StreamTags& tags, const std::string& name, Place& place) {
  for (std::size_t g = 0; g < tags.size(); ++g)
    for (std::size_t t = 0; t < tags[g].size(); ++t)
      if (wire::clean_text(tags[g][t].name) == name) return place = {g, t}, true;
  return false;
}

// One tag's readings of a period out of one generation after the other.
class HistoryReader {
 public:
  HistoryReader(Queries& queries, TagBudget& budget, TagHistory& history, PointSeries& points)
      : queries_(queries), budget_(budget), history_(history), points_(points) {}

  struct Wanted {
    const std::string &tenant, &gateway, &tag;
    WallTime from, to;
  };
  // Whether the stream has the tag in the period.
  Result<bool> read_stream(const Wanted& wanted, const std::string& stream) {
    LINESIDE_ASSIGN(auto generations, queries_.generations_between(wanted.tenant, wanted.gateway, stream, wanted.from,
                                                                   wanted.to + kBlockLengthMax, kGenerationsMax + 1));
    if (generations.size() > kGenerationsMax) {
      generations.resize(kGenerationsMax);
      history_.complete = false;
    }
    bool known = false;
    for (const std::uint64_t one : generations) {
      if (budget_.spent()) return history_.complete = false, known;
      LINESIDE_ASSIGN(const auto generation, queries_.tag_generation(wanted.tenant, wanted.gateway, stream, one));
      LINESIDE_ASSIGN(const bool has, read(wanted, generation));
      known = known || has;
    }
    return known;
  }

 private:
  Result<bool> read(const Wanted& wanted, const TagGeneration& generation) {
    budget_.charge(kPlanWork + generation.plan.size());
    Place place;
    // Most streams don't have the tag: that costs no decoder.
    if (const auto plan = telemetry::decode_stream_plan(generation.plan)) {
      budget_.charge(letters_in(plan->groups));
      if (!find_place(plan->groups, wanted.tag, place)) return false;
    }
    auto reader = GenerationReader::begin(generation.plan);
    if (reader) {
      const auto& tag = reader->tags()[place.group][place.tag];
      history_.unit = wire::clean_text(tag.unit);
      history_.bound = std::max(history_.bound, tag.bound);
    }
    const std::string fault = generation.plan.empty() ? "the first block of its generation was lost on its way"
                              : reader                ? ""
                                                      : reader.error().message;
    LINESIDE_ASSIGN(const auto last,
                    queries_.last_tag_block(wanted.tenant, wanted.gateway, generation, wanted.from, wanted.to));
    std::uint32_t first = 0;
    for (bool more = last.has_value(); more;) {
      LINESIDE_ASSIGN(const auto blocks,
                      queries_.tag_blocks(wanted.tenant, wanted.gateway, generation, first, *last, kBlocksAtOnce));
      more = blocks.size() == kBlocksAtOnce;
      for (const TagBlockRow& block : blocks) {
        first = block.index + 1;
        if (budget_.spent()) return history_.complete = false, reader.has_value();
        budget_.charge(kBlockWork + block.content.size());
        const auto rows = reader ? reader->read(block) : std::nullopt;
        if (reader) budget_.charge(reader->take_work());
        if (rows)
          take(wanted, (*rows)[place.group], place.tag, block.moved);
        else if (!reader || !reader->fault().empty())
          miss(wanted, block, reader ? reader->fault() : fault);
      }
    }
    return reader.has_value();
  }
  void take(const Wanted& wanted, const GroupRows& rows, std::size_t tag, nanoseconds moved) {
    for (std::size_t row = 0; row < rows.times.size(); ++row) {
      const Reading& reading = rows.readings[tag][row];
      if (reading.state == Reading::State::none) continue;
      const TagPoint point = point_of(reading, rows.times[row], moved);
      if (point.time >= wanted.from && point.time <= wanted.to) points_.add(point);
    }
  }
  void miss(const Wanted& wanted, const TagBlockRow& block, const std::string& why) {
    if (block.to < wanted.from || block.from > wanted.to) return;
    auto& gaps = history_.gaps;
    if (!gaps.empty() && gaps.back().why == why && block.from >= gaps.back().from)
      gaps.back().to = std::max(gaps.back().to, block.to);
    else if (gaps.size() < kGapsMax)
      gaps.push_back({block.from, block.to, why});
    else
      history_.complete = false;
  }

  Queries& queries_;
  TagBudget& budget_;
  TagHistory& history_;
  PointSeries& points_;
};

}  // namespace

struct TagDesk::Stream {
  std::mutex mutex;  // of all of it
  std::uint64_t generation = 0;
  std::optional<GenerationReader> reader;
  std::string trouble;
  std::vector<std::vector<std::string>> names;  // of the reader's tags, by groups, as they are shown
  std::map<std::string, TagNow> tags;

  void take(const std::vector<GroupRows>& groups, nanoseconds moved) {
    for (std::size_t g = 0; g < groups.size(); ++g)
      for (std::size_t t = 0; t < groups[g].readings.size(); ++t) {
        TagNow& now = tags[names[g][t]];
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
  void begin(const TagGeneration& newest, TagBudget& budget) {
    generation = newest.generation;
    trouble.clear();
    budget.charge(kPlanWork + newest.plan.size());
    auto begun = GenerationReader::begin(newest.plan);
    if (!begun) {
      reader.reset();
      trouble = begun.error().message;
      return;
    }
    reader.emplace(std::move(*begun));
    budget.charge(letters_in(reader->tags()));
    std::map<std::string, TagNow> kept;
    names.clear();
    for (const auto& group : reader->tags()) {
      names.emplace_back();
      for (const auto& tag : group) {
        const std::string& name = names.back().emplace_back(wire::clean_text(tag.name));
        TagNow& now = kept[name] = std::move(tags[name]);
        now.tag = name;
        now.unit = wire::clean_text(tag.unit);
        now.bound = tag.bound;
      }
    }
    tags = std::move(kept);
  }
};

TagDesk::TagDesk(Clock& clock, std::uint64_t work_max) : clock_(clock), work_max_(work_max) {}
TagDesk::~TagDesk() = default;

std::size_t TagDesk::streams(const std::string& tenant) const {
  const std::lock_guard lock(mutex_);
  const auto found = tenants_.find(tenant);
  return found == tenants_.end() ? 0 : found->second.kept.size();
}

// Forgets the stream that was not used for the longest time, but none of this question: a walk over more streams than
// there is room for would otherwise forget each one just before it is needed.
bool TagDesk::make_room(Streams& of, std::uint64_t question) {
  const auto oldest = std::ranges::min_element(of.kept, {}, [](const auto& entry) { return entry.second.used; });
  if (oldest == of.kept.end() || oldest->second.used >= question) return false;
  of.cost -= oldest->second.cost;
  cost_ -= oldest->second.cost;
  of.kept.erase(oldest);
  return true;
}

std::shared_ptr<TagDesk::Stream> TagDesk::stream_of(const std::string& tenant, const Name& name,
                                                    std::uint64_t question) {
  const std::lock_guard lock(mutex_);
  Streams& mine = tenants_[tenant];
  const auto found = mine.kept.find(name);
  if (found == mine.kept.end()) return std::make_shared<Stream>();
  found->second.used = std::max(found->second.used, question);
  return found->second.stream;
}

// What it costs is known once it is decoded. Where all have too much, the tenant with the most gives.
void TagDesk::keep(const std::string& tenant, const Name& name, const std::shared_ptr<Stream>& stream,
                   std::uint64_t question) {
  const std::size_t cost = kStreamCost + stream->tags.size();
  const std::lock_guard lock(mutex_);
  Streams& mine = tenants_[tenant];
  if (const auto found = mine.kept.find(name); found != mine.kept.end()) {
    if (found->second.stream != stream) return;  // another question was quicker
    mine.cost -= found->second.cost;
    cost_ -= found->second.cost;
    mine.kept.erase(found);
  }
  while (mine.cost + cost > kTenantCostMax)
    if (!make_room(mine, question)) return;
  while (cost_ + cost > kCostMax)
    if (!make_room(std::ranges::max_element(tenants_, {}, [](const auto& entry) { return entry.second.cost; })->second,
                   question))
      return;
  mine.kept[name] = {stream, cost, question};
  mine.cost += cost;
  cost_ += cost;
}

Result<void> TagDesk::advance(Queries& queries, const std::string& tenant, const Name& name, Stream& stream,
                              TagBudget& budget) {
  LINESIDE_ASSIGN(const auto newest, queries.newest_generation(tenant, name.gateway, name.stream));
  if (!newest) {
    stream.trouble = "the first block of its generation was lost on its way";
    return {};
  }
  if (stream.generation != newest->generation || (!stream.reader && stream.trouble.empty()))
    stream.begin(*newest, budget);
  while (stream.reader && stream.trouble.empty()) {
    LINESIDE_ASSIGN(const auto blocks, queries.tag_blocks(tenant, name.gateway, *newest, stream.reader->next(),
                                                          kTagBlocksMax, kBlocksAtOnce));
    for (const TagBlockRow& block : blocks) {
      if (budget.spent()) return {};
      const auto rows = stream.reader->read(block);
      budget.charge(kBlockWork + block.content.size() + stream.reader->take_work());
      if (rows) stream.take(*rows, block.moved);
      if (stream.trouble.empty() && !stream.reader->fault().empty())
        stream.trouble = std::format("what came after {} can't be shown until its next generation: {}",
                                     to_rfc3339(block.from), stream.reader->fault());
    }
    if (blocks.size() < kBlocksAtOnce) break;
  }
  return {};
}

Result<void> TagDesk::read_summary(Queries& queries, const std::string& tenant, const std::string& gateway,
                                   TagNow& now) {
  LINESIDE_ASSIGN(auto newest, queries.tag_summaries(tenant, gateway, now.tag, WallTime{}, WallTime::max(), 1));
  // A tag that was sent in full before, or is now, has both.
  if (newest.empty() || (now.newest && now.newest->time > newest.front().to)) return {};
  now = {.tag = now.tag, .unit = newest.front().unit, .newest = std::nullopt, .trend = {}, .summary = {}};
  now.summary = std::move(newest.front());
  return {};
}

// `wanted`: by stream, the places in the list that its tags get.
Result<void> TagDesk::read_streams(Queries& queries, const std::string& tenant, const std::string& gateway,
                                   const std::map<std::string, std::vector<std::size_t>>& wanted, TagBudget& budget,
                                   TagList& list) {
  std::uint64_t question = 0;
  {
    const std::lock_guard lock(mutex_);
    question = ++questions_;
  }
  for (const auto& [name, places] : wanted) {
    if (budget.spent()) return list.complete = false, Result<void>{};
    const auto stream = stream_of(tenant, {gateway, name}, question);
    const std::lock_guard lock(stream->mutex);
    LINESIDE_TRY(advance(queries, tenant, {gateway, name}, *stream, budget));
    for (const std::size_t place : places)
      if (const auto found = stream->tags.find(list.tags[place].tag); found != stream->tags.end())
        list.tags[place] = found->second;
    if (!stream->trouble.empty()) list.troubles.push_back(std::format("{}: {}", name, stream->trouble));
    keep(tenant, {gateway, name}, stream, question);
  }
  list.complete = list.complete && !budget.spent();
  return {};
}

Result<TagList> TagDesk::newest(Queries& queries, const std::string& tenant, const std::string& gateway,
                                const TagPage& page) {
  TagBudget budget(clock_, work_max_);
  LINESIDE_ASSIGN(const auto names, index_.names(queries, tenant, gateway, budget));
  TagList list;
  list.complete = names->complete;
  list.troubles = names->troubles;
  std::map<std::string, std::vector<std::size_t>> wanted;
  std::vector<std::size_t> summarized;
  for (const TagPlace& place : names->places) {
    if (!tag_contains(place.tag, page.find)) continue;
    ++list.found;
    if (!page.after.empty() && !tag_before(page.after, place.tag)) continue;
    if (list.tags.size() >= std::min(page.limit, kPageMax)) {
      list.more = true;
      continue;
    }
    if (place.stream != TagPlace::kNone) wanted[names->streams[place.stream]].push_back(list.tags.size());
    if (place.summarized) summarized.push_back(list.tags.size());
    list.tags.push_back({.tag = place.tag, .unit = {}, .newest = {}, .trend = {}, .summary = {}});
  }
  LINESIDE_TRY(read_streams(queries, tenant, gateway, wanted, budget, list));
  for (const std::size_t place : summarized) {
    if (budget.spent()) return list.complete = false, list;
    LINESIDE_TRY(read_summary(queries, tenant, gateway, list.tags[place]));
  }
  return list;
}

Result<std::optional<TagHistory>> TagDesk::history(Queries& queries, const std::string& tenant,
                                                   const std::string& gateway, const std::string& tag, WallTime from,
                                                   WallTime to, std::size_t points_max) {
  TagHistory history;
  PointSeries points(points_max);
  TagBudget budget(clock_, work_max_);
  HistoryReader reader(queries, budget, history, points);
  bool known = false;
  LINESIDE_ASSIGN(const auto streams, queries.tag_streams(tenant, gateway, kTagStreamsMax));
  for (const std::string& stream : streams) {
    if (budget.spent()) {
      history.complete = false;
      break;
    }
    LINESIDE_ASSIGN(const bool has, reader.read_stream({tenant, gateway, tag, from, to}, stream));
    known = known || has;
  }
  constexpr int kSummariesMax = 2000;
  LINESIDE_ASSIGN(history.summaries, queries.tag_summaries(tenant, gateway, tag, from, to, kSummariesMax));
  std::ranges::reverse(history.summaries);
  if (!history.summaries.empty() && !known) history.unit = history.summaries.back().unit;
  if (!known && history.complete && history.summaries.empty()) return std::optional<TagHistory>();
  history.reduced = points.reduced();
  history.points = points.take();
  return history;
}

}  // namespace lineside::hub
