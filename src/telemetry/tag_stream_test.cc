#include "telemetry/tag_stream.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace lineside::telemetry {
namespace {

using State = Reading::State;

Reading good(double value) { return {.value = value, .state = State::good}; }

// A source's poll of `tags` tags each second: waves with noise, of which some readings are bad, uncertain or missing.
class Plant {
 public:
  explicit Plant(std::size_t tags, double trouble = 0.01) : tags_(tags), trouble_(trouble) {}
  GroupRows next(std::size_t rows) {
    GroupRows group{.times = {}, .readings = std::vector<std::vector<Reading>>(tags_)};
    for (std::size_t row = 0; row < rows; ++row) {
      group.times.push_back(time_ += 1000);
      for (std::size_t t = 0; t < tags_; ++t) {
        Reading reading = good(50 + 10 * std::sin(static_cast<double>(time_) * 1e-5 * static_cast<double>(t + 1)) +
                               std::normal_distribution<double>(0, 0.05)(random_));
        const double luck = std::uniform_real_distribution<double>(0, 1)(random_);
        if (luck < trouble_) reading.state = luck < trouble_ / 3 ? State::bad : State::uncertain;
        if (luck > 1 - trouble_ / 3) reading = {};
        group.readings[t].push_back(reading);
      }
    }
    return group;
  }

 private:
  std::size_t tags_;
  double trouble_;
  std::int64_t time_ = 1'700'000'000'000;
  std::mt19937 random_{7};
};

StreamTags tags_with(std::initializer_list<double> bounds) {
  StreamTags tags(1);
  for (const double bound : bounds)
    tags[0].push_back({.name = "boiler/t" + std::to_string(tags[0].size()), .unit = "°C", .bound = bound});
  return tags;
}

// How a receiver who knows nothing of the encoder sees it: every reading within its bound, everything else as it was.
void expect_kept(const GroupRows& wanted, const GroupRows& found, const std::vector<StreamTag>& tags) {
  ASSERT_EQ(found.times, wanted.times);
  for (std::size_t t = 0; t < tags.size(); ++t)
    for (std::size_t row = 0; row < wanted.times.size(); ++row) {
      const Reading &from = wanted.readings[t][row], &to = found.readings[t][row];
      ASSERT_EQ(static_cast<int>(to.state), static_cast<int>(from.state)) << tags[t].name << " " << row;
      if (from.state == State::good) {
        ASSERT_LE(std::abs(to.value - from.value), tags[t].bound) << tags[t].name << " " << row;
      } else if (from.state == State::uncertain) {
        ASSERT_EQ(to.value, from.value);
      }
    }
}

TEST(TagStream, KeepsEveryReadingWithinItsBound_OverManyBlocks) {
  const StreamTags tags = tags_with({0.5, 0.05, 1e-3, 0, 20});
  Plant plant(5);
  StreamEncoder encoder(tags);
  std::optional<StreamDecoder> decoder;
  for (int block = 0; block < 60; ++block) {
    const GroupRows rows = plant.next(static_cast<std::size_t>(block % 7) * 9 + 1);
    const auto coded = encoder.encode({&rows, 1});
    ASSERT_TRUE(coded.has_value()) << coded.error().message;
    ASSERT_EQ(coded->index, static_cast<std::uint32_t>(block));
    ASSERT_EQ(coded->plan.empty(), block > 0);
    if (block == 0) decoder.emplace(StreamDecoder::begin(coded->plan).value());
    const auto found = decoder->decode(coded->bytes, coded->check);
    ASSERT_TRUE(found.has_value()) << found.error().message;
    expect_kept(rows, found->front(), tags[0]);
  }
  EXPECT_EQ(decoder->tags()[0][1].name, "boiler/t1");
  EXPECT_EQ(decoder->tags()[0][1].unit, "°C");
  EXPECT_EQ(encoder.proofs_failed(), 0U);
}

TEST(TagStream, GroupsHaveRowsAndTimesOfTheirOwn) {
  StreamTags tags(3);
  for (std::size_t g = 0; g < 3; ++g) tags[g].push_back({.name = "t" + std::to_string(g), .bound = 0.1});
  StreamEncoder encoder(tags);
  std::optional<StreamDecoder> decoder;
  Plant fast(1), slow(1);
  for (int block = 0; block < 20; ++block) {
    const std::vector<GroupRows> rows{fast.next(kStreamRowsMax), slow.next(block % 3 == 0 ? 1 : 0),
                                      GroupRows{.times = {}, .readings = {{}}}};
    const auto coded = encoder.encode(rows);
    ASSERT_TRUE(coded.has_value()) << coded.error().message;
    if (block == 0) decoder.emplace(StreamDecoder::begin(coded->plan).value());
    const auto found = decoder->decode(coded->bytes, coded->check);
    ASSERT_TRUE(found.has_value()) << found.error().message;
    for (std::size_t g = 0; g < 3; ++g) expect_kept(rows[g], (*found)[g], tags[g]);
  }
}

TEST(TagStream, KeepsOddTimesAsTheyAre) {
  const StreamTags tags = tags_with({0.5});
  GroupRows rows{.times = {1'700'000'000'000, 0, 4'100'000'000'000, 1'699'999'999'000, 1'699'999'999'000, -5},
                 .readings = {std::vector<Reading>(6, good(3))}};
  StreamEncoder encoder(tags);
  const auto coded = encoder.encode({&rows, 1});
  ASSERT_TRUE(coded.has_value());
  const auto found = StreamDecoder::begin(coded->plan)->decode(coded->bytes, coded->check);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->front().times, rows.times);
}

