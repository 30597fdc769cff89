#include "gateway/tags/sparkplug_tags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "gateway/tags/make_tag_source.h"
#include "gateway/tags/test_tag_sink.h"
#include "mqtt/test_broker.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using namespace wire::sparkplug;
using ::testing::HasSubstr;
using testing::tag;
using testing::TakingSink;

std::uint32_t code(Type type) { return static_cast<std::uint32_t>(type); }

Metric born(std::string name, std::uint64_t alias, Value value) {
  return {.name = std::move(name),
          .alias = alias,
          .timestamp_ms = 1'700'000'000'000,
          .type = code(Type::real64),
          .value = std::move(value)};
}

Metric changed(std::uint64_t alias, Value value) {
  return {.alias = alias, .timestamp_ms = 1'700'000'001'000, .value = std::move(value)};
}

// The edge node G/E of which the test says every message.
class Stranger final : private mqtt::Handler {
 public:
  explicit Stranger(int port) {
    mqtt::ClientOptions options;
    options.broker = {.host = "127.0.0.1", .port = port, .tls = false};
    options.reconnect_min = 20ms;
    options.reconnect_max = 50ms;
    options.subscriptions = {"spBv1.0/G/NCMD/E"};
    client_ = mqtt::Client::start(options, *this).value();
  }
  void say(const std::string& rest, std::optional<std::uint64_t> seq, std::vector<Metric> metrics,
           bool retained = false) {
    for (int i = 0; i < 2000 && !client_->connected(); ++i) std::this_thread::sleep_for(10ms);
    const auto bytes = encode({.timestamp_ms = 1'700'000'000'500, .seq = seq, .metrics = std::move(metrics)});
    ASSERT_TRUE(client_->publish("spBv1.0/G/" + rest, bytes, 1, retained));
  }
  void births() {
    say("NBIRTH/E", 0, {{.name = "bdSeq", .type = code(Type::int64), .value = std::uint64_t{7}}, born("up", 1, 1.0)});
    say("DBIRTH/E/D", 1, {born("t", 2, 20.5), born("p", 3, 3.0)});
  }
  void die() { say("NDEATH/E", {}, {{.name = "bdSeq", .type = code(Type::int64), .value = std::uint64_t{7}}}); }
  std::atomic<int> asked{0};

 private:
  void on_connected() override {}
  void on_disconnected(const std::string&) override {}
  void on_message(std::string_view, std::span<const std::uint8_t> payload) override {
    const auto request = decode(payload).value();
    EXPECT_EQ(request.metrics.at(0).name, kRebirth);
    ++asked;
  }
  std::unique_ptr<mqtt::Client> client_;
};

