#include "apps/gateway/local_view.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "vision/image_io.h"

namespace lineside::gateway {
namespace {

constexpr std::chrono::milliseconds kLiveWaitMax{500};
constexpr int kLivePx = 640, kLiveQuality = 80;

}  // namespace

std::vector<std::string> GatewayView::trouble() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> all = lasting_trouble_;
  for (const std::string& one : {ledger_.trouble(), samples_.trouble(), outbox_.trouble()})
    if (!one.empty()) all.push_back(one);
  if (uplink_ != nullptr)
    if (std::string one = uplink_->status().trouble; !one.empty()) all.push_back(std::move(one));
  if (sparkplug_ != nullptr)
    if (std::string one = sparkplug_->status().trouble; !one.empty()) all.push_back(std::move(one));
  return all;
}

void GatewayView::add_trouble(const std::string& what) {
  std::lock_guard lock(mutex_);
  lasting_trouble_.push_back(what);
}

std::string GatewayView::metrics_text() const {
  std::ifstream statm("/proc/self/statm");
  double pages = 0, resident = 0;
  if (statm >> pages >> resident)
    metrics_.gauge("process_resident_memory_bytes", "Resident memory of the gateway.")
        .set(resident * static_cast<double>(sysconf(_SC_PAGESIZE)));
  return metrics_.prometheus_text();
}

std::vector<TagRow> GatewayView::tags() const {
  std::vector<TagRow> rows;
  const auto newest = telemetry_.newest();
  for (std::size_t i = 0; i < newest.size(); ++i)
    rows.push_back({settings_.telemetry.tags[i].name, settings_.telemetry.tags[i].unit, newest[i]});
  return rows;
}

std::vector<AlarmRow> GatewayView::alarms() const {
  std::vector<AlarmRow> rows;
  for (const rules::RuleStatus& one : rules_.shown())
    rows.push_back({.rule = one.rule,
                    .asset = one.asset.empty() ? settings_.gateway : one.asset,
                    .severity = one.severity,
                    .state = rules::to_string(one.state),
                    .acknowledged = one.acknowledged,
                    .known = one.known,
                    .since = one.since,
                    .message = one.message});
  for (const auto& one : telemetry_.limit_alarms())
    rows.push_back({.rule = "",
                    .asset = settings_.telemetry.tags[one.tag].name,
                    .severity = one.severity,
                    .state = "active",
                    .known = true,
                    .since = one.since,
                    .message = one.message});
  std::ranges::stable_sort(rows, std::ranges::greater{}, &AlarmRow::severity);
  return rows;
}

std::vector<StationStatus> GatewayView::stations() const {
  std::vector<StationStatus> all;
  for (std::size_t i = 0; i < stations_.size(); ++i) {
    const StationCondition now = stations_[i]->condition();
    StationStatus status;
    status.name = stations_[i]->name();
    status.trouble = now.trouble;
    for (const CameraCondition& camera : now.cameras)
      status.cameras.push_back({camera.name, camera.up, camera.message});
    status.has_actuator = now.has_actuator;
    status.actuator_up = now.actuator_up;
    status.actuator_message = now.actuator_message;
    status.model_version = now.model_version;
    status.reject_threshold = now.reject_threshold;
    status.deadline = settings_.stations[i].deadline;
    status.items = now.counts.items;
    status.passed = now.counts.passed;
    status.rejected = now.counts.rejected;
    status.fail_safe = now.counts.fail_safe;
    status.late = now.counts.late;
    status.actuation_failed = now.counts.actuation_failed;
    status.latency = {now.latency.p50, now.latency.p99, now.latency.p999, now.latency.max};
    all.push_back(std::move(status));
  }
  return all;
}

std::vector<AssetStatus> GatewayView::assets() const {
  std::vector<AssetStatus> all;
  for (const auto& asset : assets_) all.push_back(asset->status());
  return all;
}

Result<std::vector<std::uint8_t>> GatewayView::live_jpeg(const std::string& station, const std::string& camera) const {
  const auto found = std::ranges::find_if(stations_, [&](const auto& one) { return one->name() == station; });
  if (found == stations_.end()) return fail(ErrorCode::not_found, "there is no station '" + station + "'");
  LINESIDE_ASSIGN(const Image whole, (*found)->live_picture(camera, kLiveWaitMax));
  LINESIDE_ASSIGN(const Image small, vision::make_thumbnail(whole.view(), kLivePx));
  return vision::encode_jpeg(small.view(), kLiveQuality);
}

VerdictRow GatewayView::row_of(const std::string& station, const LedgerRow& row) const {
  return {station, row.verdict, row.label, row.model, samples_.id_of(station, row.verdict.item)};
}

Result<std::vector<VerdictRow>> GatewayView::ledger_tail(const std::string& station, std::size_t tail) const {
  LINESIDE_ASSIGN(const auto rows, ledger_.tail(station, tail));
  std::vector<VerdictRow> result;
  for (const LedgerRow& row : rows) result.push_back(row_of(station, row));
  return result;
}

std::vector<VerdictRow> GatewayView::latest_verdicts(std::size_t tail) const {
  std::vector<VerdictRow> result;
  for (const auto& [station, row] : ledger_.latest(tail)) result.push_back(row_of(station, row));
  return result;
}

}  // namespace lineside::gateway
