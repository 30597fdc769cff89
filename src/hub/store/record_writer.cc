#include "hub/store/record_writer.h"

#include <cmath>
#include <format>

#include "base/json_text.h"
#include "hub/store/tag_sql.h"

namespace lineside::hub {
namespace {

// The last loss before this one, if it ends where this one begins.
constexpr std::string_view kLongerLoss = R"(
UPDATE loss SET last_sequence = ?6, time_ns = ?9
WHERE tenant = ?1 AND gateway = ?2 AND lane = ?3 AND epoch = ?4 AND cause = ?7 AND exact = ?8
  AND last_sequence = ?5 - 1 AND last_sequence >= first_sequence
  AND first_sequence = (SELECT max(first_sequence) FROM loss
                        WHERE tenant = ?1 AND gateway = ?2 AND lane = ?3 AND epoch = ?4 AND first_sequence < ?5)
RETURNING 1)";

std::int64_t count_ns(WallTime time) { return time.time_since_epoch().count(); }

std::string json_of(const std::map<std::string, std::string>& pairs) {
  std::string json = "{";
  for (const auto& [key, value] : pairs) {
    if (json.size() > 1) json += ',';
    append_json_text(json, key);
    json += ':';
    append_json_text(json, value);
  }
  return json + '}';
}

std::string json_of(const std::vector<std::pair<std::int64_t, std::uint64_t>>& buckets) {
  std::string json = "[";
  for (const auto& [bound_ns, count] : buckets)
    json += std::format("{}[{},{}]", json.size() > 1 ? "," : "", bound_ns, count);
  return json + ']';
}

void append_numbers(std::string& json, const char* key, const std::vector<float>& numbers) {
  json += std::format(",\"{}\":[", key);
  for (std::size_t i = 0; i < numbers.size(); ++i) json += std::format("{}{:.5g}", i > 0 ? "," : "", numbers[i]);
  json += ']';
}

std::string json_of(const std::vector<AssetSpectrum>& spectra) {
  if (spectra.empty()) return "";
  std::string json = "[";
  for (const AssetSpectrum& one : spectra) {
    json += std::format("{}{{\"channel\":{},\"unit\":{}", json.size() > 1 ? "," : "", json_text(one.channel),
                        json_text(one.unit));
    append_numbers(json, "low_hz", one.low_hz);
    append_numbers(json, "now", one.now);
    append_numbers(json, "normal", one.normal);
    append_numbers(json, "spread", one.spread);
    json += '}';
  }
  return json + ']';
}

std::string json_of(const std::vector<std::pair<std::string, float>>& features) {
  std::string json = "[";
  for (const auto& [name, spreads] : features)
    json += std::format("{}[{},{:.4g}]", json.size() > 1 ? "," : "", json_text(name), spreads);
  return json + ']';
}

// Binds one value after the other.
class Binder {
 public:
  Binder(Statement& statement, const RecordPlace& place, std::uint64_t sequence) : statement_(statement) {
    *this << place.tenant << place.gateway << static_cast<std::int64_t>(place.lane) << place.epoch << sequence;
  }
  Binder& operator<<(const std::string& text) { return statement_.bind(++index_, std::string_view(text)), *this; }
  Binder& operator<<(std::int64_t number) { return statement_.bind(++index_, number), *this; }
  Binder& operator<<(std::uint64_t number) { return *this << static_cast<std::int64_t>(number); }
  Binder& operator<<(bool flag) { return *this << static_cast<std::int64_t>(flag); }
  Binder& operator<<(WallTime time) { return *this << count_ns(time); }
  Binder& operator<<(float number) { return *this << static_cast<double>(number); }
  Binder& operator<<(double number) {
    if (std::isfinite(number))
      statement_.bind(++index_, number);
    else
      statement_.bind_null(++index_);
    return *this;
  }
  Binder& operator<<(const std::vector<std::uint8_t>& blob) {
    return statement_.bind(++index_, std::span<const std::uint8_t>(blob)), *this;
  }
  Result<void> run() { return statement_.run(); }

 private:
  Statement& statement_;
  int index_ = 0;
};

}  // namespace

Result<RecordWriter> RecordWriter::create(Database& database) {
  constexpr std::string_view kPlace = "tenant, gateway, lane, epoch, sequence";
  const auto make = [&](std::optional<Statement>& statement, std::string_view table, std::string_view place,
                        std::string_view columns) -> Result<void> {
    std::string marks = "?";
    for (const char c : std::format("{}, {}", place, columns))
      if (c == ',') marks += ", ?";
    LINESIDE_ASSIGN(statement,
                    database.prepare(std::format("INSERT INTO {} ({}, {}) VALUES ({})", table, place, columns, marks)));
    return {};
  };
  LINESIDE_ASSIGN(AlarmBook alarms, AlarmBook::create(database));
  RecordWriter writer(std::move(alarms));
  LINESIDE_TRY(make(writer.verdict_, "verdict", kPlace,
                    "station, item, time_ns, decision, reason, score, label, model_version, deadline_met, actuated, "
                    "decision_ns, actuation_ns"));
  LINESIDE_TRY(make(writer.summary_, "station_summary", kPlace,
                    "station, from_ns, to_ns, items, passed, rejected, fail_safe, late, actuation_failed, raw_bytes, "
                    "latency_json, camera_up, actuator_up, model_version, deadline_ns"));
  LINESIDE_TRY(make(writer.event_, "event", kPlace, "id, type, asset, severity, time_ns, message, evidence_json"));
  LINESIDE_TRY(make(writer.picture_, "picture", kPlace, "station, item, time_ns, kind, jpeg"));
  LINESIDE_TRY(make(writer.loss_, "loss", "tenant, gateway, lane, epoch, first_sequence",
                    "last_sequence, cause, exact, time_ns"));
  LINESIDE_ASSIGN(writer.longer_loss_, database.prepare(kLongerLoss));
  LINESIDE_TRY(
      make(writer.asset_, "asset_summary", kPlace,
           "asset, from_ns, to_ns, mode, progress, trouble, state, sensor, alarm, windows, anomalies, unknown, "
           "sensor_faults, score_min, score_mean, score_max, threshold, raw_bytes, lost_samples, "
           "velocity_mm_s, model_version, features_json, spectra_json"));
  LINESIDE_ASSIGN(writer.tag_block_, database.prepare(tag_sql::kInsert));
  LINESIDE_TRY(make(writer.tag_summary_, "tag_summary", kPlace,
                    "tag, unit, from_ns, to_ns, count, bad, mean, min, max, deviation, above_high_s"));
  return writer;
}

