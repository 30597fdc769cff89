#include "base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <thread>

namespace lineside {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::HasSubstr;

TEST(LatencyHistogram, IsEmptyAtFirst) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.quantile(0.999), nanoseconds{0});
  EXPECT_EQ(histogram.snapshot().count, 0u);
  EXPECT_TRUE(histogram.snapshot().buckets.empty());
}

TEST(LatencyHistogram, QuantilesAreRightWithin1Point6Percent) {
  LatencyHistogram histogram;
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> distribution(14, 2);  // around 1.2 ms, from microseconds to seconds
  std::vector<std::int64_t> all;
  for (int i = 0; i < 50'000; ++i) {
    all.push_back(std::clamp<std::int64_t>(static_cast<std::int64_t>(distribution(random)), 1000, 60'000'000'000));
    histogram.record(nanoseconds{all.back()});
  }
  std::ranges::sort(all);
  for (double q : {0.001, 0.01, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
    const auto exact = static_cast<double>(all[static_cast<std::size_t>(std::ceil(q * 50'000)) - 1]);
    const auto got = static_cast<double>(histogram.quantile(q).count());
    EXPECT_GE(got, exact * 0.9999) << q;
    EXPECT_LE(got, exact * 1.016) << q;
  }
  EXPECT_EQ(histogram.quantile(1), nanoseconds{all.back()});
}

TEST(LatencyHistogram, KeepsExtremesAndNeverWritesOutside) {
  LatencyHistogram histogram;
  histogram.record(nanoseconds{-5});
  histogram.record(nanoseconds{0});
  histogram.record(std::chrono::hours{5});
  EXPECT_EQ(histogram.snapshot().count, 3u);
  EXPECT_EQ(histogram.snapshot().max, std::chrono::hours{5});
  EXPECT_LE(histogram.quantile(0.5), microseconds{1});
  histogram.reset();
  EXPECT_EQ(histogram.snapshot().count, 0u);
  EXPECT_EQ(histogram.quantile(1), nanoseconds{0});
}

TEST(LatencyHistogram, BucketsAreCumulativeAndHoldTheirValues) {
  LatencyHistogram histogram;
  for (int ms = 1; ms <= 100; ++ms) histogram.record(milliseconds{ms});
  const auto snapshot = histogram.snapshot();
  EXPECT_EQ(snapshot.buckets.back().second, 100u);
  for (const auto& [upper_s, cumulative] : snapshot.buckets) {
    const auto below = static_cast<std::uint64_t>(std::min(100.0, std::floor(upper_s * 1000)));
    EXPECT_EQ(cumulative, below) << upper_s;
  }
  EXPECT_NEAR(snapshot.sum_s, 5.05, 1e-9);
}

TEST(LatencyHistogram, LosesNothing_WithManyWriters) {
  LatencyHistogram histogram;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) histogram.record(microseconds{i});
    });
  threads.clear();
  EXPECT_EQ(histogram.snapshot().count, 80'000u);
  EXPECT_EQ(histogram.quantile(1), microseconds{19'999});
}

TEST(MetricsRegistry, GivesTheSameObjectForTheSameNameAndLabels) {
  MetricsRegistry registry;
  Counter& one = registry.counter("lineside_items_total", "Items.", {{"station", "a"}});
  EXPECT_EQ(&one, &registry.counter("lineside_items_total", "Items.", {{"station", "a"}}));
  EXPECT_NE(&one, &registry.counter("lineside_items_total", "Items.", {{"station", "b"}}));
}

TEST(MetricsRegistry, WritesPrometheusText) {
  MetricsRegistry registry;
  registry.counter("lineside_items_total", "Items seen.", {{"station", "a\"\\\n"}}).add(3);
  registry.gauge("lineside_backlog_bytes", "Bytes\nwaiting.").set(1.5);
  registry.histogram("lineside_decision_seconds", "Trigger to verdict.", {{"station", "a"}}).record(milliseconds{3});
  const std::string text = registry.prometheus_text();
  EXPECT_THAT(text, HasSubstr("# HELP lineside_items_total Items seen.\n# TYPE lineside_items_total counter\n"
                              "lineside_items_total{station=\"a\\\"\\\\\\n\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("# HELP lineside_backlog_bytes Bytes\\nwaiting.\n# TYPE lineside_backlog_bytes gauge\n"
                              "lineside_backlog_bytes 1.5\n"));
  EXPECT_THAT(text, HasSubstr("lineside_decision_seconds_bucket{station=\"a\",le=\"0.002097152\"} 0\n"
                              "lineside_decision_seconds_bucket{station=\"a\",le=\"0.004194304\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("lineside_decision_seconds_bucket{station=\"a\",le=\"+Inf\"} 1\n"
                              "lineside_decision_seconds_sum{station=\"a\"} 0.003\n"
                              "lineside_decision_seconds_count{station=\"a\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("lineside_decision_seconds_quantile{station=\"a\",quantile=\"1\"} 0.003\n"));
}

TEST(MetricsRegistryDeathTest, EndsTheProcess_WhenANameHasTwoKinds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  MetricsRegistry registry;
  registry.counter("lineside_x", "X.");
  EXPECT_DEATH(registry.gauge("lineside_x", "X."), "two kinds of metric");
  EXPECT_DEATH(registry.gauge("lineside-y", "Y."), "not allowed");
}

}  // namespace
}  // namespace lineside
