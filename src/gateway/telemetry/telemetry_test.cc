#include "gateway/telemetry/telemetry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

class Records final : public RecordSink {
 public:
  void put(Lane lane, RecordBody body) override {
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(lane, std::holds_alternative<EventRecord>(body) ? Lane::urgent : Lane::bulk);
    all_.push_back(std::move(body));
  }
  template <class Body>
  std::vector<Body> of() const {
    const std::lock_guard lock(mutex_);
    std::vector<Body> found;
    for (const auto& record : all_)
      if (const auto* body = std::get_if<Body>(&record)) found.push_back(*body);
    return found;
  }
  std::vector<std::string> events() const {  // "type asset"
    std::vector<std::string> found;
    for (const auto& event : of<EventRecord>()) found.push_back(event.type + " " + event.asset);
    return found;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<RecordBody> all_;
};

config::TelemetrySettings settings_of(int tags, config::TagSourceSettings::Kind kind) {
  config::TelemetrySettings settings;
  settings.block_period = 10s;
  settings.sources.push_back({.name = "boiler", .kind = kind});
  for (int i = 0; i < tags; ++i) {
    config::TagSettings tag{.name = "boiler/t" + std::to_string(i), .source = "boiler", .unit = "°C"};
    tag.max_error = 1, tag.max_error_of_span = false;
    tag.mqtt.topic = "boiler/" + std::to_string(i % 3);
    settings.tags.push_back(tag);
  }
  return settings;
}

struct Filtered {
  ManualClock clock;
  MetricsRegistry metrics;
  Records records;
  std::uint64_t lost = 0;
  std::unique_ptr<TagFilter> filter;