Result<void> RecordWriter::write(const RecordPlace& place, const Record& record) {
  return std::visit([&](const auto& body) { return write_body(place, record.sequence, body); }, record.body);
}

Result<void> RecordWriter::write_loss(const RecordPlace& place, const LossRecord& loss) {
  if (place.lane == Lane::urgent) LINESIDE_TRY(alarms_.doubt(place.tenant, place.gateway));
  const bool exact = loss.last >= loss.first && !loss.cause.ends_with(".at_most");
  if (loss.last >= loss.first) {
    Binder(*longer_loss_, place, loss.first) << loss.last << loss.cause << exact << loss.time;
    LINESIDE_ASSIGN(const bool longer, longer_loss_->step());
    longer_loss_->reset();
    if (longer) return {};
  }
  return (Binder(*loss_, place, loss.first) << loss.last << loss.cause << exact << loss.time).run();
}

Result<void> RecordWriter::write_body(const RecordPlace& place, std::uint64_t sequence, const VerdictRecord& verdict) {
  return (Binder(*verdict_, place, sequence)
          << verdict.station << verdict.item << verdict.time << static_cast<std::int64_t>(verdict.decision)
          << static_cast<std::int64_t>(verdict.reason) << verdict.score << verdict.label << verdict.model_version
          << verdict.deadline_met << verdict.actuated << verdict.decision_ns << verdict.actuation_ns)
      .run();
}

Result<void> RecordWriter::write_body(const RecordPlace& place, std::uint64_t sequence, const StationSummary& summary) {
  LINESIDE_TRY(alarms_.note(place.tenant, place.gateway, summary));
  return (Binder(*summary_, place, sequence)
          << summary.station << summary.from << summary.to << summary.items << summary.passed << summary.rejected
          << summary.fail_safe << summary.late << summary.actuation_failed << summary.raw_bytes
          << json_of(summary.decision_latency) << summary.camera_up << summary.actuator_up << summary.model_version
          << summary.deadline_ns)
      .run();
}

Result<void> RecordWriter::write_body(const RecordPlace& place, std::uint64_t sequence, const EventRecord& event) {
  LINESIDE_TRY(alarms_.note(place.tenant, place.gateway, event));
  return (Binder(*event_, place, sequence)
          << event.id << event.type << event.asset << static_cast<std::int64_t>(event.severity) << event.time
          << event.message << json_of(event.evidence))
      .run();
}

Result<void> RecordWriter::write_body(const RecordPlace& place, std::uint64_t sequence, const PictureRecord& picture) {
  return (Binder(*picture_, place, sequence)
          << picture.station << picture.item << picture.time << picture.kind << picture.jpeg)
      .run();
}

Result<void> RecordWriter::write_body(const RecordPlace& place, std::uint64_t sequence, const AssetSummary& summary) {
  LINESIDE_TRY(alarms_.note(place.tenant, place.gateway, summary));
  return (Binder(*asset_, place, sequence)
          << summary.asset << summary.from << summary.to << summary.mode << summary.progress << summary.trouble
          << summary.state << summary.sensor << summary.alarm << summary.windows << summary.anomalies << summary.unknown
          << summary.sensor_faults << summary.score_min << summary.score_mean << summary.score_max << summary.threshold
          << summary.raw_bytes << summary.lost_samples << summary.velocity_mm_s << summary.model_version
          << json_of(summary.features) << json_of(summary.spectra))
      .run();
}

Result<void> RecordWriter::write_body(const RecordPlace& place, std::uint64_t sequence, const TagBlock& block) {
  Binder(*tag_block_, place, sequence) << block.stream << block.generation << std::uint64_t{block.index} << block.from
                                       << block.to << std::int64_t{block.moved.count()} << block.rows << block.samples
                                       << std::uint64_t{block.check} << block.plan << block.bytes;
  LINESIDE_ASSIGN(const bool row, tag_block_->step());
  if (row && tag_block_->integer(0) == 0) ++unreadable_;
  tag_block_->reset();
  if (row) return {};
  return write_loss(place, {place.lane, sequence, sequence, "hub.tag_block_repeated", block.to});
}

Result<void> RecordWriter::write_body(const RecordPlace& place, std::uint64_t sequence, const TagSummary& summary) {
  return (Binder(*tag_summary_, place, sequence)
          << summary.tag << summary.unit << summary.from << summary.to << summary.count << summary.bad << summary.mean
          << summary.min << summary.max << summary.deviation << summary.above_high_s)
      .run();
}

Result<void> RecordWriter::write_body(const RecordPlace& place, std::uint64_t, const LossRecord& loss) {
  return write_loss(place, loss);
}

}  // namespace lineside::hub
