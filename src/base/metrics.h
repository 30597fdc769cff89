#pragma once
// Counters, gauges and latency histograms, exposed in the Prometheus text format (version 0.0.4).
// Made once at start; updating one is a relaxed atomic operation, allowed on the hot path. Names follow the Prometheus
// conventions: lineside_<thing>_<unit>[_total], base units (seconds, bytes).
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace lineside {

class Counter {
 public:
  void add(std::uint64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// High-dynamic-range histogram of durations from 1 us to 67 s: log-linear buckets, 64 per doubling, so every quantile
// is right within 1.6 %. record() is wait-free and never allocates. Readers see a momentary, not an atomic, picture.
class LatencyHistogram {
 public:
  struct Snapshot {
    std::uint64_t count = 0;
    double sum_s = 0;
    std::chrono::nanoseconds p50{}, p90{}, p99{}, p999{}, max{};
    // Upper bound in seconds and cumulative count, four bounds per doubling, only where the count grows; for plots.
    std::vector<std::pair<double, std::uint64_t>> buckets;
  };
  void record(std::chrono::nanoseconds duration);
  Snapshot snapshot() const;
  std::chrono::nanoseconds quantile(double q) const;  // q in [0, 1]; 0 when empty, 1 gives the exact maximum
  void reset();

 private:
  static constexpr int kSubBuckets = 64, kDoublings = 27;
  std::array<std::atomic<std::uint64_t>, kSubBuckets * kDoublings> counts_{};
  std::atomic<std::uint64_t> count_{0}, sum_ns_{0}, max_ns_{0};
};

using Labels = std::vector<std::pair<std::string, std::string>>;

// Owns the metrics; asking again for the same name and labels gives the same object. Thread-safe. The same name with
// another kind of metric, or a name that Prometheus does not allow, is a defect and ends the process.
// A histogram NAME is exposed as NAME (one bucket per doubling) and as NAME_quantile (0.5, 0.9, 0.99, 0.999 and 1).
class MetricsRegistry {
 public:
  MetricsRegistry();
  ~MetricsRegistry();
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  LatencyHistogram& histogram(const std::string& name, const std::string& help, const Labels& labels = {});
  std::string prometheus_text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lineside
