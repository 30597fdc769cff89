#pragma once
// What the outbox counts. Thread-safe.
#include <array>
#include <atomic>

#include "base/metrics.h"
#include "gateway/outbox/outbox_database.h"
#include "model/record.h"

namespace lineside::gateway {

class OutboxMetrics {
 public:
  explicit OutboxMetrics(MetricsRegistry& metrics)
      : commits(metrics.counter("lineside_outbox_commits_total", "Groups of records brought to disk")),
        retries(
            metrics.counter("lineside_outbox_retries_total", "Commits that the disk refused and that were retried")),
        repairs(metrics.counter("lineside_outbox_repairs_total", "Times that a damaged database was repaired")),
        missing(metrics.counter("lineside_outbox_missing_total", "Times that files of the outbox had been deleted")),
        commit_time(metrics.histogram("lineside_outbox_commit_seconds", "Time for bringing one group to disk")) {
    for (const Lane lane : {Lane::urgent, Lane::bulk}) {
      const Labels labels{{"lane", to_string(lane)}};
      lanes_[index_of(lane)].put = &metrics.counter("lineside_outbox_put_total", "Records put into the outbox", labels);
      lanes_[index_of(lane)].lost = &metrics.counter("lineside_outbox_lost_total", "Sequences declared lost", labels);
      lanes_[index_of(lane)].records =
          &metrics.gauge("lineside_outbox_records", "Records on disk, not acknowledged", labels);
      lanes_[index_of(lane)].bytes =
          &metrics.gauge("lineside_outbox_bytes", "Bytes of records on disk, not acknowledged", labels);
    }
  }

  void put(Lane lane) { lanes_[index_of(lane)].put->add(); }
  void lost(Lane lane, std::uint64_t count) { lanes_[index_of(lane)].lost->add(count); }
  std::uint64_t lost(Lane lane) const { return lanes_[index_of(lane)].lost->value(); }
  void stored(Lane lane, const LaneTotals& totals) {
    lanes_[index_of(lane)].records->set(static_cast<double>(totals.records));
    lanes_[index_of(lane)].bytes->set(static_cast<double>(totals.bytes));
  }

  Counter &commits, &retries, &repairs, &missing;
  LatencyHistogram& commit_time;

 private:
  struct OfLane {
    Counter *put, *lost;
    Gauge *records, *bytes;
  };
  static std::size_t index_of(Lane lane) { return static_cast<std::size_t>(lane); }

  std::array<OfLane, kLanes> lanes_{};
};

}  // namespace lineside::gateway