  explicit Filtered(const config::TelemetrySettings& settings,
                    std::function<void(std::vector<std::uint8_t>&)> spoil = {}) {
    filter = std::make_unique<TagFilter>(
        settings, TelemetryParts{records, metrics, clock, [this] { return lost; }, std::move(spoil)});
  }
  Sample sample(std::size_t tag, double value, Quality quality = Quality::good) const {
    return {.tag = tag, .source_time = clock.wall(), .received = clock.wall(), .value = value, .quality = quality};
  }
  void give(std::initializer_list<double> values) {
    std::vector<Sample> samples;
    for (const double value : values) samples.push_back(sample(samples.size(), value));
    filter->take(samples);
  }
  void pass(nanoseconds time) {
    clock.advance(time);
    filter->look_after();
  }
  std::uint64_t counter(const std::string& name) { return metrics.counter(name, "").value(); }
};

using Kind = config::TagSourceSettings::Kind;

TEST(TagFilter, APollIsOneRow_AndABlockLeavesAfterItsPeriod) {
  Filtered f(settings_of(3, Kind::modbus));
  for (int i = 0; i < 10; ++i) {
    f.give({20.0 + i, 30, 40});
    f.pass(1s);
  }
  const auto blocks = f.records.of<TagBlock>();
  ASSERT_EQ(blocks.size(), 1U);
  EXPECT_EQ(blocks[0].stream, "boiler");
  EXPECT_EQ(blocks[0].rows, 10U);
  EXPECT_EQ(blocks[0].samples, 30U);
  EXPECT_FALSE(blocks[0].plan.empty());
  EXPECT_EQ(blocks[0].to - blocks[0].from, 9s);
  EXPECT_EQ(f.counter("lineside_telemetry_samples_total"), 30U);
  EXPECT_EQ(f.counter("lineside_telemetry_float32_bytes_total"), 120U);
}

// Each reading given is found again within its bound by a receiver who only has the records.
TEST(TagFilter, AReceiverRebuildsEveryReadingWithinItsBound_AlsoOfManyStreams) {
  Filtered f(settings_of(150, Kind::mqtt));
  std::mt19937 random{5};
  struct Given {
    double value = 0;
    bool bad = false;
  };
  std::map<std::pair<std::string, std::int64_t>, Given> given;
  for (int round = 0; round < 300; ++round) {
    std::vector<Sample> samples;
    for (std::size_t tag = 0; tag < 150; ++tag) {
      if (random() % 3 == 0) continue;
      Sample sample = f.sample(tag, 50 + static_cast<double>(random() % 1000) / 10);
      if (random() % 50 == 0) sample.quality = Quality::bad;
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(sample.received.time_since_epoch()).count();
      given[{"boiler/t" + std::to_string(tag), ms}] = {sample.value, sample.quality == Quality::bad};
      samples.push_back(sample);
    }
    f.filter->take(samples);
    f.pass(500ms);
  }
  f.filter->close_all();
  EXPECT_EQ(f.filter->streams(), 3U);
  std::map<std::string, telemetry::StreamDecoder> decoders;
  std::size_t found = 0;
  for (const TagBlock& block : f.records.of<TagBlock>()) {
    if (block.index == 0) decoders.insert_or_assign(block.stream, telemetry::StreamDecoder::begin(block.plan).value());
    auto& decoder = decoders.at(block.stream);
    const auto groups = decoder.decode(block.bytes, block.check);
    ASSERT_TRUE(groups.has_value()) << groups.error().message;
    for (std::size_t g = 0; g < groups->size(); ++g)
      for (std::size_t t = 0; t < (*groups)[g].readings.size(); ++t)
        for (std::size_t row = 0; row < (*groups)[g].times.size(); ++row) {
          const auto& reading = (*groups)[g].readings[t][row];
          if (reading.state == telemetry::Reading::State::none) continue;
          const auto wanted = given.find({decoder.tags()[g][t].name, (*groups)[g].times[row]});
          ASSERT_NE(wanted, given.end());
          ++found;
          EXPECT_EQ(reading.state == telemetry::Reading::State::bad, wanted->second.bad);
          if (wanted->second.bad) continue;
          ASSERT_LE(std::abs(reading.value - wanted->second.value), 1.0);
        }
  }
  EXPECT_EQ(found, given.size());
}

TEST(TagFilter, BeginsAnewAfterRecordsWereLost) {
  Filtered f(settings_of(1, Kind::modbus));
  const auto block_after = [&](double value) {
    f.give({value});
    f.pass(10s);
    return f.records.of<TagBlock>().back();
  };
  EXPECT_EQ(block_after(1).index, 0U);
  const TagBlock second = block_after(2);
  EXPECT_EQ(second.index, 1U);
  f.lost = 3;
  f.pass(1ms);
  const TagBlock third = block_after(3);
  EXPECT_EQ(third.index, 0U);
  EXPECT_GT(third.generation, second.generation);
  EXPECT_EQ(block_after(4).index, 1U);
}

TEST(TagFilter, LimitsAreToldAtOnce_AndLeftOnlyByTheDeadband) {
  auto settings = settings_of(1, Kind::modbus);
  auto& tag = settings.tags[0];
  tag.low_low = 5, tag.low = 10, tag.high = 80, tag.high_high = 90, tag.deadband = 2;
  Filtered f(settings);
  for (const double value : {50.0, 81.0, 91.0, 89.0, 85.0, 79.0, 77.0, 50.0, 4.0, 6.5, 11.0, 13.0}) {
    f.give({value});
    f.pass(2s);
  }
  const std::vector<std::string> expected{"tag.high boiler/t0",   "tag.high_high boiler/t0", "tag.high boiler/t0",
                                          "tag.normal boiler/t0", "tag.low_low boiler/t0",   "tag.low boiler/t0",
                                          "tag.normal boiler/t0"};
  EXPECT_EQ(f.records.events(), expected);
  const auto first = f.records.of<EventRecord>().front();
  EXPECT_EQ(first.message, "boiler/t0 is high: 81 °C (limit 80 °C).");
  EXPECT_EQ(first.severity, Severity::medium);
}

TEST(TagFilter, KnowsWhichTagsAreBeyondALimit_SinceWhen) {
  auto settings = settings_of(2, Kind::modbus);
  settings.tags[1].high = 80, settings.tags[1].high_high = 90, settings.tags[1].deadband = 2;
  Filtered f(settings);
  f.give({50.0, 81.0});
  ASSERT_EQ(f.filter->limit_alarms().size(), 1U);
  EXPECT_EQ(f.filter->limit_alarms().at(1).severity, Severity::medium);
  f.pass(2s);
  f.give({50.0, 91.0});
  const auto& alarm = f.filter->limit_alarms().at(1);
  EXPECT_EQ(alarm.severity, Severity::high);
  EXPECT_EQ(alarm.since, f.clock.wall());
  EXPECT_EQ(alarm.message, "boiler/t1 is high high: 91 °C (limit 90 °C).");
  f.pass(2s);
  f.give({50.0, 50.0});
  EXPECT_TRUE(f.filter->limit_alarms().empty());
}

TEST(TagFilter, AValueThatDancesOnALimitFloodsNobody_AndItsLastStateIsTold) {
  auto settings = settings_of(1, Kind::modbus);
  settings.tags[0].high = 80;
  Filtered f(settings);
  for (int i = 0; i < 1000; ++i) {
    f.give({i % 2 == 0 ? 81.0 : 79.0});
    f.pass(10ms);
  }
  f.pass(LimitWatch::kPauseMax);
  EXPECT_LE(f.records.events().size(), 24U);
  EXPECT_EQ(f.records.events().back(), "tag.normal boiler/t0");
}

TEST(TagFilter, BadQualityNeitherTripsNorClears_AndIsToldOnce) {
  auto settings = settings_of(1, Kind::modbus);
  settings.tags[0].high = 80;
  Filtered f(settings);
  const auto give = [&](double value, Quality quality) {
    const Sample sample = f.sample(0, value, quality);
    f.filter->take({&sample, 1});
    f.pass(1s);
  };
  give(85, Quality::good);
  give(20, Quality::uncertain);
  give(99, Quality::bad);
  give(std::nan(""), Quality::good);
  f.pass(1s);
  const std::vector<std::string> expected{"tag.high boiler/t0", "tag.bad boiler/t0"};
  EXPECT_EQ(f.records.events(), expected);
  give(20, Quality::good);
  EXPECT_EQ(f.records.events().back(), "tag.normal boiler/t0");
  f.pass(60s);
  EXPECT_EQ(f.records.events().back(), "tag.good boiler/t0");
}

TEST(TagFilter, ASourceThatGoesIsOneEvent_NotOneForEachTag) {
  Filtered f(settings_of(50, Kind::modbus));
  std::vector<Sample> bad;
  for (std::size_t i = 0; i < 50; ++i) bad.push_back(f.sample(i, 0, Quality::bad));
  f.filter->take(bad);
  f.filter->source_is(0, false, "no route to host");
  f.pass(1s);
  f.pass(10min);
  EXPECT_EQ(f.records.events(), std::vector<std::string>{"tag_source.down boiler"});
  f.filter->source_is(0, true, "");
  f.pass(1s);
  EXPECT_EQ(f.records.events().size(), 3U);  // there again, but its tags are still bad: one event for all
  EXPECT_EQ(f.records.events().back(), "tag.bad boiler");
}

TEST(TagFilter, ATimeIsThatOfTheSource_OrOfReceiptWhereThatSaysNone) {
  Filtered f(settings_of(1, Kind::modbus));
  const WallTime now = f.clock.wall();
  const auto give = [&](WallTime source_time) {
    Sample sample = f.sample(0, 1);
    sample.source_time = source_time;
    f.filter->take({&sample, 1});
  };
  give(now - 5s);
  give(now - 20s);  // back
  give(WallTime{});
  f.filter->close_all();
  const auto block = f.records.of<TagBlock>().at(0);
  auto decoder = telemetry::StreamDecoder::begin(block.plan).value();
  const auto rows = decoder.decode(block.bytes, block.check).value();
  const std::int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  EXPECT_EQ(rows[0].times, (std::vector<std::int64_t>{ms - 5000, ms - 20000, ms}));
  EXPECT_EQ(block.from, now - 20s);
  EXPECT_EQ(block.to, now);
}

TEST(TagFilter, BlocksOfAllStreamsLeaveTogether_SoThatTheyShareABatch) {
  auto settings = settings_of(1, Kind::modbus);
  settings.sources.push_back({.name = "other", .kind = Kind::modbus});
  settings.tags.push_back({.name = "other/t", .source = "other"});
  Filtered f(settings);
  const auto give = [&](std::size_t tag) {
    const Sample sample = f.sample(tag, 1);
    f.filter->take({&sample, 1});
  };
  give(0);
  f.pass(6s);
  give(1);
  f.pass(3s);
  EXPECT_EQ(f.records.of<TagBlock>().size(), 0U);
  f.pass(1s);
  EXPECT_EQ(f.records.of<TagBlock>().size(), 2U);
}

TEST(TagFilter, ATagOfSummariesOnlySendsNoReadings) {
  auto settings = settings_of(1, Kind::modbus);
  settings.tags[0].summary_only = true;
  settings.tags[0].high = 15;
  Filtered f(settings);
  for (int i = 0; i < 60; ++i) {
    const Sample sample = f.sample(0, i < 30 ? 10 : 20, i == 5 ? Quality::bad : Quality::good);
    f.filter->take({&sample, 1});
    f.pass(1s);
  }
  f.pass(1s);
  EXPECT_TRUE(f.records.of<TagBlock>().empty());
  const auto summaries = f.records.of<TagSummary>();
  ASSERT_EQ(summaries.size(), 1U);
  EXPECT_EQ(summaries[0].count, 59U);
  EXPECT_EQ(summaries[0].bad, 1U);
  EXPECT_NEAR(summaries[0].mean, (29 * 10 + 30 * 20) / 59.0, 1e-12);
  EXPECT_EQ(summaries[0].min, 10);
  EXPECT_EQ(summaries[0].max, 20);
  EXPECT_NEAR(summaries[0].deviation, 5.0422, 1e-3);
  EXPECT_NEAR(summaries[0].above_high_s, 29, 1e-9);
}

TEST(TagFilter, ASummaryTakesItsWholePeriod_WhenTheSourcesClockIsBehind) {
  auto settings = settings_of(1, Kind::modbus);
  settings.tags[0].summary_only = true;
  Filtered f(settings);
  for (int i = 0; i < 30; ++i) {
    Sample sample = f.sample(0, 10, Quality::good);
    sample.source_time = sample.received - 3h;
    f.filter->take({&sample, 1});
    f.pass(1s);
  }
  EXPECT_TRUE(f.records.of<TagSummary>().empty());
}

TEST(TagFilter, ReadingsOfAnotherHourAreInAnotherBlock) {
  Filtered f(settings_of(1, Kind::modbus));
  for (const auto ago : {0h, 3h, 3h, 0h}) {
    Sample sample = f.sample(0, 10, Quality::good);
    sample.source_time = sample.received - ago;
    f.filter->take({&sample, 1});
  }
  f.filter->close_all();
  const auto blocks = f.records.of<TagBlock>();
  ASSERT_EQ(blocks.size(), 3U);
  EXPECT_EQ(blocks[1].samples, 2U);
}

TEST(TagFilter, MuchIsCodedInTurns_SoThatTheQueueIsServedBetween) {
  constexpr std::size_t kTags = 8 * telemetry::kStreamTagsMax;
  auto settings = settings_of(kTags, Kind::modbus);
  settings.block_period = 1h;
  Filtered f(settings);
  std::vector<Sample> samples(kTags);
  for (int row = 0; row < 255; ++row) {
    for (std::size_t i = 0; i < kTags; ++i) samples[i] = f.sample(i, 1);
    f.filter->take(samples);
    f.clock.advance(1s);
  }
  f.pass(1h);
  const std::size_t first = f.records.of<TagBlock>().size();
  EXPECT_GT(first, 1U);
  EXPECT_LT(first, 8U);
  f.pass(1ms);
  EXPECT_EQ(f.records.of<TagBlock>().size(), 8U);
}

TEST(TagFilter, ABlockIsNeverLongerThanAnHour_AlsoInSmallSteps) {
  Filtered f(settings_of(1, Kind::modbus));
  for (int i = 0; i < 20; ++i) {
    Sample sample = f.sample(0, 10);
    sample.source_time = sample.received - 10h + i * 25min;
    f.filter->take({&sample, 1});
  }
  f.filter->close_all();
  const auto blocks = f.records.of<TagBlock>();
  EXPECT_EQ(blocks.size(), 7U);
  for (const TagBlock& block : blocks) EXPECT_LE(block.to - block.from, StreamFilter::kSpanMax);
}

// The hub takes away what a block is ahead: of one that also has right times it would be too much.
TEST(TagFilter, ReadingsBeforeAndAfterTheClockWasSetAreInTwoBlocks) {
  Filtered f(settings_of(1, Kind::modbus));
  for (const auto ahead : {30min, 30min, 0min, 0min}) {
    Sample sample = f.sample(0, 10);
    sample.received += ahead;
    sample.source_time = {};
    f.filter->take({&sample, 1});
    f.clock.advance(1s);
  }
  f.filter->close_all();
  const auto blocks = f.records.of<TagBlock>();
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_EQ(blocks[0].samples, 2U);
}

TEST(TagSummarizer, HugeValuesNeverMakeANumberUp) {
  config::TagSettings settings{.name = "t"};
  TagSummarizer summarizer(settings);
  for (const double value : {1.7e308, -1.7e308, 1.7e308})
    summarizer.add({.value = value, .quality = Quality::good}, WallTime{1s}, MonoTime{1s});
  const auto summary = summarizer.take(MonoTime{2s}, true);
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->max, 1e300);
  EXPECT_EQ(summary->min, -1e300);
  EXPECT_NEAR(summary->mean, 1e300 / 3, 1e290);
}

