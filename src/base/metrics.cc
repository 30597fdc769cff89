#include "base/metrics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <format>
#include <map>
#include <mutex>

#include "base/log.h"

namespace lineside {
namespace {

constexpr int kSub = 64;
constexpr int kSubBits = 6;
constexpr int kLinearBits = 10;  // durations below 2^10 ns share 64 buckets of 16 ns

std::size_t bucket_of(std::uint64_t ns, std::size_t last) {
  if (ns < (1u << kLinearBits)) return static_cast<std::size_t>(ns >> (kLinearBits - kSubBits));
  const int doubling = std::bit_width(ns) - kLinearBits;
  const auto sub = (ns >> (doubling + kLinearBits - kSubBits - 1)) & (kSub - 1);
  return std::min(static_cast<std::size_t>(doubling) * kSub + static_cast<std::size_t>(sub), last);
}

// First duration in nanoseconds that no longer belongs to the bucket.
std::uint64_t bucket_end(std::size_t index) {
  const std::size_t doubling = index / kSub, sub = index % kSub;
  if (doubling == 0) return (sub + 1) << (kLinearBits - kSubBits);
  return (kSub + sub + 1) << (doubling + kLinearBits - kSubBits - 1);
}

double seconds(std::uint64_t ns) { return static_cast<double>(ns) * 1e-9; }

}  // namespace

void LatencyHistogram::record(std::chrono::nanoseconds duration) {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
  counts_[bucket_of(ns, counts_.size() - 1)].fetch_add(1, std::memory_order_relaxed);
  count_.fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(ns, std::memory_order_relaxed);
  std::uint64_t seen = max_ns_.load(std::memory_order_relaxed);
  while (seen < ns && !max_ns_.compare_exchange_weak(seen, ns, std::memory_order_relaxed)) {
  }
}

std::chrono::nanoseconds LatencyHistogram::quantile(double q) const {
  std::uint64_t total = 0;
  for (const auto& count : counts_) total += count.load(std::memory_order_relaxed);
  const std::chrono::nanoseconds max{max_ns_.load(std::memory_order_relaxed)};
  if (total == 0) return std::chrono::nanoseconds{0};
  const auto rank = static_cast<std::uint64_t>(std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(total)));
  if (rank >= total) return max;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i].load(std::memory_order_relaxed);
    if (seen >= std::max<std::uint64_t>(rank, 1))
      return std::min(max, std::chrono::nanoseconds{static_cast<std::int64_t>(bucket_end(i) - 1)});
  }
  return max;
}

LatencyHistogram::Snapshot LatencyHistogram::snapshot() const {
  Snapshot s;
  s.sum_s = seconds(sum_ns_.load(std::memory_order_relaxed));
  s.p50 = quantile(0.5);
  s.p90 = quantile(0.9);
  s.p99 = quantile(0.99);
  s.p999 = quantile(0.999);
  s.max = quantile(1);
  constexpr std::size_t kPerBound = kSub / 4;
  for (std::size_t first = 0; first < counts_.size(); first += kPerBound) {
    std::uint64_t here = 0;
    for (std::size_t i = first; i < first + kPerBound; ++i) here += counts_[i].load(std::memory_order_relaxed);
    s.count += here;
    if (here > 0) s.buckets.emplace_back(seconds(bucket_end(first + kPerBound - 1)), s.count);
  }
  return s;
}

void LatencyHistogram::reset() {
  for (auto& count : counts_) count.store(0, std::memory_order_relaxed);
  count_.store(0, std::memory_order_relaxed);
  sum_ns_.store(0, std::memory_order_relaxed);
  max_ns_.store(0, std::memory_order_relaxed);
}

namespace {

enum class Kind { counter, gauge, histogram };

struct Family {
  Kind kind = Kind::counter;
  std::string help;
  std::map<Labels, std::unique_ptr<Counter>> counters;
  std::map<Labels, std::unique_ptr<Gauge>> gauges;
  std::map<Labels, std::unique_ptr<LatencyHistogram>> histograms;
};

bool name_allowed(const std::string& name) {
  const auto allowed = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ':'; };
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name.front())) == 0 &&
         std::ranges::all_of(name, allowed);
}

