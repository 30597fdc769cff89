#include "wire/convert.h"

#include <cmath>
#include <format>
#include <limits>

#include "model/tag_limits.h"
#include "wire/batch.h"

namespace lineside::wire {
namespace {

constexpr int kEvidenceMax = 64;
constexpr int kLatencyBucketsMax = 4096;
constexpr int kFeaturesMax = 64, kSpectraMax = 64, kBandsMax = 256;

std::uint64_t nanoseconds_of(WallTime time) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, time.time_since_epoch().count()));
}

WallTime wall_time_of(std::uint64_t ns) { return WallTime{nanoseconds{static_cast<std::int64_t>(ns)}}; }

void put_body(const VerdictRecord& from, pb::Record& record) {
  pb::Verdict& to = *record.mutable_verdict();
  to.set_station(clean_text(from.station));
  to.set_item(from.item);
  to.set_time_ns(nanoseconds_of(from.time));
  to.set_decision(static_cast<std::uint32_t>(from.decision));
  to.set_reason(static_cast<std::uint32_t>(from.reason));
  to.set_score(from.score);
  to.set_label(clean_text(from.label));
  to.set_model_version(clean_text(from.model_version));
  to.set_deadline_met(from.deadline_met);
  to.set_actuated(from.actuated);
  to.set_decision_ns(from.decision_ns);
  to.set_actuation_ns(from.actuation_ns);
}

void put_body(const StationSummary& from, pb::Record& record) {
  pb::StationSummary& to = *record.mutable_station_summary();
  to.set_station(clean_text(from.station));
  to.set_from_ns(nanoseconds_of(from.from));
  to.set_to_ns(nanoseconds_of(from.to));
  to.set_items(from.items);
  to.set_passed(from.passed);
  to.set_rejected(from.rejected);
  to.set_fail_safe(from.fail_safe);
  to.set_late(from.late);
  to.set_actuation_failed(from.actuation_failed);
  to.set_raw_bytes(from.raw_bytes);
  for (const auto& [bound_ns, count] : from.decision_latency) {
    if (to.latency_bound_ns_size() == kLatencyBucketsMax) break;
    to.add_latency_bound_ns(bound_ns);
    to.add_latency_count(count);
  }
  to.set_camera_up(from.camera_up);
  to.set_actuator_up(from.actuator_up);
  to.set_model_version(clean_text(from.model_version));
  to.set_deadline_ns(from.deadline_ns);
}

void put_body(const EventRecord& from, pb::Record& record) {
  pb::Event& to = *record.mutable_event();
  to.set_id(clean_text(from.id));
  to.set_type(clean_text(from.type));
  to.set_asset(clean_text(from.asset));
  to.set_severity(static_cast<std::uint32_t>(from.severity));
  to.set_time_ns(nanoseconds_of(from.time));
  to.set_message(clean_text(from.message));
  for (const auto& [key, value] : from.evidence) {
    if (to.evidence_size() == kEvidenceMax) break;
    pb::Pair& pair = *to.add_evidence();
    pair.set_key(clean_text(key));
    pair.set_value(clean_text(value));
  }
}

void put_body(const AssetSummary& from, pb::Record& record) {
  pb::AssetSummary& to = *record.mutable_asset_summary();
  to.set_asset(clean_text(from.asset));
  to.set_from_ns(nanoseconds_of(from.from));
  to.set_to_ns(nanoseconds_of(from.to));
  to.set_mode(clean_text(from.mode));
  to.set_progress(from.progress);
  to.set_trouble(clean_text(from.trouble));
  to.set_state(clean_text(from.state));
  to.set_sensor(clean_text(from.sensor));
  to.set_alarm(from.alarm);
  to.set_windows(from.windows);
  to.set_anomalies(from.anomalies);
  to.set_unknown(from.unknown);
  to.set_sensor_faults(from.sensor_faults);
  to.set_score_min(from.score_min);
  to.set_score_mean(from.score_mean);
  to.set_score_max(from.score_max);
  to.set_threshold(from.threshold);
  to.set_raw_bytes(from.raw_bytes);
  to.set_lost_samples(from.lost_samples);
  to.set_velocity_mm_s(from.velocity_mm_s);
  to.set_model_version(clean_text(from.model_version));
  for (const auto& [name, spreads] : from.features) {
    if (to.feature_size() == kFeaturesMax) break;
    to.add_feature(clean_text(name));
    to.add_feature_spreads(spreads);
  }
  for (const AssetSpectrum& spectrum : from.spectra) {
    if (to.spectra_size() == kSpectraMax || spectrum.low_hz.size() > kBandsMax) break;
    pb::AssetSpectrum& one = *to.add_spectra();
    one.set_channel(clean_text(spectrum.channel));
    one.set_unit(clean_text(spectrum.unit));
    one.mutable_low_hz()->Assign(spectrum.low_hz.begin(), spectrum.low_hz.end());
    one.mutable_now()->Assign(spectrum.now.begin(), spectrum.now.end());
    one.mutable_normal()->Assign(spectrum.normal.begin(), spectrum.normal.end());
    one.mutable_spread()->Assign(spectrum.spread.begin(), spectrum.spread.end());
  }
}

