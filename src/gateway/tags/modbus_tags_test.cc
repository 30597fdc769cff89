#include "gateway/tags/modbus_tags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "gateway/tags/test_modbus_device.h"
#include "gateway/tags/test_tag_sink.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::ModbusDevices;
using testing::tag;
using testing::TakingSink;
using Area = config::ModbusTagSettings::Area;
using Type = config::ModbusTagSettings::Type;

class ModbusTagsTest : public testing::TagSourceTest {
 protected:
  ModbusTagsTest() : TagSourceTest(config::TagSourceSettings::Kind::modbus) {
    settings_.period = 20ms;
    settings_.timeout = 3s;  // for a busy machine; tests of silence have less
  }
  std::size_t add(int address, Type type = Type::uint16, Area area = Area::holding, int unit = 1) {
    const std::size_t added = TagSourceTest::add();
    tags_[added].modbus = {.unit = unit, .area = area, .address = address, .type = type};
    return added;
  }
  void start(int port) {
    settings_.at.port = port;
    start();
  }
  using TagSourceTest::start;
  void on_line(const std::string& path) {
    settings_.device = path;
    settings_.timeout = 300ms;
    settings_.baud = 115'200;
    settings_.parity = config::TagSourceSettings::Parity::none;
    settings_.stop_bits = 1;
  }
};

TEST_F(ModbusTagsTest, ReadsEveryArea_ScaledAndTyped) {
  ModbusDevices devices;
  devices.set(100, {0x4148, 0x8000});
  const auto holding = add(7), input = add(3, Type::uint16, Area::input), coil = add(5, Type::uint16, Area::coil),
             discrete = add(4, Type::uint16, Area::discrete), real = add(100, Type::float32);
  tags_[holding].scale = 0.5;
  tags_[holding].offset = -1;
  start(devices.port());
  ASSERT_TRUE(sink_.wait([&] {
    return sink_.is(holding, 2.5) && sink_.is(input, 1003) && sink_.is(coil, 1) && sink_.is(discrete, 0) &&
           sink_.is(real, 12.53125);
  }));
  sink_.look([&] {
    const Sample& sample = sink_.of[holding].back();
    EXPECT_EQ(sample.source_time, WallTime{}) << "Modbus says no time";
    EXPECT_LT(system_clock().wall() - sample.received, 60s);
    EXPECT_EQ(sink_.ups, 1);
    EXPECT_EQ(sink_.downs, 0);
  });
}

TEST_F(ModbusTagsTest, PollsOnAGrid_WithFewRequests) {
  ModbusDevices devices;
  for (int i = 0; i < 100; ++i) add(i);
  settings_.period = 50ms;
  start(devices.port());
  ASSERT_TRUE(sink_.wait([&] { return sink_.of[99].size() >= 11; }));
  sink_.look([&] {
    const auto passed = sink_.of[99][10].received - sink_.of[99][0].received;
    EXPECT_GE(passed, 400ms);
  });
  source_.reset();
  for (const auto& request : devices.requests()) EXPECT_EQ(request.count, 100);
}

TEST_F(ModbusTagsTest, ABadRegisterDoesNotSpoilItsNeighbours) {
  ModbusDevices devices;
  std::vector<std::size_t> all;
  for (int i = 0; i < 40; ++i) all.push_back(add(i));
  devices.refuse(13);
  devices.refuse(30);
  start(devices.port());
  ASSERT_TRUE(sink_.wait([&] {
    return std::ranges::all_of(
        all, [&](std::size_t i) { return i == 13 || i == 30 ? sink_.is_bad(i) : sink_.is(i, static_cast<double>(i)); });
  }));
  sink_.look([&] {
    EXPECT_THAT(sink_.why_bad(13), HasSubstr("address 13: it answers with the exception Illegal data address"));
    EXPECT_EQ(sink_.of[13].size(), 1U) << "told once, not at each poll";
    EXPECT_EQ(sink_.of[12].front().quality, Quality::good) << "a neighbour was never bad";
  });
  devices.refuse(13, false);
  EXPECT_TRUE(sink_.wait([&] { return sink_.is(13, 13); })) << "asked for again after a while";
}

