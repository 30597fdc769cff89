#include "gateway/telemetry/tag_filter.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <format>
#include <map>

#include "base/uuid.h"

namespace lineside::gateway {
namespace {

using Kind = config::TagSourceSettings::Kind;

constexpr std::size_t kNamesMax = 5;      // of tags in one event; more are counted
constexpr std::uint64_t kJsonEvery = 64;  // readings, of which one is measured

double bound_of(const config::TagSettings& tag) {
  if (!tag.max_error_of_span) return tag.max_error;
  return tag.span_low && tag.span_high ? tag.max_error * std::abs(*tag.span_high - *tag.span_low) : 0;
}

// Tags that come with the same time: of one poll or message.
std::string group_of(const config::TagSourceSettings& source, const config::TagSettings& tag) {
  if (source.kind == Kind::modbus) return std::to_string(tag.modbus.unit);
  if (source.kind == Kind::mqtt) return tag.mqtt.topic;
  const bool each_its_own = source.kind == Kind::opcua || source.kind == Kind::sparkplug;
  return each_its_own ? tag.name : "";
}

std::string number_text(double value) { return std::format("{:.10g}", value); }

// {"tag":"boiler/feed","value":23.5,"time":"2026-11-23T04:25:00.000Z"}
std::size_t json_bytes(const std::string& name, double value) {
  std::array<char, 40> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return name.size() + static_cast<std::size_t>(end - buffer.data()) + 51;
}

}  // namespace

struct TagFilter::Instruments {
  explicit Instruments(MetricsRegistry& metrics)
      : samples(metrics.counter("lineside_telemetry_samples_total", "Readings of tags taken in.")),
        refused(metrics.counter("lineside_telemetry_refused_samples_total", "Readings of no tag of the settings.")),
        dropped(metrics.counter("lineside_telemetry_dropped_samples_total",
                                "Readings that came faster than the filter could take them.")),
        bad_values(metrics.counter("lineside_telemetry_bad_values_total", "What sources could not use.")),
        blocks(metrics.counter("lineside_telemetry_blocks_total", "Blocks of readings put into the outbox.")),
        generations(metrics.counter("lineside_telemetry_generations_total", "Times that a stream began anew.")),
        bytes(metrics.counter("lineside_telemetry_bytes_total", "Bytes of blocks and plans, before the batch.")),
        float32(metrics.counter("lineside_telemetry_float32_bytes_total", "The same readings as bare float32.")),
        json(metrics.counter("lineside_telemetry_json_bytes_total",
                             "The same readings as one JSON object each, estimated from every 64th.")),
        proofs_failed(metrics.counter("lineside_telemetry_proof_failures_total",
                                      "Blocks that would not have been rebuilt as promised; sent exactly instead.")),
        lost(metrics.counter("lineside_telemetry_lost_samples_total",
                             "Readings that could not be coded, not even exactly.")) {}
  Counter &samples, &refused, &dropped, &bad_values, &blocks, &generations, &bytes, &float32, &json, &proofs_failed,
      &lost;
};

TagFilter::TagFilter(const config::TelemetrySettings& settings, TelemetryParts parts)
    : settings_(settings),
      parts_(std::move(parts)),
      instruments_(std::make_unique<Instruments>(parts_.metrics)),
      sources_(settings.sources.size()) {
  for (std::size_t i = 0; i < settings_.tags.size(); ++i) {
    const auto& tag = settings_.tags[i];
    tags_.push_back({.limits = LimitWatch(tag), .summary = std::nullopt});
    const auto source = std::ranges::find(settings_.sources, tag.source, &config::TagSourceSettings::name);
    tags_.back().source = static_cast<std::size_t>(source - settings_.sources.begin());
    newest_.push_back({.tag = i});
    if (tags_.back().limits.has_limits()) limited_.push_back(i);
    if (!tag.summary_only) continue;
    tags_.back().summary.emplace(tag);
    summarized_.push_back(i);
  }
  make_streams();
  closed_ = streams_.size();
  if (parts_.lost_records) lost_seen_ = parts_.lost_records();
}

TagFilter::~TagFilter() = default;

void TagFilter::make_streams() {
  for (std::size_t s = 0; s < settings_.sources.size(); ++s) {
    const auto& source = settings_.sources[s];
    std::map<std::string, std::vector<std::size_t>> groups;
    for (std::size_t i = 0; i < tags_.size(); ++i)
      if (tags_[i].source == s && !tags_[i].summary) groups[group_of(source, settings_.tags[i])].push_back(i);
    telemetry::StreamTags streamed;
    std::size_t in_stream = 0, number = 1;
    const auto finish = [&] {
      if (streamed.empty()) return;
      streams_.emplace_back(number == 1 ? source.name : std::format("{}/{}", source.name, number), streamed,
                            parts_.spoil);
      streamed.clear();
      in_stream = 0, ++number;
    };
    for (const auto& [key, members] : groups)
      for (std::size_t m = 0; m < members.size(); ++m) {
        if (in_stream == telemetry::kStreamTagsMax) finish();
        if (m == 0 || streamed.empty()) streamed.emplace_back();
        const auto& tag = settings_.tags[members[m]];
        Tag& placed = tags_[members[m]];
        placed.stream = streams_.size();
        placed.group = streamed.size() - 1;
        placed.place = streamed.back().size();
        streamed.back().push_back(
            {.name = tag.name, .unit = tag.unit, .bound = bound_of(tag), .scale = tag.scale, .offset = tag.offset});
        ++in_stream;
      }
    finish();
  }
}

void TagFilter::take(std::span<const Sample> samples) {
  const MonoTime now = parts_.clock.mono();
  for (const Sample& sample : samples) take(sample, now);
}

void TagFilter::take(Sample sample, MonoTime now) {
  if (sample.tag >= tags_.size() || tags_[sample.tag].source >= sources_.size()) return instruments_->refused.add();
  Tag& tag = tags_[sample.tag];
  if (!std::isfinite(sample.value) && sample.quality != Quality::bad) sample.quality = Quality::bad;
  if (sample.quality == Quality::bad) sample.value = std::numeric_limits<double>::quiet_NaN();
  const WallTime time = sample.source_time == WallTime{} ? sample.received : sample.source_time;
  instruments_->samples.add();
  if (instruments_->samples.value() % kJsonEvery == 0)
    instruments_->json.add(kJsonEvery * json_bytes(settings_.tags[sample.tag].name, sample.value));
  newest_[sample.tag] = sample;
  watch(tag, sample, now);
  if (tag.summary) return tag.summary->add(sample, time, now);
  StreamFilter& stream = streams_[tag.stream];
  if (stream.add(tag.group, tag.place, sample, time, now)) return;
  close(stream);
  static_cast<void>(stream.add(tag.group, tag.place, sample, time, now));
}

void TagFilter::watch(Tag& tag, const Sample& sample, MonoTime now) {
  const bool bad = sample.quality == Quality::bad;
  if (bad != tag.bad) {
    tag.bad = bad;
    tag.since = now;
    if (!tag.waiting) quality_changed_.push_back(sample.tag);
    tag.waiting = true;
  }
  if (sample.quality != Quality::good || !tag.limits.has_limits()) return;
  if (const auto change = tag.limits.add(sample.value, now)) tell_limit(sample.tag, *change);
}

void TagFilter::source_is(std::size_t source, bool up, const std::string& why) {
  if (source >= sources_.size()) return;
  sources_[source].up = up;
  sources_[source].why = why;
}

void TagFilter::note_bad_values(std::uint64_t more) { instruments_->bad_values.add(more); }

void TagFilter::note_bad_value(std::size_t tag, const std::string& why) {
  note_bad_values(1);
  const std::string name = tag < tags_.size() ? settings_.tags[tag].name : "";
  bad_value_log_.log(LogLevel::warning, "telemetry", "a value can't be used", {{"tag", name}, {"reason", why}});
}

void TagFilter::note_dropped(std::uint64_t in_all) {
  instruments_->dropped.add(in_all - dropped_seen_);
  dropped_seen_ = in_all;
}

void TagFilter::close(StreamFilter& stream) {
  if (auto block = code(stream)) parts_.records.put(Lane::bulk, std::move(*block));
}

// What is coded leaves one after the other with nothing between, so that it shares a batch: that has bytes of its own.
void TagFilter::close_streams(std::uint64_t samples_max) {
  std::vector<TagBlock> blocks;
  for (std::uint64_t coded = 0; closed_ < streams_.size() && coded < samples_max; ++closed_) {
    coded += streams_[closed_].samples();
    if (auto block = code(streams_[closed_])) blocks.push_back(std::move(*block));
  }
  for (TagBlock& block : blocks) parts_.records.put(Lane::bulk, std::move(block));
}

std::optional<TagBlock> TagFilter::code(StreamFilter& stream) {
  const std::uint64_t samples = stream.samples();
  if (samples == 0) return std::nullopt;
  const std::uint64_t failed_before = stream.proofs_failed();
  auto block = stream.close(parts_.clock.wall());
  if (const std::uint64_t failed = stream.proofs_failed() - failed_before; failed > 0) {
    instruments_->proofs_failed.add(failed);
    tell("telemetry.proof_failed", "telemetry", Severity::high,
         std::format("A block of {} would not have been rebuilt as promised; {}. This is a defect: please report it.",
                     stream.name(), block ? "its readings were sent exactly" : "its readings are lost"),
         {{"stream", stream.name()}, {"reason", block ? "" : block.error().message}});
  }
  if (!block) return instruments_->lost.add(samples), std::nullopt;
  instruments_->blocks.add();
  if (block->index == 0) instruments_->generations.add();
  instruments_->bytes.add(block->bytes.size() + block->plan.size());
  instruments_->float32.add(block->samples * sizeof(float));
  return std::move(*block);
}

void TagFilter::look_after() {
  const MonoTime now = parts_.clock.mono();
  look_for_losses();
  const bool due = std::ranges::any_of(streams_, [&](const StreamFilter& stream) {
    return stream.samples() > 0 && now - stream.since() >= settings_.block_period;
  });
  if (due && closed_ == streams_.size()) closed_ = 0;
  close_streams(kCodedAtOnce);
  look_at_summaries(false);
  look_at_limits(now);
  look_at_sources(now);
  look_at_qualities(now);
  if (dropped_seen_ == dropped_told_ || now < drop_quiet_until_) return;
  tell("telemetry.dropped", "telemetry", Severity::medium,
       std::format("{} readings came faster than they could be filtered and were dropped.",
                   dropped_seen_ - dropped_told_),
       {{"readings", std::to_string(dropped_seen_ - dropped_told_)}});
  dropped_told_ = dropped_seen_;
  drop_quiet_until_ = now + kDropPause;
}

// Whoever missed a block can go on at the next generation.
void TagFilter::look_for_losses() {
  if (!parts_.lost_records) return;
  const std::uint64_t lost = parts_.lost_records();
  if (lost != lost_seen_)
    for (StreamFilter& stream : streams_) stream.begin_anew();
  lost_seen_ = lost;
}

void TagFilter::close_all() {
  closed_ = 0;
  close_streams(std::numeric_limits<std::uint64_t>::max());
  look_at_summaries(true);
}

void TagFilter::look_at_summaries(bool end) {
  const MonoTime now = parts_.clock.mono();
  for (const std::size_t i : summarized_)
    if (auto summary = tags_[i].summary->take(now, end)) parts_.records.put(Lane::bulk, std::move(*summary));
}

void TagFilter::look_at_limits(MonoTime now) {
  for (const std::size_t i : limited_)
    if (const auto change = tags_[i].limits.look(now)) tell_limit(i, *change);
}

void TagFilter::look_at_sources(MonoTime now) {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    Source& source = sources_[i];
    if (source.up == source.told_up || now < source.quiet_until) continue;
    source.told_up = source.up;
    source.quiet_until = now + kSourcePause;
    const std::string& name = settings_.sources[i].name;
    if (source.up)
      tell("tag_source.up", name, Severity::info, std::format("The tag source {} is there again.", name));
    else
      tell("tag_source.down", name, Severity::medium, std::format("The tag source {} is gone: {}", name, source.why));
  }
}

