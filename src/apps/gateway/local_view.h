#pragma once
// What the local endpoint shows, gathered from the gateway's parts.
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "config/gateway_settings.h"
#include "gateway/condition/asset.h"
#include "gateway/inspection/station.h"
#include "gateway/ledger/ledger.h"
#include "gateway/local/local_server.h"
#include "gateway/outbox/outbox.h"
#include "gateway/rules/rule_watch.h"
#include "gateway/samples/sample_store.h"
#include "gateway/sparkplug/sparkplug_publisher.h"
#include "gateway/telemetry/telemetry.h"
#include "gateway/uplink/uplink.h"

namespace lineside::gateway {

class GatewayView final : public LocalView {
 public:
  // All references must outlive it, and `stations` and `assets` must not change.
  GatewayView(const config::GatewaySettings& settings, const std::vector<std::unique_ptr<Station>>& stations,
              const std::vector<std::unique_ptr<Asset>>& assets, const Telemetry& telemetry, const RuleWatch& rules,
              const Ledger& ledger, const SampleStore& samples, const Outbox& outbox, MetricsRegistry& metrics)
      : settings_(settings),
        stations_(stations),
        assets_(assets),
        telemetry_(telemetry),
        rules_(rules),
        ledger_(ledger),
        samples_(samples),
        outbox_(outbox),
        metrics_(metrics) {}

  std::string gateway() const override { return settings_.gateway; }
  std::vector<std::string> trouble() const override;
  std::string metrics_text() const override;
  std::vector<StationStatus> stations() const override;
  std::vector<AssetStatus> assets() const override;
  std::vector<TagRow> tags() const override;
  std::vector<AlarmRow> alarms() const override;
  Result<std::vector<VerdictRow>> ledger_tail(const std::string& station, std::size_t tail) const override;
  std::vector<VerdictRow> latest_verdicts(std::size_t tail) const override;
  Result<std::vector<std::uint8_t>> sample_jpeg(const std::string& id) const override { return samples_.jpeg(id); }

  Result<std::vector<std::uint8_t>> live_jpeg(const std::string& station, const std::string& camera) const override;

  void add_trouble(const std::string& what);  // something the gateway does without until it is started again
  // Before the first question; it must outlive the last.
  void watch(const Uplink* uplink) { uplink_ = uplink; }
  void watch(const SparkplugPublisher* sparkplug) { sparkplug_ = sparkplug; }

 private:
  VerdictRow row_of(const std::string& station, const LedgerRow& row) const;

  const config::GatewaySettings& settings_;
  const std::vector<std::unique_ptr<Station>>& stations_;
  const std::vector<std::unique_ptr<Asset>>& assets_;
  const Telemetry& telemetry_;
  const RuleWatch& rules_;
  const Ledger& ledger_;
  const SampleStore& samples_;
  const Outbox& outbox_;
  MetricsRegistry& metrics_;
  const Uplink* uplink_ = nullptr;
  const SparkplugPublisher* sparkplug_ = nullptr;
  mutable std::mutex mutex_;
  std::vector<std::string> lasting_trouble_;
};

}  // namespace lineside::gateway
