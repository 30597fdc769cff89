#include "gateway/tags/file_tags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "base/file.h"
#include "base/test_folder.h"
#include "gateway/tags/test_tag_sink.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::tag;
using testing::TakingSink;
using Times = config::TagSourceSettings::Times;

class FileTagsTest : public testing::TagSourceTest {
 protected:
  FileTagsTest() : TagSourceTest(config::TagSourceSettings::Kind::file) {
    settings_.path = folder_ / "day.csv";
    settings_.speed = 1000;
    tags_ = {tag("flow"), tag("other", "elsewhere"), tag("boiler/temperature")};
    tags_[2].file.column = "T";
  }
  void write(std::string_view text) { ASSERT_TRUE(write_atomically(settings_.path, text)); }
  std::string refused() {
    const auto made = make();
    return made ? "taken" : made.error().message;
  }
  std::vector<double> values(std::size_t tag) {
    std::vector<double> all;
    for (const Sample& sample : sink_.of[tag]) all.push_back(sample.quality == Quality::bad ? -999 : sample.value);
    return all;
  }

  const TestFolder folder_;
};

constexpr const char* kDay =
    "time,flow,T\n2023-11-14 22:13:20,1,20\n2023-11-14 22:13:21,2,\n2023-11-14 22:13:23,Bad,21.5\n";
constexpr WallTime kFirst{1'700'000'000s};

TEST_F(FileTagsTest, PlaysEveryRow_AndIsDownAtTheEnd) {
  write(kDay);
  settings_.times = Times::recorded;
  start();
  ASSERT_TRUE(sink_.wait([&] { return sink_.downs == 1; }));
  sink_.look([&] {
    EXPECT_EQ(values(0), (std::vector<double>{1, 2, -999})) << "what is no number is bad, and that once";
    EXPECT_EQ(values(2), (std::vector<double>{20, 21.5, -999})) << "an empty cell is no reading";
    EXPECT_EQ(sink_.of[0][1].source_time, kFirst + 1s);
    EXPECT_EQ(sink_.of[2][1].source_time, kFirst + 3s);
    EXPECT_TRUE(sink_.of[1].empty()) << "another source's tag";
    EXPECT_THAT(sink_.reasons[0], HasSubstr("is at its end"));
  });
}

TEST_F(FileTagsTest, ShiftsTimesToNow_AtItsSpeed) {
  write(kDay);
  settings_.speed = 10;
  const WallTime before = system_clock().wall();
  start();
  ASSERT_TRUE(sink_.wait([&] { return sink_.of[2].size() >= 2; }));
  sink_.look([&] {
    const WallTime first = sink_.of[0][0].source_time;
    EXPECT_GE(first, before);
    EXPECT_LT(first, before + 20s);
    EXPECT_EQ(sink_.of[2][1].source_time - first, 300ms) << "three seconds at ten times their speed";
    EXPECT_GE(sink_.of[2][1].received - sink_.of[0][0].received, 250ms) << "and it took as long";
  });
}

TEST_F(FileTagsTest, BeginsAnewWhenAskedTo) {
  write(kDay);
  settings_.loop = true;
  start();
  ASSERT_TRUE(sink_.wait([&] { return sink_.of[2].size() >= 7; }));
  sink_.look([&] {
    EXPECT_EQ(sink_.downs, 0);
    for (std::size_t i = 1; i < sink_.of[2].size(); ++i)
      EXPECT_GT(sink_.of[2][i].source_time, sink_.of[2][i - 1].source_time);
  });
}

TEST_F(FileTagsTest, ReadsOtherFormatsOfTables) {
  settings_.times = Times::recorded;
  write("timestamp;flow;T\n1700000000000;1,5;2\n1700000000500;2,5;3\n");
  start();
  ASSERT_TRUE(sink_.wait([&] { return sink_.downs == 1; }));
  sink_.look([&] {
    EXPECT_EQ(sink_.of[0][1].value, 2.5);
    EXPECT_EQ(sink_.of[0][1].source_time, kFirst + 500ms) << "milliseconds, by their size";
  });
}

TEST_F(FileTagsTest, ReadsGzip) {
  settings_.path = folder_ / "day.csv.gz";
  gzFile file = gzopen(settings_.path.c_str(), "wb");
  gzputs(file, kDay);
  gzclose(file);
  start();
  EXPECT_TRUE(sink_.wait([&] { return sink_.downs == 1 && sink_.of[2].size() == 3; }));
}

TEST_F(FileTagsTest, AnHourThatComesTwiceIsTwoHours_WhereTheZoneSaysSo) {
  std::string text = "time,flow,T\n";
  for (int i = 30; i < 60; ++i) text += std::format("2023-10-29T02:59:{}+02:00,{},20\n", i, i);
  write(text + "2023-10-29T02:00:00+01:00,60,20\n2023-10-29T02:00:02+01:00,62,20\n");
  settings_.times = Times::recorded;
  start();
  ASSERT_TRUE(sink_.wait([&] { return sink_.downs == 1; }));
  sink_.look([&] {
    constexpr WallTime kMinute{1'698'541'140s};  // 02:59 of summer time
    ASSERT_EQ(sink_.of[0].size(), 33U) << "and bad at the end";
    for (std::size_t row = 0; row < 32; ++row) {
      const Sample& sample = sink_.of[0][row];
      EXPECT_EQ(sample.source_time, kMinute + std::chrono::seconds{static_cast<int>(sample.value)});
    }
  });
}

TEST_F(FileTagsTest, WithoutTimesRowsComeAtThePeriod) {
  write("flow,T\n5,1\n4,2\n6,3\n");
  settings_.period = 2000ms;
  settings_.speed = 100;
  start();
  ASSERT_TRUE(sink_.wait([&] { return sink_.downs == 1; }));
  sink_.look([&] { EXPECT_EQ(sink_.of[0][2].source_time - sink_.of[0][0].source_time, 40ms); });
}

TEST_F(FileTagsTest, SaysWhatCanNotBePlayed) {
  EXPECT_THAT(refused(), HasSubstr("day.csv"));
  write("time,flow\n2023-11-14 22:13:20,1\n");
  EXPECT_THAT(refused(), HasSubstr("has no column 'T' for the tag boiler/temperature; it has time, flow"));
  write("time,flow,T\n");
  EXPECT_NE(refused(), "taken");
  write("flow,T\n5,1\n4,2\n");
  settings_.times = Times::recorded;
  EXPECT_THAT(refused(), HasSubstr("has no column of times; say `times: now`"));
  settings_.time_column = "when";
  EXPECT_THAT(refused(), HasSubstr("there is no column 'when'"));
  settings_.time_column.clear();
  write("time,flow,T\n22:13:20,1,2\n22:13:21,1,2\n");
  EXPECT_THAT(refused(), HasSubstr("has no dates with its times"));
  write("time,flow,T\n2015-11-14 22:13:20,1,2\n");
  EXPECT_THAT(refused(), HasSubstr("begins in 2015, and times of readings begin in 2020; say `times: now`"));
  write(std::string_view("a\0b", 3));
  EXPECT_NE(refused(), "taken");
}

TEST_F(FileTagsTest, StopsAtOnce_WhateverTheNextRowsTime) {
  write("time,flow,T\n2023-11-14 22:13:20,1,20\n2033-11-14 22:13:20,2,21\n");
  settings_.speed = 1;
  start();
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(0, 1); }));
  const auto before = std::chrono::steady_clock::now();
  source_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 2s);
}

}  // namespace
}  // namespace lineside::gateway