// While a source is down, that says it all.
void TagFilter::look_at_qualities(MonoTime now) {
  std::map<std::pair<std::size_t, bool>, std::vector<std::size_t>> changed;
  std::erase_if(quality_changed_, [&](std::size_t i) {
    Tag& tag = tags_[i];
    const bool same = tag.bad == tag.told_bad;
    if (!same && (!sources_[tag.source].up || now < tag.since + kQualityLasts || now < tag.quiet_until)) return false;
    if (!same) {
      tag.told_bad = tag.bad;
      tag.quiet_until = now + kQualityPause;
      changed[{tag.source, tag.bad}].push_back(i);
    }
    tag.waiting = false;
    return true;
  });
  for (const auto& [what, tags] : changed) tell_quality(what.first, what.second, tags);
}

void TagFilter::tell_quality(std::size_t source, bool bad, std::span<const std::size_t> tags) {
  const char* type = bad ? "tag.bad" : "tag.good";
  const Severity severity = bad ? Severity::low : Severity::info;
  const std::string& from = settings_.sources[source].name;
  if (tags.size() <= kNamesMax) {
    for (const std::size_t i : tags) {
      const std::string& name = settings_.tags[i].name;
      tell(type, name, severity, std::format("{} {}.", name, bad ? "has no good readings" : "has good readings again"),
           {{"source", from}});
    }
    return;
  }
  std::string names;
  for (const std::size_t i : tags.first(kNamesMax)) names += settings_.tags[i].name + ", ";
  tell(type, from, severity,
       std::format("{} tags of {} {}: {}...", tags.size(), from, bad ? "have no good readings" : "are good again",
                   names),
       {{"source", from}, {"tags", std::to_string(tags.size())}});
}

