#include "wire/batch.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <array>
#include <cmath>
#include <functional>

#include "model/tag_limits.h"
#include "uplink.pb.h"

namespace lineside::wire {
namespace {

using std::chrono::nanoseconds;

constexpr std::string_view kEpoch = "01890a5d-ac96-774b-bcce-b302099a8057";

WallTime at(std::int64_t ns) { return WallTime{nanoseconds{ns}}; }

Record verdict(std::uint64_t sequence) {
  return {sequence, VerdictRecord{.station = "cap",
                                  .item = sequence * 10,
                                  .time = at(1'700'000'000'000'000'123),
                                  .decision = Decision::reject,
                                  .reason = Reason::doubt,
                                  .score = 0.75F,
                                  .label = "tilted",
                                  .model_version = "caps@3",
                                  .deadline_met = true,
                                  .actuated = true,
                                  .decision_ns = 4'000'000,
                                  .actuation_ns = -1}};
}

Record loss(std::uint64_t first, std::uint64_t last) {
  return {last, LossRecord{Lane::bulk, first, last, "outbox.full", at(7)}};
}

Bytes compress(const Bytes& bytes) {
  Bytes compressed(ZSTD_compressBound(bytes.size()));
  compressed.resize(ZSTD_compress(compressed.data(), compressed.size(), bytes.data(), bytes.size(), 1));
  return compressed;
}

Bytes batch_of(const std::vector<Record>& records, std::uint64_t first, Lane lane = Lane::bulk,
               std::string_view epoch = kEpoch) {
  BatchBuilder builder("t1", "g1", lane, epoch, first, at(99));
  for (const Record& record : records) EXPECT_TRUE(builder.add(encode_record(record)));
  return builder.finish().value();
}

// A batch from protobuf messages, as a hostile sender would make it.
pb::Batch message_of(std::uint64_t first) {
  pb::Batch message;
  message.set_tenant("t1");
  message.set_gateway("g1");
  message.set_epoch(std::string(kEpoch));
  message.set_first_sequence(first);
  return message;
}

Result<Batch> decode(const pb::Batch& message) {
  const std::string text = message.SerializeAsString();
  return decode_batch(compress(Bytes(text.begin(), text.end())));
}

TEST(Batch, BringsEveryKindOfRecordBackAsItWas) {
  StationSummary summary{.station = "cap",
                         .from = at(1),
                         .to = at(2),
                         .items = 600,
                         .passed = 580,
                         .rejected = 20,
                         .fail_safe = 3,
                         .late = 2,
                         .actuation_failed = 1,
                         .raw_bytes = 1ULL << 40};
  summary.decision_latency = {{1'000'000, 5}, {2'000'000, 595}};
  summary.camera_up = true;
  summary.model_version = "caps@3";
  summary.deadline_ns = 50'000'000;
  const EventRecord event{.id = std::string(kEpoch),
                          .type = "camera.lost",
                          .asset = "cam1",
                          .severity = Severity::critical,
                          .time = at(5),
                          .message = "no frames: Kälte",
                          .evidence = {{"after_ms", "2000"}, {"tries", "3"}}};
  const PictureRecord picture{.station = "cap", .item = 9, .time = at(6), .kind = "thumbnail", .jpeg = {0xFF, 0xD8, 0}};
  const auto batch =
      decode_batch(batch_of({verdict(5), {6, summary}, {7, event}, {8, picture}, loss(9, 20), verdict(21)}, 5)).value();
  EXPECT_EQ(batch.tenant, "t1");
  EXPECT_EQ(batch.gateway, "g1");
  EXPECT_EQ(batch.lane, Lane::bulk);
  EXPECT_EQ(batch.epoch, kEpoch);
  EXPECT_EQ(batch.first_sequence, 5U);
  EXPECT_EQ(batch.created, at(99));
  EXPECT_EQ(batch.unreadable, 0U);
  ASSERT_EQ(batch.records.size(), 6U);
  const auto& v = std::get<VerdictRecord>(batch.records[0].body);
  EXPECT_EQ(v.station, "cap");
  EXPECT_EQ(v.item, 50U);
  EXPECT_EQ(v.time, at(1'700'000'000'000'000'123));
  EXPECT_EQ(v.reason, Reason::doubt);
  EXPECT_EQ(v.score, 0.75F);
  EXPECT_EQ(v.actuation_ns, -1);
  EXPECT_TRUE(v.deadline_met && v.actuated);
  const auto& s = std::get<StationSummary>(batch.records[1].body);
  EXPECT_EQ(s.raw_bytes, 1ULL << 40);
  EXPECT_EQ(s.decision_latency, summary.decision_latency);
  EXPECT_EQ(s.deadline_ns, 50'000'000);
  EXPECT_TRUE(s.camera_up && !s.actuator_up);
  EXPECT_EQ(std::get<EventRecord>(batch.records[2].body).evidence, event.evidence);
  EXPECT_EQ(std::get<EventRecord>(batch.records[2].body).message, event.message);
  EXPECT_EQ(std::get<PictureRecord>(batch.records[3].body).jpeg, picture.jpeg);
  EXPECT_EQ(std::get<LossRecord>(batch.records[4].body).first, 9U);
  EXPECT_EQ(std::get<LossRecord>(batch.records[4].body).lane, Lane::bulk);
  EXPECT_EQ(batch.records[5].sequence, 21U);
}

AssetSummary motor_summary() {
  AssetSummary motor{.asset = "motor1", .from = at(1), .to = at(2), .mode = "scoring", .progress = 0.5F};
  motor.trouble = "a trouble", motor.state = "1480 rpm", motor.sensor = "x: flat", motor.alarm = true;
  motor.windows = 9, motor.anomalies = 3, motor.unknown = 2, motor.sensor_faults = 1;
  motor.score_min = 0.5F, motor.score_mean = 1.5F, motor.score_max = 4, motor.threshold = 3;
  motor.raw_bytes = 1ULL << 33, motor.lost_samples = 7, motor.velocity_mm_s = 2.8F, motor.model_version = "motor@1";
  motor.features = {{"x rms", 3.5F}, {"y peak", -2}};
  motor.spectra = {{"x", "g", {5, 10}, {0.1F, 0.2F}, {0.3F, 0.4F}, {0.5F, 0.6F}}};
  return motor;
}

TEST(Batch, BringsTheSummaryOfAMachineBackAsItWas) {
  const AssetSummary motor = motor_summary();
  const auto batch = decode_batch(batch_of({{1, motor}}, 1)).value();
  ASSERT_EQ(batch.records.size(), 1U);
  const auto& m = std::get<AssetSummary>(batch.records[0].body);
  EXPECT_EQ(m.asset, motor.asset);
  EXPECT_EQ(m.from, motor.from);
  EXPECT_EQ(m.to, motor.to);
  EXPECT_EQ((std::array{m.mode, m.trouble, m.state, m.sensor, m.model_version}),
            (std::array{motor.mode, motor.trouble, motor.state, motor.sensor, motor.model_version}));
  EXPECT_EQ((std::array{m.progress, m.score_min, m.score_mean, m.score_max, m.threshold, m.velocity_mm_s}),
            (std::array{motor.progress, motor.score_min, motor.score_mean, motor.score_max, motor.threshold,
                        motor.velocity_mm_s}));
  EXPECT_EQ((std::array{m.windows, m.anomalies, m.unknown, m.sensor_faults, m.raw_bytes, m.lost_samples}),
            (std::array{motor.windows, motor.anomalies, motor.unknown, motor.sensor_faults, motor.raw_bytes,
                        motor.lost_samples}));
  EXPECT_TRUE(m.alarm);
  EXPECT_EQ(m.features, motor.features);
  ASSERT_EQ(m.spectra.size(), 1U);
  EXPECT_EQ(m.spectra[0].channel, "x");
  EXPECT_EQ(m.spectra[0].low_hz, motor.spectra[0].low_hz);
  EXPECT_EQ(m.spectra[0].spread, motor.spectra[0].spread);
}

TEST(Batch, CallsASummaryUnreadable_WhenItsScoresAreNoNumbersOrItsListsDoNotFit) {
  const std::vector<std::function<void(pb::AssetSummary&)>> lies{
      [](auto& m) { m.set_score_max(std::nanf("")); },
      [](auto& m) { m.set_threshold(INFINITY); },
      [](auto& m) { m.set_windows(1ULL << 63); },
      [](auto& m) { m.add_feature("without a number"); },
      [](auto& m) { m.set_state("\xff\xfe"); },
      [](auto& m) {
        auto* spectrum = m.add_spectra();
        spectrum->add_low_hz(5);
      },
      [](auto& m) {
        for (int i = 0; i < 100'000; ++i) m.add_spectra();
      },
  };
  for (std::size_t i = 0; i < lies.size(); ++i) {
    pb::Batch message = message_of(1);
    auto* summary = message.add_records()->mutable_asset_summary();
    summary->set_asset("motor1");
    lies[i](*summary);
    const auto batch = decode(message);
    EXPECT_TRUE(!batch || batch->unreadable == 1) << i;
  }
}

TEST(Batch, BringsTagsBackAsTheyWere) {
  TagBlock block{.stream = "boiler/2", .generation = 1'764'000'000'000, .from = at(5'000'000), .to = at(15'000'000)};
  block.rows = 10, block.samples = 640, block.check = 0xfedcba98, block.bytes = {0, 255, 3}, block.plan = {1, 9};
  TagBlock next = block;
  next.index = 7;
  next.plan.clear();
  const TagSummary summary{.tag = "boiler/feed",
                           .unit = "°C",
                           .from = at(1),
                           .to = at(2),
                           .count = 60,
                           .bad = 2,
                           .mean = -1.5,
                           .min = -9,
                           .max = 1e300,
                           .deviation = 0.25,
                           .above_high_s = -1};
  const auto batch = decode_batch(batch_of({{1, block}, {2, next}, {3, summary}}, 1)).value();
  ASSERT_EQ(batch.records.size(), 3U);
  EXPECT_EQ(batch.unreadable, 0U);
  const auto& b = std::get<TagBlock>(batch.records[0].body);
  EXPECT_EQ(b.stream, block.stream);
  EXPECT_EQ((std::array{b.from, b.to}), (std::array{block.from, block.to}));
  EXPECT_EQ((std::array{b.generation, std::uint64_t{b.index}, b.rows, b.samples, std::uint64_t{b.check}}),
            (std::array{block.generation, std::uint64_t{0}, block.rows, block.samples, std::uint64_t{block.check}}));
  EXPECT_EQ(b.bytes, block.bytes);
  EXPECT_EQ(b.plan, block.plan);
  EXPECT_EQ(std::get<TagBlock>(batch.records[1].body).index, 7U);
  const auto& s = std::get<TagSummary>(batch.records[2].body);
  EXPECT_EQ((std::array{s.tag, s.unit}), (std::array{summary.tag, summary.unit}));
  EXPECT_EQ((std::array{s.from, s.to}), (std::array{summary.from, summary.to}));
  EXPECT_EQ((std::array{s.count, s.bad}), (std::array{summary.count, summary.bad}));
  EXPECT_EQ((std::array{s.mean, s.min, s.max, s.deviation, s.above_high_s}),
            (std::array{summary.mean, summary.min, summary.max, summary.deviation, summary.above_high_s}));
}

TEST(Batch, CallsABlockOfTagsUnreadable_WhenItLies) {
  const std::vector<std::function<void(pb::TagBlock&)>> lies{
      [](auto& b) { b.set_stream(""); },
      [](auto& b) { b.set_stream("\xff"); },
      [](auto& b) { b.set_plan(""); },
      [](auto& b) { b.set_index(3); },
      [](auto& b) { b.set_from_ms(~0ULL); },
      [](auto& b) { b.set_length_ms(1ULL << 43); },
      [](auto& b) { b.set_generation(1ULL << 63); },
      [](auto& b) { b.set_samples(kTagSamplesMax + 1); },
      [](auto& b) { b.set_rows(kTagSamplesMax + 1); },
      [](auto& b) { b.set_plan(std::string(kTagPlanBytesMax + 1, 'p')); },
      [](auto& b) { b.set_plan(""), b.set_index(kTagBlocksMax); },
  };
  for (std::size_t i = 0; i <= lies.size(); ++i) {
    pb::Batch message = message_of(1);
    auto* record = message.add_records();
    record->set_sequence(1);
    auto* block = record->mutable_tag_block();
    block->set_stream("boiler");
    block->set_plan("p");
    if (i < lies.size()) lies[i](*block);
    const auto batch = decode(message);
    ASSERT_TRUE(batch.has_value()) << i;
    EXPECT_EQ(batch->unreadable, i < lies.size() ? 1U : 0U) << i;
  }
}

TEST(Batch, KeepsNoNumberForAScoreThatIsNone) {
  Record record = verdict(1);
  for (const float score : {std::nanf(""), INFINITY, -INFINITY}) {
    std::get<VerdictRecord>(record.body).score = score;
    const auto batch = decode_batch(batch_of({record}, 1)).value();
    EXPECT_TRUE(std::isnan(std::get<VerdictRecord>(batch.records[0].body).score));
  }
}

TEST(Batch, IsRefusedWithAHoleOrAnOverlap) {
  EXPECT_FALSE(decode_batch(batch_of({verdict(1), verdict(3)}, 1)));
  EXPECT_FALSE(decode_batch(batch_of({verdict(2), verdict(2)}, 2)));
  EXPECT_FALSE(decode_batch(batch_of({verdict(3), verdict(2)}, 3)));
  EXPECT_FALSE(decode_batch(batch_of({verdict(2)}, 1)));
  EXPECT_FALSE(decode_batch(batch_of({verdict(1), loss(1, 4)}, 1)));
  EXPECT_FALSE(decode_batch(batch_of({verdict(1), loss(4, 6)}, 1)));
  EXPECT_FALSE(decode_batch(batch_of({verdict(0)}, 0)));
  EXPECT_FALSE(decode_batch(batch_of({verdict(kSequenceMax + 1)}, kSequenceMax + 1)));
  EXPECT_TRUE(decode_batch(batch_of({verdict(kSequenceMax)}, kSequenceMax)));
}

TEST(Batch, IsRefusedWhenALossStandsElsewhere) {
  Record record = loss(1, 5);
  record.sequence = 4;
  EXPECT_FALSE(decode_batch(batch_of({record}, 1)));
  record = loss(5, 1);
  EXPECT_FALSE(decode_batch(batch_of({record}, 1)));
}

TEST(Batch, IsRefusedWithAnUnknownLaneOrEpoch) {
  EXPECT_FALSE(decode_batch(batch_of({verdict(1)}, 1, static_cast<Lane>(2))));
  EXPECT_FALSE(decode_batch(batch_of({verdict(1)}, 1, Lane::urgent, "")));
  EXPECT_FALSE(decode_batch(batch_of({verdict(1)}, 1, Lane::urgent, "01890a5d-ac96-774b-bcce-b302099a805Z")));
}

TEST(Batch, KeepsThePlaceOfARecordThatItCanNotRead) {
  pb::Batch message = message_of(1);
  auto* bad_reason = message.add_records();
  bad_reason->set_sequence(1);
  bad_reason->mutable_verdict()->set_reason(200);
  message.add_records()->set_sequence(2);  // a kind that a later version may have
  auto* bad_count = message.add_records();
  bad_count->set_sequence(3);
  bad_count->mutable_station_summary()->set_items(~0ULL);
  auto* bad_severity = message.add_records();
  bad_severity->set_sequence(4);
  bad_severity->mutable_event()->set_severity(5);
  auto* bad_histogram = message.add_records();
  bad_histogram->set_sequence(5);
  bad_histogram->mutable_station_summary()->add_latency_count(1);
  auto* bad_time = message.add_records();
  bad_time->set_sequence(6);
  bad_time->mutable_picture()->set_time_ns(~0ULL);
  auto* bad_text = message.add_records();
  bad_text->set_sequence(7);
  bad_text->mutable_verdict()->set_station("a\xFF");
  auto* good = message.add_records();
  good->set_sequence(8);
  good->mutable_verdict()->set_station("cap");
  const auto batch = decode(message).value();
  EXPECT_EQ(batch.unreadable, 7U);
  ASSERT_EQ(batch.records.size(), 8U);
  for (std::size_t i = 0; i < 7; ++i) {
    const auto& lost = std::get<LossRecord>(batch.records[i].body);
    EXPECT_EQ(lost.cause, "record.unreadable");
    EXPECT_EQ(lost.first, i + 1);
    EXPECT_EQ(lost.last, i + 1);
  }
  EXPECT_TRUE(std::holds_alternative<VerdictRecord>(batch.records[7].body));
}

TEST(Batch, TakesNoMoreMemoryThanItSays) {
  // A few bytes that claim, or unpack to, far more than is allowed.
  EXPECT_FALSE(decode_batch(compress(Bytes(kBatchBytesMax + 1, 0))));
  EXPECT_FALSE(decode_batch(Bytes(kCompressedBytesMax + 1, 0)));
  Bytes many_records;
  for (std::size_t i = 0; i <= kBatchRecordsMax; ++i) many_records.insert(many_records.end(), {5 << 3 | 2, 0});
  EXPECT_FALSE(decode_batch(compress(many_records)));
  pb::Batch message = message_of(1);
  auto* record = message.add_records();
  record->set_sequence(1);
  for (int i = 0; i < 200'000; ++i) record->mutable_event()->add_evidence()->set_key("ab");
  EXPECT_FALSE(decode(message));
}

TEST(Batch, IsRefusedWhenCutOrFollowedBySomething) {
  const Bytes good = batch_of({verdict(1), verdict(2)}, 1);
  ASSERT_TRUE(decode_batch(good));
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(decode_batch(ByteView(good).first(size)));
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(decode_batch(longer));
  Bytes twice = good;
  twice.insert(twice.end(), good.begin(), good.end());
  EXPECT_FALSE(decode_batch(twice));
}

TEST(Batch, NoticesEachFlippedBit) {
  const Bytes good = batch_of({verdict(1), loss(2, 9), verdict(10)}, 1);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    const auto decoded = decode_batch(bad);
    // Some bits of the zstd frame header mean nothing; the content must not change.
    if (decoded) {
      EXPECT_EQ(encode_record(decoded->records[2]), encode_record(verdict(10))) << bit;
    }
  }
}

TEST(Batch, MayBeAQuestionWithoutRecords) {
  const auto batch = decode_batch(batch_of({}, 7)).value();
  EXPECT_TRUE(batch.records.empty());
  EXPECT_EQ(batch.first_sequence, 7U);
}

TEST(BatchBuilder, StopsAtTheLimit) {
  BatchBuilder builder("t", "g", Lane::bulk, kEpoch, 1, at(1));
  const PictureRecord picture{.station = "s", .jpeg = Bytes(6u << 20, 1)};
  EXPECT_TRUE(builder.add(encode_record({1, picture})));
  EXPECT_TRUE(builder.add(encode_record({2, picture})));
  EXPECT_FALSE(builder.add(encode_record({3, picture})));
  EXPECT_EQ(decode_batch(builder.finish().value()).value().records.size(), 2U);
}

TEST(EncodeRecord, MakesTextsThatTheHubTakes) {
  Record record = verdict(1);
  auto& v = std::get<VerdictRecord>(record.body);
  v.station =
      "a\xFF"
      "b\xC3";
  v.label.assign(kTextBytesMax - 1, 'x');
  v.label.append("ä");
  const auto decoded = decode_batch(batch_of({record}, 1)).value();
  const auto& got = std::get<VerdictRecord>(decoded.records[0].body);
  EXPECT_EQ(got.station,
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
  EXPECT_EQ(got.label.size(), kTextBytesMax - 1);
  EXPECT_EQ(got.label.back(), 'x');
}

TEST(DecodeRecord, GivesBackWhatWasEncodedOrAnError) {
  const Bytes bytes = encode_record(verdict(77));
  EXPECT_EQ(decode_record(bytes).value().sequence, 77U);
  EXPECT_FALSE(decode_record(ByteView(bytes).first(bytes.size() - 1)));
  EXPECT_FALSE(decode_record({}));
}

TEST(CleanText, KeepsGoodUtf8AndNothingElse) {
  EXPECT_EQ(clean_text("Grüße, 日本, 🍾"), "Grüße, 日本, 🍾");
  for (const std::string bad : {"\x80", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82"})
    EXPECT_TRUE(clean_text(bad).starts_with("\xEF\xBF\xBD")) << bad;
  EXPECT_EQ(clean_text("日本", 5), "日");
  EXPECT_EQ(clean_text(std::string("a\0b", 3)), std::string("a\0b", 3));
}

TEST(Ack, ComesBackAsItWas) {
  const auto ack = decode_ack(encode_ack({Lane::bulk, std::string(kEpoch), 1ULL << 55, true})).value();
  EXPECT_EQ(ack.lane, Lane::bulk);
  EXPECT_EQ(ack.epoch, kEpoch);
  EXPECT_EQ(ack.watermark, 1ULL << 55);
  EXPECT_TRUE(ack.resume);
}

TEST(Ack, IsRefusedWhenItIsNone) {
  EXPECT_FALSE(decode_ack({}));
  EXPECT_FALSE(decode_ack(encode_ack({Lane::bulk, "x", 1, false})));
  EXPECT_FALSE(decode_ack(encode_ack({Lane::bulk, std::string(kEpoch), kSequenceMax + 1, false})));
  EXPECT_FALSE(decode_ack(Bytes(300, 1)));
}

TEST(Topic, HasFourNamedParts) {
  EXPECT_EQ(make_topic("t1", "g-1", "up"), "lineside/v1/t1/g-1/up");
  const auto topic = parse_topic("lineside/v1/t1/g-1/up").value();
  EXPECT_EQ(topic.tenant, "t1");
  EXPECT_EQ(topic.gateway, "g-1");
  EXPECT_EQ(topic.leaf, "up");
  for (const char* bad :
       {"", "lineside/v1/t1/g1", "lineside/v1/t1/g1/up/x", "lineside/v2/t1/g1/up", "lineside/v1//g1/up",
        "lineside/v1/t1/+/up", "lineside/v1/t1/g1/else", "x/lineside/v1/t1/g1/up"})
    EXPECT_FALSE(parse_topic(bad)) << bad;
  EXPECT_FALSE(parse_topic("lineside/v1/" + std::string(65, 'a') + "/g1/up"));
}

TEST(Batch, GivesRecordsOfAWrongClockTheTimeOfReceipt) {
  using namespace std::chrono_literals;
  const WallTime now{std::chrono::sys_days{std::chrono::year{2026} / 11 / 22}};
  const WallTime later = now + std::chrono::years{70};
  Batch batch;
  batch.records = {{1, VerdictRecord{.time = now - 1h}},
                   {2, VerdictRecord{.time = later}},
                   {3, EventRecord{.time = WallTime{}}},
                   {4, StationSummary{.from = later - 2s, .to = later}},
                   {5, StationSummary{.from = WallTime{}, .to = now - 1s}},
                   {6, VerdictRecord{.time = now + 20s}},
                   {7, AssetSummary{.asset = "m", .from = later - 12h, .to = later}},
                   {8, AssetSummary{.asset = "m", .from = now - 60s, .to = now - 30s}},
                   {9, TagBlock{.from = later - 10s, .to = later}},
                   {10, TagBlock{.from = now - 10s, .to = now}}};
  EXPECT_EQ(correct_times(batch, now), 6U);
  EXPECT_EQ(std::get<VerdictRecord>(batch.records[0].body).time, now - 1h);
  EXPECT_EQ(std::get<VerdictRecord>(batch.records[1].body).time, now);
  EXPECT_EQ(std::get<EventRecord>(batch.records[2].body).time, now);
  EXPECT_EQ(std::get<StationSummary>(batch.records[3].body).to, now);
  EXPECT_EQ(std::get<StationSummary>(batch.records[3].body).from, now - 2s);
  EXPECT_EQ(std::get<StationSummary>(batch.records[4].body).from, now - 1h);
  EXPECT_EQ(std::get<VerdictRecord>(batch.records[5].body).time, now + 20s);
  EXPECT_EQ(std::get<AssetSummary>(batch.records[6].body).to, now) << "it would stay the machine's newest for years";
  EXPECT_EQ(std::get<AssetSummary>(batch.records[6].body).from, now - 12h);
  EXPECT_EQ(std::get<AssetSummary>(batch.records[7].body).to, now - 30s);
  EXPECT_EQ(std::get<TagBlock>(batch.records[8].body).from, now - 10s);
  EXPECT_EQ(std::get<TagBlock>(batch.records[8].body).moved, now - later) << "its rows have to follow";
  EXPECT_EQ(std::get<TagBlock>(batch.records[9].body).moved, 0s);
}

TEST(Batch, IsNotCorrected_WhereTheReceiversClockWasNeverSet) {
  const WallTime good{std::chrono::sys_days{std::chrono::year{2026} / 11 / 23}};
  Batch batch{.records = {{1, VerdictRecord{.time = good}}}};
  EXPECT_EQ(correct_times(batch, WallTime{std::chrono::minutes{5}}), 0U);
  EXPECT_EQ(std::get<VerdictRecord>(batch.records[0].body).time, good);
}

}  // namespace
}  // namespace lineside::wire