std::uint64_t milliseconds_of(WallTime time) { return nanoseconds_of(time) / 1'000'000; }

void put_body(const TagBlock& from, pb::Record& record) {
  pb::TagBlock& to = *record.mutable_tag_block();
  to.set_stream(clean_text(from.stream));
  to.set_generation(from.generation);
  to.set_index(from.index);
  to.set_from_ms(milliseconds_of(from.from));
  to.set_length_ms(milliseconds_of(from.to) - milliseconds_of(from.from));
  to.set_rows(static_cast<std::uint32_t>(from.rows));
  to.set_samples(static_cast<std::uint32_t>(from.samples));
  to.set_check(from.check);
  to.set_content(from.bytes.data(), from.bytes.size());
  to.set_plan(from.plan.data(), from.plan.size());
}

void put_body(const TagSummary& from, pb::Record& record) {
  pb::TagSummary& to = *record.mutable_tag_summary();
  to.set_tag(clean_text(from.tag));
  to.set_unit(clean_text(from.unit));
  to.set_from_ns(nanoseconds_of(from.from));
  to.set_to_ns(nanoseconds_of(from.to));
  to.set_count(from.count);
  to.set_bad(from.bad);
  to.set_mean(from.mean);
  to.set_min(from.min);
  to.set_max(from.max);
  to.set_deviation(from.deviation);
  to.set_above_high_s(from.above_high_s);
}

void put_body(const PictureRecord& from, pb::Record& record) {
  pb::Picture& to = *record.mutable_picture();
  to.set_station(clean_text(from.station));
  to.set_item(from.item);
  to.set_time_ns(nanoseconds_of(from.time));
  to.set_kind(clean_text(from.kind));
  to.set_jpeg(from.jpeg.data(), from.jpeg.size());
}

void put_body(const LossRecord& from, pb::Record& record) {
  pb::Loss& to = *record.mutable_loss();
  to.set_first(from.first);
  to.set_last(from.last);
  to.set_cause(clean_text(from.cause));
  to.set_time_ns(nanoseconds_of(from.time));
}

std::unexpected<Error> out_of_range(std::string_view what) {
  return fail(ErrorCode::wire_invalid, std::format("a record's {} is out of range", what));
}

// The hub stores numbers as signed 64-bit integers.
template <class... Number>
bool storable(Number... numbers) {
  return (... && (numbers <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())));
}

template <class... Text>
bool is_text(const Text&... texts) {
  return (... && (texts.size() <= kTextBytesMax && clean_text(texts) == texts));
}

Result<RecordBody> body_of(pb::Verdict&& from) {
  if (!storable(from.item(), from.time_ns())) return out_of_range("item or time");
  if (!is_text(from.station(), from.label(), from.model_version())) return out_of_range("text");
  if (from.decision() > static_cast<std::uint32_t>(Decision::reject)) return out_of_range("decision");
  if (from.reason() > static_cast<std::uint32_t>(Reason::fail_camera)) return out_of_range("reason");
  VerdictRecord to;
  to.station = from.station();
  to.item = from.item();
  to.time = wall_time_of(from.time_ns());
  to.decision = static_cast<Decision>(from.decision());
  to.reason = static_cast<Reason>(from.reason());
  to.score = std::isfinite(from.score()) ? from.score() : std::numeric_limits<float>::quiet_NaN();
  to.label = from.label();
  to.model_version = from.model_version();
  to.deadline_met = from.deadline_met();
  to.actuated = from.actuated();
  to.decision_ns = from.decision_ns();
  to.actuation_ns = from.actuation_ns();
  return to;
}