TEST(LimitWatch, AValueThatDancesOnALimitIsToldEverMoreSeldom) {
  config::TagSettings settings;
  settings.high = 10;
  LimitWatch watch(settings);
  MonoTime now{std::chrono::hours{1}};
  int told = 0;
  for (int i = 0; i < 3600 * 10; ++i, now += 100ms) told += watch.add(i % 2 == 0 ? 11 : 9, now) ? 1 : 0;
  EXPECT_GT(told, 20);
  EXPECT_LT(told, 140) << "an hour: two for each 64 s, and some more at first";
  while (!watch.look(now += 1s) && now < MonoTime{std::chrono::hours{3}}) continue;
  const auto change = watch.add(12, now + 10min);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->value, 12);
}

TEST(TagFilter, ADefectOfTheCoderIsTold_AndNoReadingLeavesOutOfItsBound) {
  int blocks = 0;
  Filtered f(settings_of(1, Kind::modbus), [&](std::vector<std::uint8_t>& bytes) {
    if (++blocks == 2) bytes.front() ^= 0x55;
  });
  for (int i = 0; i < 40; ++i) {
    f.give({20 + 30 * std::sin(i)});
    f.pass(1s);
  }
  EXPECT_EQ(f.records.events(), std::vector<std::string>{"telemetry.proof_failed telemetry"});
  EXPECT_EQ(f.counter("lineside_telemetry_proof_failures_total"), 1U);
  std::optional<telemetry::StreamDecoder> decoder;
  int row_number = 0;
  for (const TagBlock& block : f.records.of<TagBlock>()) {
    if (block.index == 0) decoder.emplace(telemetry::StreamDecoder::begin(block.plan).value());
    const auto groups = decoder->decode(block.bytes, block.check);
    ASSERT_TRUE(groups.has_value());
    for (const auto& reading : (*groups)[0].readings[0])
      ASSERT_NEAR(reading.value, 20 + 30 * std::sin(row_number++), 1.0);
  }
  EXPECT_EQ(row_number, 40);
}

