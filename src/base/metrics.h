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

// High-dynamic-range histogram of durations from 1 us to 67 s: log-linear buckets, 64 per doubling, so every quantile is
// right within 1.6 %. record() is wait-free and never allocates. Readers see a momentary, not an atomic, picture.
class LatencyHistogram {
 public:
  struct Snapshot {
    std::uint64_t count = 0;
    double sum_s = 0;
    std::chrono::nanoseconds p50{}, p90{}, p99{}, p999{}, max{};
    std::vector<std::pair<double, std::uint64_t>> buckets;  // upper bound in seconds, cumulative count; for plots
  };
  void record(std::chrono::nanoseconds duration);
  Snapshot snapshot() const;
  std::chrono::nanoseconds quantile(double q) const;  // q in [0, 1]; 0 when empty
  void reset();

 private:
  static constexpr int kSubBuckets = 64, kDoublings = 27;
  std::array<std::atomic<std::uint64_t>, kSubBuckets * kDoublings> counts_{};
  std::atomic<std::uint64_t> count_{0}, sum_ns_{0}, max_ns_{0};
};

using Labels = std::vector<std::pair<std::string, std::string>>;

// Owns the metrics; asking again for the same name and labels gives the same object. Thread-safe.
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