Result<RecordBody> body_of(pb::StationSummary&& from) {
  if (!storable(from.from_ns(), from.to_ns(), from.items(), from.passed(), from.rejected(), from.fail_safe(),
                from.late(), from.actuation_failed(), from.raw_bytes()))
    return out_of_range("count or time");
  if (!is_text(from.station(), from.model_version())) return out_of_range("text");
  if (from.latency_bound_ns_size() != from.latency_count_size() || from.latency_count_size() > kLatencyBucketsMax)
    return out_of_range("latency histogram");
  StationSummary to;
  to.station = from.station();
  to.from = wall_time_of(from.from_ns());
  to.to = wall_time_of(from.to_ns());
  to.items = from.items();
  to.passed = from.passed();
  to.rejected = from.rejected();
  to.fail_safe = from.fail_safe();
  to.late = from.late();
  to.actuation_failed = from.actuation_failed();
  to.raw_bytes = from.raw_bytes();
  for (int i = 0; i < from.latency_count_size(); ++i) {
    if (!storable(from.latency_count(i))) return out_of_range("latency histogram");
    to.decision_latency.emplace_back(from.latency_bound_ns(i), from.latency_count(i));
  }
  to.camera_up = from.camera_up();
  to.actuator_up = from.actuator_up();
  to.model_version = from.model_version();
  to.deadline_ns = from.deadline_ns();
  return to;
}

Result<RecordBody> body_of(pb::Event&& from) {
  if (!storable(from.time_ns())) return out_of_range("time");
  if (!is_text(from.id(), from.type(), from.asset(), from.message())) return out_of_range("text");
  if (from.severity() > static_cast<std::uint32_t>(Severity::critical)) return out_of_range("severity");
  if (from.evidence_size() > kEvidenceMax) return out_of_range("evidence");
  EventRecord to;
  to.id = from.id();
  to.type = from.type();
  to.asset = from.asset();
  to.severity = static_cast<Severity>(from.severity());
  to.time = wall_time_of(from.time_ns());
  to.message = from.message();
  for (const pb::Pair& pair : from.evidence()) {
    if (!is_text(pair.key(), pair.value())) return out_of_range("evidence");
    to.evidence.emplace(pair.key(), pair.value());
  }
  return to;
}

template <class... Number>
bool is_finite(Number... numbers) {
  return (... && std::isfinite(numbers));
}

template <class Numbers>
std::vector<float> finite_floats(const Numbers& numbers) {
  std::vector<float> to;
  for (const float number : numbers) to.push_back(std::isfinite(number) ? number : 0.0F);
  return to;
}

Result<AssetSpectrum> spectrum_of(const pb::AssetSpectrum& from) {
  if (!is_text(from.channel(), from.unit())) return out_of_range("text");
  const int bands = from.low_hz_size();
  if (bands > kBandsMax || from.now_size() != bands || from.normal_size() != bands || from.spread_size() != bands)
    return out_of_range("spectrum");
  return AssetSpectrum{from.channel(),
                       from.unit(),
                       finite_floats(from.low_hz()),
                       finite_floats(from.now()),
                       finite_floats(from.normal()),
                       finite_floats(from.spread())};
}

Result<void> read_lists(const pb::AssetSummary& from, AssetSummary& to) {
  if (from.feature_size() != from.feature_spreads_size() || from.feature_size() > kFeaturesMax ||
      from.spectra_size() > kSpectraMax)
    return out_of_range("list of features or spectra");
  for (int i = 0; i < from.feature_size(); ++i) {
    if (!is_text(from.feature(i)) || !is_finite(from.feature_spreads(i))) return out_of_range("feature");
    to.features.emplace_back(from.feature(i), from.feature_spreads(i));
  }
  for (const auto& spectrum : from.spectra()) {
    LINESIDE_ASSIGN(AssetSpectrum one, spectrum_of(spectrum));
    to.spectra.push_back(std::move(one));
  }
  return {};
}

Result<RecordBody> body_of(pb::AssetSummary&& from) {
  if (!storable(from.from_ns(), from.to_ns(), from.windows(), from.anomalies(), from.unknown(), from.sensor_faults(),
                from.raw_bytes(), from.lost_samples()))
    return out_of_range("count or time");
  if (!is_text(from.asset(), from.mode(), from.trouble(), from.state(), from.sensor(), from.model_version()))
    return out_of_range("text");
  if (!is_finite(from.progress(), from.score_min(), from.score_mean(), from.score_max(), from.threshold(),
                 from.velocity_mm_s()))
    return out_of_range("score");
  AssetSummary to;
  to.asset = from.asset();
  to.from = wall_time_of(from.from_ns());
  to.to = wall_time_of(from.to_ns());
  to.mode = from.mode();
  to.progress = from.progress();
  to.trouble = from.trouble();
  to.state = from.state();
  to.sensor = from.sensor();
  to.alarm = from.alarm();
  to.windows = from.windows();
  to.anomalies = from.anomalies();
  to.unknown = from.unknown();
  to.sensor_faults = from.sensor_faults();
  to.score_min = from.score_min();
  to.score_mean = from.score_mean();
  to.score_max = from.score_max();
  to.threshold = from.threshold();
  to.raw_bytes = from.raw_bytes();
  to.lost_samples = from.lost_samples();
  to.velocity_mm_s = from.velocity_mm_s();
  to.model_version = from.model_version();
  LINESIDE_TRY(read_lists(from, to));
  return to;
}