TEST_F(ModbusTagsTest, ASilentUnitDelaysTheOthersNoMoreThanItsTimeout) {
  ModbusDevices devices;
  const auto dead = add(1, Type::uint16, Area::holding, 5), alive = add(2, Type::uint16, Area::holding, 6);
  for (int i = 0; i < 20; ++i) add(200 * i % 999, Type::uint16, Area::holding, 5);  // many blocks of the silent one
  devices.silence(5);
  settings_.timeout = 1s;
  start(devices.port());
  ASSERT_TRUE(sink_.wait([&] { return sink_.is_bad(dead) && sink_.of[alive].size() > 30; }));
  sink_.look([&] {
    EXPECT_THAT(sink_.why_bad(dead), HasSubstr("unit 5: it does not answer within 1000 ms"));
    EXPECT_EQ(sink_.downs, 0) << "the source is there";
    const auto& samples = sink_.of[alive];
    for (std::size_t i = 1; i < samples.size(); ++i)
      EXPECT_LT(samples[i].received - samples[i - 1].received, 1s + 1500ms) << i;
    EXPECT_TRUE(std::ranges::all_of(samples, [](const Sample& s) { return s.quality == Quality::good; }));
  });
  devices.silence(5, false);
  EXPECT_TRUE(sink_.wait([&] { return sink_.is(dead, 1); }));
}

TEST_F(ModbusTagsTest, LivesThroughARestart) {
  auto devices = std::make_unique<ModbusDevices>();
  const int port = devices->port();
  const auto one = add(1), two = add(2);
  start(port);
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(one, 1) && sink_.is(two, 2); }));
  devices.reset();
  ASSERT_TRUE(sink_.wait([&] { return sink_.downs > 0; }));
  sink_.look([&] {
    EXPECT_TRUE(sink_.is_bad(one) && sink_.is_bad(two)) << "all are bad before the source is told to be down";
    EXPECT_THAT(sink_.reasons.front(), HasSubstr("Modbus 127.0.0.1"));
  });
  devices = std::make_unique<ModbusDevices>("", port);
  EXPECT_TRUE(sink_.wait([&] { return sink_.is(one, 1) && sink_.is(two, 2) && sink_.ups >= 2; }));
  EXPECT_GE(count("connects"), 2U);
}

TEST_F(ModbusTagsTest, IsDownWhileNobodyIsThere_AndStopsAtOnce) {
  const auto one = add(1);
  start(free_port());
  ASSERT_TRUE(sink_.wait([&] { return sink_.downs == 1 && sink_.is_bad(one); }));
  EXPECT_EQ(sink_.look([&] { return sink_.ups; }), 0);
  const auto before = std::chrono::steady_clock::now();
  source_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 2s);
}

TEST_F(ModbusTagsTest, StopsAtOnce_WhileASilentDeviceIsWaitedFor) {
  ModbusDevices devices;
  devices.silence(1);
  add(1);
  settings_.timeout = 10s;
  start(devices.port());
  for (int i = 0; i < 500 && devices.requests().empty(); ++i) std::this_thread::sleep_for(10ms);
  const auto before = std::chrono::steady_clock::now();
  source_->ask_to_stop();
  source_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
}