std::string escaped(const std::string& text, bool quotes_too) {
  std::string out;
  for (char c : text) {
    if (c == '\\' || (quotes_too && c == '"')) out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string label_text(const Labels& labels, const std::string& extra_name = {}, const std::string& extra = {}) {
  std::string out;
  for (const auto& [name, value] : labels)
    out += std::format("{}{}=\"{}\"", out.empty() ? "" : ",", name, escaped(value, true));
  if (!extra_name.empty()) out += std::format("{}{}=\"{}\"", out.empty() ? "" : ",", extra_name, extra);
  return out.empty() ? out : "{" + out + "}";
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return std::format("{}", value);
}

void write_head(std::string& out, const std::string& name, const std::string& help, std::string_view type) {
  out += std::format("# HELP {} {}\n# TYPE {} {}\n", name, escaped(help, false), name, type);
}

// One bound per doubling, from 16 us to 34 s: few enough lines for many stations, and the same ones in every gateway.
void write_histogram(std::string& out, const std::string& name, const Labels& labels,
                     const LatencyHistogram::Snapshot& s) {
  for (int bits = 14; bits <= 35; ++bits) {
    const double bound = seconds(std::uint64_t{1} << bits);
    std::uint64_t below = 0;
    for (const auto& [upper, cumulative] : s.buckets)
      if (upper <= bound * (1 + 1e-9)) below = cumulative;
    out += std::format("{}_bucket{} {}\n", name, label_text(labels, "le", number(bound)), below);
  }
  out += std::format("{}_bucket{} {}\n", name, label_text(labels, "le", "+Inf"), s.count);
  out += std::format("{}_sum{} {}\n", name, label_text(labels), number(s.sum_s));
  out += std::format("{}_count{} {}\n", name, label_text(labels), s.count);
}

void write_quantiles(std::string& out, const std::string& name, const Labels& labels,
                     const LatencyHistogram::Snapshot& s) {
  const std::pair<const char*, std::chrono::nanoseconds> quantiles[] = {
      {"0.5", s.p50}, {"0.9", s.p90}, {"0.99", s.p99}, {"0.999", s.p999}, {"1", s.max}};
  for (const auto& [q, value] : quantiles)
    out += std::format("{}_quantile{} {}\n", name, label_text(labels, "quantile", q),
                       number(static_cast<double>(value.count()) * 1e-9));
}

void write_family(std::string& out, const std::string& name, const Family& family) {
  switch (family.kind) {
    case Kind::counter:
      write_head(out, name, family.help, "counter");
      for (const auto& [labels, counter] : family.counters)
        out += std::format("{}{} {}\n", name, label_text(labels), counter->value());
      return;
    case Kind::gauge:
      write_head(out, name, family.help, "gauge");
      for (const auto& [labels, gauge] : family.gauges)
        out += std::format("{}{} {}\n", name, label_text(labels), number(gauge->value()));
      return;
    case Kind::histogram:
      std::string quantiles;
      write_head(out, name, family.help, "histogram");
      write_head(quantiles, name + "_quantile", "Quantiles since start of: " + family.help, "gauge");
      for (const auto& [labels, histogram] : family.histograms) {
        const auto snapshot = histogram->snapshot();
        write_histogram(out, name, labels, snapshot);
        write_quantiles(quantiles, name, labels, snapshot);
      }
      out += quantiles;
      return;
  }
}

}  // namespace

struct MetricsRegistry::State {
  mutable std::mutex mutex;
  std::map<std::string, Family> families;

  Family& family(Kind kind, const std::string& name, const std::string& help) {
    const auto [it, fresh] = families.try_emplace(name);
    if (fresh) {
      it->second.kind = kind;
      it->second.help = help;
    }
    if (it->second.kind != kind || !name_allowed(name)) {
      log(LogLevel::error, "metrics", "two kinds of metric have one name, or the name is not allowed",
          {{"name", name}});
      std::abort();
    }
    return it->second;
  }
};

MetricsRegistry::MetricsRegistry() : state_(std::make_unique<State>()) {}
MetricsRegistry::~MetricsRegistry() = default;

namespace {
template <class T>
T& member_for(std::map<Labels, std::unique_ptr<T>>& members, const Labels& labels) {
  auto& member = members[labels];
  if (!member) member = std::make_unique<T>();
  return *member;
}
}  // namespace

Counter& MetricsRegistry::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(state_->mutex);
  return member_for(state_->family(Kind::counter, name, help).counters, labels);
}

Gauge& MetricsRegistry::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(state_->mutex);
  return member_for(state_->family(Kind::gauge, name, help).gauges, labels);
}

LatencyHistogram& MetricsRegistry::histogram(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(state_->mutex);
  return member_for(state_->family(Kind::histogram, name, help).histograms, labels);
}

std::string MetricsRegistry::prometheus_text() const {
  std::string out;
  const std::lock_guard lock(state_->mutex);
  for (const auto& [name, family] : state_->families) write_family(out, name, family);
  return out;
}

}  // namespace lineside