void TagFilter::tell_limit(std::size_t i, const LimitWatch::Change& change) {
  const auto& tag = settings_.tags[i];
  const Sample& sample = newest_[i];
  const std::string value = number_text(change.value) + (tag.unit.empty() ? "" : " " + tag.unit);
  const std::string limit = number_text(change.limit) + (tag.unit.empty() ? "" : " " + tag.unit);
  const std::string type = event_type(change.to);
  std::string state = type.substr(4);
  std::ranges::replace(state, '_', ' ');
  const bool over = change.to == Level::normal;
  const std::string message = over ? std::format("{} is back to normal: {} (limit {}).", tag.name, value, limit)
                                   : std::format("{} is {}: {} (limit {}).", tag.name, state, value, limit);
  if (over)
    limit_alarms_.erase(i);
  else
    limit_alarms_[i] = {i, severity_of(change.to), parts_.clock.wall(), message};
  tell(type, tag.name, severity_of(change.to), message,
       {{"value", number_text(change.value)},
        {"limit", number_text(change.limit)},
        {"unit", tag.unit},
        {"before", std::string(event_type(change.from)).substr(4)},
        {"measured", to_rfc3339(sample.source_time == WallTime{} ? sample.received : sample.source_time)}});
}

void TagFilter::tell(const std::string& type, const std::string& asset, Severity severity, const std::string& message,
                     std::map<std::string, std::string> evidence) {
  log(severity >= Severity::medium ? LogLevel::warning : LogLevel::info, "telemetry", message,
      {{"asset", asset}, {"event", type}});
  parts_.records.put(Lane::urgent, EventRecord{make_uuid(parts_.clock), type, asset, severity, parts_.clock.wall(),
                                               message, std::move(evidence)});
}

}  // namespace lineside::gateway