class SparkplugTagsTest : public ::testing::Test {
 protected:
  SparkplugTagsTest() {
    settings_.name = "source";
    settings_.kind = config::TagSourceSettings::Kind::sparkplug;
    settings_.at.port = broker_.port();
    settings_.reconnect_min = 20ms;
    settings_.reconnect_max = 200ms;
    settings_.reorder_timeout = 200ms;
  }
  std::size_t add(const std::string& device, const std::string& metric) {
    tags_.push_back(tag(std::format("t{}", tags_.size())));
    tags_.back().sparkplug = {.group = "G", .edge_node = "E", .device = device, .metric = metric};
    return tags_.size() - 1;
  }
  // Up, and asks for the births of the edge node that has said nothing so far.
  void start() {
    source_ = make_tag_source(settings_, tags_, system_clock(), metrics_).value();
    ASSERT_TRUE(source_->start(sink_));
    ASSERT_TRUE(sink_.wait([&] { return sink_.ups == 1; }));
    ASSERT_TRUE(asked(1));
  }
  bool asked(int times) {
    for (int i = 0; i < 20'000 && stranger_.asked < times; ++i) std::this_thread::sleep_for(1ms);
    return stranger_.asked >= times;
  }
  bool becomes(std::size_t tag, double value, Quality quality = Quality::good) {
    return sink_.wait([&] { return sink_.is(tag, value, quality); });
  }
  bool becomes_bad(std::size_t tag) {
    return sink_.wait([&] { return sink_.is_bad(tag); });
  }
  std::string why(std::size_t tag) {
    return sink_.look([&] { return sink_.why_bad(tag); });
  }
  std::uint64_t count(const std::string& name) {
    return metrics_.counter("lineside_tag_" + name + "_total", "", {{"source", "source"}}).value();
  }

  mqtt::testing::Broker broker_;
  Stranger stranger_{broker_.port()};
  config::TagSourceSettings settings_;
  std::vector<config::TagSettings> tags_;
  MetricsRegistry metrics_;
  TakingSink sink_;
  std::unique_ptr<TagSource> source_;
};

TEST_F(SparkplugTagsTest, FollowsBirthsDataAndDeaths) {
  const auto up = add("", "up"), t = add("D", "t"), again = add("D", "t"), p = add("D", "p"), none = add("D", "none");
  tags_[again].scale = 2;
  start();
  stranger_.births();
  EXPECT_TRUE(becomes(up, 1) && becomes(t, 20.5) && becomes(again, 41) && becomes(p, 3));
  EXPECT_EQ(sink_.look([&] { return sink_.of[t].back().source_time; }), WallTime{1'700'000'000s});
  EXPECT_TRUE(becomes_bad(none));
  EXPECT_EQ(why(none), "the birth of G/E/D does not name the metric none");
  Metric stale = changed(3, 4.0);
  stale.quality = kQualityStale;
  stranger_.say("DDATA/E/D", 2, {changed(2, 21.0), stale});
  EXPECT_TRUE(becomes(t, 21) && becomes(p, 4, Quality::uncertain));
  stranger_.say("DDEATH/E/D", 3, {});
  EXPECT_TRUE(becomes_bad(t) && becomes_bad(p));
  EXPECT_EQ(why(t), "its device has died");
  EXPECT_TRUE(sink_.look([&] { return sink_.is(up, 1); }));
  stranger_.die();
  EXPECT_TRUE(becomes_bad(up));
  stranger_.births();
  EXPECT_TRUE(becomes(up, 1) && becomes(t, 20.5));
  EXPECT_EQ(stranger_.asked, 1);
  EXPECT_EQ(sink_.look([&] { return sink_.downs; }), 0) << "the source is the broker";
}

TEST_F(SparkplugTagsTest, IsBadAndAsks_WhenAMessageIsMissing) {
  const auto t = add("D", "t");
  start();
  stranger_.births();
  ASSERT_TRUE(becomes(t, 20.5));
  stranger_.say("DDATA/E/D", 3, {changed(2, 22.0)});
  ASSERT_TRUE(becomes_bad(t));
  EXPECT_EQ(why(t), "a message of its edge node is missing");
  EXPECT_TRUE(asked(2));
  stranger_.births();
  EXPECT_TRUE(becomes(t, 20.5));
  EXPECT_EQ(count("lost"), 1U);
  EXPECT_EQ(count("rebirths_asked"), 2U);
}

TEST_F(SparkplugTagsTest, LeavesOutHistory_WhatWasKept_AndWhatIsTooLong) {
  const auto t = add("D", "t");
  settings_.message_bytes_max = 1000;
  start();
  stranger_.births();
  ASSERT_TRUE(becomes(t, 20.5));
  Metric old = changed(2, 1.0);
  old.is_historical = true;
  stranger_.say("DDATA/E/D", 2, {old});
  stranger_.say("DDATA/E/D", 3, {changed(2, 2.0)});
  ASSERT_TRUE(becomes(t, 2));
  EXPECT_EQ(sink_.look([&] { return sink_.of[t].size(); }), 2U);
  EXPECT_EQ(count("lost"), 1U);
  stranger_.say("DDATA/E/D", 4, {changed(2, std::string(2000, 'x'))});
  ASSERT_TRUE(becomes_bad(t));
  EXPECT_THAT(why(t), HasSubstr("message_bytes_max is 1000"));
  stranger_.say("NDATA/E", 900, {}, true);
  for (int i = 0; i < 10'000 && count("lost") < 2; ++i) std::this_thread::sleep_for(1ms);
  source_.reset();
  source_ = make_tag_source(settings_, tags_, system_clock(), metrics_).value();
  const auto faults = count("sparkplug_faults");
  ASSERT_TRUE(source_->start(sink_));
  for (int i = 0; i < 10'000 && count("sparkplug_faults") == faults; ++i) std::this_thread::sleep_for(1ms);
  EXPECT_EQ(count("sparkplug_faults"), faults + 1);
}

TEST_F(SparkplugTagsTest, LivesThroughARestartOfTheBroker_WithAnEdgeNodeThatHasNothingToSay) {
  const auto t = add("D", "t");
  start();
  stranger_.births();
  ASSERT_TRUE(becomes(t, 20.5));
  broker_.kill();
  ASSERT_TRUE(sink_.wait([&] { return sink_.downs > 0 && sink_.is_bad(t); }));
  broker_.start();
  ASSERT_TRUE(asked(2));
  stranger_.births();
  EXPECT_TRUE(becomes(t, 20.5));
}

TEST_F(SparkplugTagsTest, AsksNobodyWhereItShallNot) {
  const auto t = add("D", "t");
  settings_.ask_for_rebirth = false;
  source_ = make_tag_source(settings_, tags_, system_clock(), metrics_).value();
  ASSERT_TRUE(source_->start(sink_));
  ASSERT_TRUE(sink_.wait([&] { return sink_.ups == 1; }));
  std::this_thread::sleep_for(600ms);
  EXPECT_EQ(stranger_.asked, 0);
  stranger_.births();
  EXPECT_TRUE(becomes(t, 20.5));
}

TEST_F(SparkplugTagsTest, TakesWhateverAStrangerSends) {
  const auto t = add("D", "t");
  start();
  stranger_.births();
  ASSERT_TRUE(becomes(t, 20.5));
  stranger_.say("NBIRTH/E/what", 0, {});
  stranger_.say("DDATA/E", 0, {});
  stranger_.say("DDATA/E/D", 2, {changed(99, 1.0)});
  stranger_.say("DBIRTH/E/D", 3, {{.name = "t", .alias = 2, .type = code(Type::string), .value = "hot"}});
  ASSERT_TRUE(becomes_bad(t));
  EXPECT_EQ(why(t), "it is of a type that is no number");
  for (int i = 0; i < 10'000 && count("sparkplug_faults") < 2; ++i) std::this_thread::sleep_for(1ms);
  EXPECT_GE(count("sparkplug_faults"), 2U);
}

}  // namespace
}  // namespace lineside::gateway