Result<RecordBody> body_of(pb::TagBlock&& from) {
  constexpr std::uint64_t kMillisecondsMax = 1ULL << 43;  // in nanoseconds they fit into 63 bits
  if (from.from_ms() >= kMillisecondsMax || from.length_ms() >= kMillisecondsMax - from.from_ms() ||
      !storable(from.generation()) || from.index() >= kTagBlocksMax)
    return out_of_range("generation, index or time");
  if (from.samples() > kTagSamplesMax || from.rows() > kTagSamplesMax) return out_of_range("count of readings");
  if (from.plan().size() > kTagPlanBytesMax || from.content().size() > kTagBlockBytesMax)
    return out_of_range("size of plan or content");
  if (!is_text(from.stream()) || from.stream().empty()) return out_of_range("text");
  if ((from.index() == 0) == from.plan().empty()) return out_of_range("plan");
  TagBlock to;
  to.stream = from.stream();
  to.generation = from.generation();
  to.index = from.index();
  to.from = wall_time_of(from.from_ms() * 1'000'000);
  to.to = to.from + std::chrono::milliseconds{from.length_ms()};
  to.rows = from.rows();
  to.samples = from.samples();
  to.check = from.check();
  to.bytes.assign(from.content().begin(), from.content().end());
  to.plan.assign(from.plan().begin(), from.plan().end());
  return to;
}

Result<RecordBody> body_of(pb::TagSummary&& from) {
  if (!storable(from.from_ns(), from.to_ns(), from.count(), from.bad())) return out_of_range("count or time");
  if (!is_text(from.tag(), from.unit())) return out_of_range("text");
  if (!is_finite(from.mean(), from.min(), from.max(), from.deviation(), from.above_high_s()))
    return out_of_range("value");
  return TagSummary{.tag = from.tag(),
                    .unit = from.unit(),
                    .from = wall_time_of(from.from_ns()),
                    .to = wall_time_of(from.to_ns()),
                    .count = from.count(),
                    .bad = from.bad(),
                    .mean = from.mean(),
                    .min = from.min(),
                    .max = from.max(),
                    .deviation = from.deviation(),
                    .above_high_s = from.above_high_s()};
}

Result<RecordBody> body_of(pb::Picture&& from) {
  if (!storable(from.item(), from.time_ns())) return out_of_range("item or time");
  if (!is_text(from.station(), from.kind())) return out_of_range("text");
  PictureRecord to;
  to.station = from.station();
  to.item = from.item();
  to.time = wall_time_of(from.time_ns());
  to.kind = from.kind();
  to.jpeg.assign(from.jpeg().begin(), from.jpeg().end());
  return to;
}

Result<RecordBody> body_of(pb::Loss&& from) {
  if (!storable(from.time_ns())) return out_of_range("time");
  if (!is_text(from.cause())) return out_of_range("text");
  if (from.first() == 0 || from.first() > from.last() || from.last() > kSequenceMax) return out_of_range("loss");
  return LossRecord{
      .first = from.first(), .last = from.last(), .cause = from.cause(), .time = wall_time_of(from.time_ns())};
}

Result<RecordBody> body_of(pb::Record&& message) {
  switch (message.body_case()) {
    case pb::Record::kVerdict:
      return body_of(std::move(*message.mutable_verdict()));
    case pb::Record::kStationSummary:
      return body_of(std::move(*message.mutable_station_summary()));
    case pb::Record::kEvent:
      return body_of(std::move(*message.mutable_event()));
    case pb::Record::kPicture:
      return body_of(std::move(*message.mutable_picture()));
    case pb::Record::kAssetSummary:
      return body_of(std::move(*message.mutable_asset_summary()));
    case pb::Record::kTagBlock:
      return body_of(std::move(*message.mutable_tag_block()));
    case pb::Record::kTagSummary:
      return body_of(std::move(*message.mutable_tag_summary()));
    case pb::Record::kLoss:
      return body_of(std::move(*message.mutable_loss()));
    case pb::Record::BODY_NOT_SET:
      break;
  }
  return fail(ErrorCode::wire_invalid, "a record is of a kind that this version does not know");
}

}  // namespace

void to_message(const Record& record, pb::Record& message) {
  message.set_sequence(record.sequence);
  std::visit([&](const auto& body) { put_body(body, message); }, record.body);
}

Result<Record> from_message(pb::Record&& message) {
  Record record;
  record.sequence = message.sequence();
  LINESIDE_ASSIGN(record.body, body_of(std::move(message)));
  return record;
}

}  // namespace lineside::wire