TEST(TagStream, KeepsExactly_WhateverTheInstrumentGives) {
  StreamTags tags = tags_with({0, 0, 0, 0, 0});
  tags[0][1].scale = 0.1, tags[0][1].offset = -40;
  std::mt19937 random{3};
  const auto draw = [&] { return static_cast<double>(random() % 4000); };
  StreamEncoder encoder(tags);
  std::optional<StreamDecoder> decoder;
  std::size_t bytes = 0;
  for (int block = 0; block < 40; ++block) {
    GroupRows rows{.times = {}, .readings = std::vector<std::vector<Reading>>(5)};
    for (int row = 0; row < 50; ++row) {
      rows.times.push_back(block * 50'000 + row * 1000);
      rows.readings[0].push_back(good(draw()));
      rows.readings[1].push_back(good(draw() * 0.1 + -40));
      rows.readings[2].push_back(good(std::nearbyint(draw()) / 100));
      rows.readings[3].push_back(good(static_cast<double>(static_cast<float>(draw() / 7))));
      rows.readings[4].push_back(good(row % 2 == 0 ? draw() / 3 : -1e300));
    }
    const auto coded = encoder.encode({&rows, 1});
    ASSERT_TRUE(coded.has_value()) << coded.error().message;
    if (!coded->plan.empty()) decoder.emplace(StreamDecoder::begin(coded->plan).value());
    const auto found = decoder->decode(coded->bytes, coded->check);
    ASSERT_TRUE(found.has_value()) << found.error().message;
    for (std::size_t t = 0; t < 5; ++t) ASSERT_EQ(found->front().readings[t], rows.readings[t]) << t;
    if (block == 0) {
      EXPECT_EQ(decoder->tags()[0][0].form, Form::decimal);
      EXPECT_EQ(decoder->tags()[0][1].form, Form::scaled);
      EXPECT_EQ(decoder->tags()[0][2].form, Form::decimal);
      EXPECT_EQ(decoder->tags()[0][3].form, Form::float32);
    }
    bytes += coded->bytes.size();
  }
  EXPECT_LT(bytes, 40U * 50 * 5 * 8);
}

TEST(TagStream, ADefectInTheCoderIsNoticed_AndTheReadingsLeaveExactly) {
  const StreamTags tags = tags_with({0.01, 0.01});
  int calls = 0;
  StreamEncoder encoder(tags, [&](std::vector<std::uint8_t>& bytes) {
    if (++calls == 5) bytes[bytes.size() / 2] ^= 0x40;
  });
  Plant plant(2, 0);
  std::optional<StreamDecoder> decoder;
  for (int block = 0; block < 10; ++block) {
    const GroupRows rows = plant.next(30);
    const auto coded = encoder.encode({&rows, 1});
    ASSERT_TRUE(coded.has_value()) << coded.error().message;
    if (!coded->plan.empty()) decoder.emplace(StreamDecoder::begin(coded->plan).value());
    EXPECT_EQ(coded->plan.empty(), block != 0 && block != 4);
    const auto found = decoder->decode(coded->bytes, coded->check);
    ASSERT_TRUE(found.has_value());
    expect_kept(rows, found->front(), tags[0]);
  }
  EXPECT_EQ(encoder.proofs_failed(), 1U);
}

TEST(TagStream, AReceiverThatIsNotTheSameAsTheProofIsNoticed) {
  const StreamTags tags = tags_with({0.01});
  Plant plant(1, 0);
  StreamEncoder encoder(tags);
  std::optional<StreamDecoder> decoder;
  for (int block = 0; block < 4; ++block) {
    const GroupRows rows = plant.next(30);
    const auto coded = encoder.encode({&rows, 1}).value();
    if (block == 0) decoder.emplace(StreamDecoder::begin(coded.plan).value());
    if (block == 2) continue;  // lost
    const auto found = decoder->decode(coded.bytes, coded.check);
    EXPECT_EQ(found.has_value(), block < 2);
  }
}

TEST(TagStream, BeginsAnew_WhenTold_AfterManyBlocksAndWhenAFormNoLongerFits) {
  const StreamTags tags = tags_with({0});
  StreamEncoder encoder(tags);
  const auto put = [&](double step, std::size_t count) {
    GroupRows rows{.times = {}, .readings = {{}}};
    for (std::size_t row = 0; row < count; ++row) {
      rows.times.push_back(static_cast<std::int64_t>(row));
      rows.readings[0].push_back(good(step * static_cast<double>(row + 1)));
    }
    return encoder.encode({&rows, 1}).value().index;
  };
  EXPECT_EQ(put(1, 1), 0U);
  EXPECT_EQ(put(1, 1), 1U);
  encoder.begin_anew();
  EXPECT_EQ(put(1, 1), 0U);
  for (std::uint32_t i = 1; i < StreamEncoder::kGenerationBlocks; ++i) ASSERT_EQ(put(1, 1), i);
  EXPECT_EQ(put(1, 1), 0U);
  for (int i = 0; i < 20; ++i) put(1, 1);
  EXPECT_EQ(put(0.001, 50), 21U);
  EXPECT_EQ(put(0.001, 50), 0U);
}

// What a sender of bad will would send: the same code without the limits.
TEST(TagStream, LongNamesAreNotDecoded) {
  Plan plan;
  for (int i = 0; i < 4; ++i) {
    ColumnPlan& column = plan.columns.emplace_back();
    column.name.assign(100'000, 'x');
    column.kind = Kind::text;
  }
  const auto bytes = encode_plan(plan);
  ASSERT_LT(bytes.size(), 10'000U);
  ASSERT_EQ(decode_plan(bytes).value().columns[3].name.size(), 100'000U) << "files have limits of their own";
  const auto found = decode_plan(bytes, {.columns = 4, .text_bytes = 256});
  for (std::size_t i = 0; found && i < 4; ++i) EXPECT_LE(found->columns[i].name.size(), 256U);
  EXPECT_FALSE(decode_plan(bytes, {.columns = 3, .text_bytes = kTextBytesMax}).has_value());

  auto whole = encode_stream_plan(make_stream_plan(tags_with({0.5})));
  whole.resize(whole.size() - encode_plan(make_stream_plan(tags_with({0.5})).plan).size());
  whole.insert(whole.end(), bytes.begin(), bytes.end());
  EXPECT_FALSE(decode_stream_plan(whole).has_value());
}

TEST(TagStream, LongReadingsAreNotDecoded) {
  const StreamPlan plan = make_stream_plan(tags_with({0.5}));
  Grouping endless = plan.grouping();
  endless.texts.bytes = kTextBytesMax;
  BlockCodec codec(plan.plan, endless);
  std::vector<std::string> texts;
  for (std::size_t row = 0; row < kStreamRowsMax; ++row)
    texts.push_back("1." + std::string(20'000, '0') + std::to_string(row));
  std::vector<Cells> cells(2);
  cells[0].times.resize(kStreamRowsMax, 1'700'000'000'000);
  cells[0].texts.resize(kStreamRowsMax);
  cells[1].numbers.resize(kStreamRowsMax, std::nan(""));
  cells[1].texts.assign(texts.begin(), texts.end());
  const std::vector<std::size_t> rows{kStreamRowsMax};
  const auto bytes = codec.encode(cells, rows);
  auto decoder = StreamDecoder::begin(encode_stream_plan(plan)).value();
  EXPECT_FALSE(decoder.decode(bytes, 0).has_value());
  EXPECT_GT(decoder.work(), kStreamRowsMax);
  EXPECT_LE(decoder.work(), kStreamRowsMax * (2 + kStreamCellMax)) << "a block takes no more, and what it took is told";
}

TEST(TagStream, AnOutageOfAllTagsCostsNearlyNothing) {
  StreamTags tags(1);
  for (std::size_t t = 0; t < kStreamTagsMax; ++t) tags[0].push_back({.name = "t" + std::to_string(t), .bound = 0.5});
  StreamEncoder encoder(tags);
  const auto put = [&](State state) {
    const GroupRows rows{.times = {1'700'000'000'000},
                         .readings = std::vector(kStreamTagsMax, std::vector<Reading>{{.value = 20, .state = state}})};
    const auto coded = encoder.encode({&rows, 1});
    EXPECT_TRUE(coded.has_value());
    return coded->bytes.size();
  };
  put(State::good);
  EXPECT_LT(put(State::bad), kStreamTagsMax) << "no letters: the states are known from the start";
  EXPECT_LT(put(State::none), kStreamTagsMax);
}

TEST(TagStream, PlansAndBlocksOfAnybodyDoNoHarm) {
  const StreamTags tags = tags_with({0.01, 0, 0.3});
  Plant plant(3);
  StreamEncoder encoder(tags);
  const GroupRows rows = plant.next(40);
  const auto coded = encoder.encode({&rows, 1}).value();
  std::mt19937 random{11};
  for (int round = 0; round < 300; ++round) {
    auto plan = coded.plan, bytes = coded.bytes;
    if (round % 2 == 0) plan[random() % plan.size()] ^= static_cast<std::uint8_t>(1 + random() % 255);
    if (round % 3 == 0) plan.resize(random() % plan.size());
    bytes[random() % bytes.size()] ^= static_cast<std::uint8_t>(1 + random() % 255);
    auto decoder = StreamDecoder::begin(plan);
    if (!decoder) continue;
    EXPECT_FALSE(decoder->decode(bytes, coded.check).has_value());
  }
  EXPECT_FALSE(StreamDecoder::begin({}).has_value());
}

}  // namespace
}  // namespace lineside::telemetry