TEST(Telemetry, WhatWasDroppedIsTold_AndWhatWaitsAtTheEndIsSent) {
  auto settings = settings_of(1, Kind::file);
  settings.queue_samples = 100;
  settings.block_period = 1h;
  Records records;
  MetricsRegistry metrics;
  Telemetry telemetry(settings, {records, metrics, system_clock(), {}, {}});
  const WallTime now = system_clock().wall();
  std::vector<Sample> samples(250);
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = {
        .source_time = now - 1s + std::chrono::milliseconds{i}, .received = now, .value = 3, .quality = Quality::good};
  telemetry.sink(0).on_samples(samples);
  telemetry.sink(0).on_samples(std::vector<Sample>{{.tag = 77, .received = now}});
  telemetry.sink(0).on_bad_value(0, "no number");
  telemetry.start();
  telemetry.stop();
  std::uint64_t sent = 0;
  for (const TagBlock& block : records.of<TagBlock>()) sent += block.samples;
  EXPECT_EQ(sent, 99U);
  EXPECT_EQ(metrics.counter("lineside_telemetry_dropped_samples_total", "").value(), 151U);
  EXPECT_EQ(metrics.counter("lineside_telemetry_refused_samples_total", "").value(), 1U);
  EXPECT_EQ(metrics.counter("lineside_telemetry_bad_values_total", "").value(), 1U);
  EXPECT_EQ(telemetry.newest().at(0).value, 3);
}

}  // namespace
}  // namespace lineside::gateway