TEST_F(ModbusTagsTest, NonsenseIsNoValue_AndPasses) {
  ModbusDevices devices;
  const auto one = add(1);
  settings_.timeout = 300ms;
  start(devices.port());
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(one, 1); }));
  const std::vector<std::vector<std::uint8_t>> answers{
      {0, 0, 0, 0, 0, 5, 1, 3, 2, 0, 9},                  // of another request
      {1, 2, 3},                                          // cut off
      std::vector<std::uint8_t>(300, 0xFF),               // too long for any
      {0, 1, 0, 0, 0, 5, 1, 3, 4, 0, 9},                  // says it is longer than it is
      {'H', 'T', 'T', 'P', '/', '1', '.', '1', ' ', '4'}  // another protocol
  };
  for (const auto& answer : answers) {
    devices.answer_raw(answer);
    ASSERT_TRUE(sink_.wait([&] { return sink_.is_bad(one); }));
    devices.answer_raw({});
    ASSERT_TRUE(sink_.wait([&] { return sink_.is(one, 1); }));
  }
  sink_.look([&] {
    for (const Sample& sample : sink_.of[one])
      EXPECT_TRUE(sample.quality == Quality::bad || sample.value == 1) << sample.value;
  });
}

TEST_F(ModbusTagsTest, ABusyDeviceIsAskedLater_NotTakenApart) {
  ModbusDevices devices;
  for (int i = 0; i < 10; ++i) add(i);
  devices.answer_with(MODBUS_EXCEPTION_SLAVE_OR_SERVER_BUSY);
  start(devices.port());
  ASSERT_TRUE(sink_.wait([&] { return sink_.is_bad(9); }));
  devices.answer_with(0);
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(9, 9); }));
  for (const auto& request : devices.requests()) EXPECT_EQ(request.count, 10);
}

TEST_F(ModbusTagsTest, AFaultCodeIsABadValue) {
  ModbusDevices devices;
  devices.set(10, {0x8000});
  const auto broken = add(10, Type::int16), not_a_number = add(20, Type::float32);
  devices.set(20, {0x7FC0, 0});
  tags_[broken].valid_low = -100;
  start(devices.port());
  ASSERT_TRUE(sink_.wait([&] { return sink_.is_bad(broken) && sink_.is_bad(not_a_number); }));
  sink_.look([&] { EXPECT_EQ(sink_.why_bad(broken), "-32768 is below valid_low, -100"); });
  devices.set(10, {25});
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(broken, 25); }));
  EXPECT_GT(count("bad_values"), 1U);
}

TEST_F(ModbusTagsTest, ReadsASerialLine_AndLivesThroughItsSilence) {
  const testing::SerialPair line;
  ModbusDevices devices(line.path(1));
  on_line(line.path(0));
  const auto one = add(1), many = add(90, Type::int32), input = add(3, Type::uint16, Area::input);
  const auto alive = [&] { return sink_.is(one, 1) && sink_.is(many, 90 * 65'536 + 91) && sink_.is(input, 1003); };
  start();
  ASSERT_TRUE(sink_.wait(alive)) << sink_.look([&] { return sink_.why_bad(one); });
  devices.silence(1);
  ASSERT_TRUE(sink_.wait([&] { return sink_.downs > 0 && sink_.is_bad(one); })) << "nobody on the line answers";
  devices.silence(1, false);
  EXPECT_TRUE(sink_.wait([&] { return sink_.ups > 1 && alive(); }));
}

TEST_F(ModbusTagsTest, AUnitThatIsNotOnTheLineIsBad_TheOthersAreRead) {
  const testing::SerialPair line;
  ModbusDevices devices(line.path(1));
  on_line(line.path(0));
  const auto one = add(1), absent = add(1, Type::uint16, Area::holding, 9);
  start();
  EXPECT_TRUE(sink_.wait([&] { return sink_.is(one, 1) && sink_.is_bad(absent); }));
}

TEST_F(ModbusTagsTest, SaysThatASerialDeviceIsNotThere) {
  settings_.device = "/dev/no-such-line";
  add(1);
  start();
  ASSERT_TRUE(sink_.wait([&] { return sink_.downs == 1; }));
  EXPECT_THAT(sink_.look([&] { return sink_.reasons.front(); }),
              HasSubstr("Modbus line /dev/no-such-line: No such file or directory"));
}

}  // namespace
}  // namespace lineside::gateway
