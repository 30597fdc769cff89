#include "gateway/waveform/opcua_waveforms.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/test_port.h"
#include "gateway/condition/window_maker.h"
#include "gateway/waveform/make_waveform_source.h"
#include "gateway/waveform/test_waveform_sink.h"
#include "opcua/server.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kBegin{1'700'000'000s};
constexpr std::uint32_t kBadSensorFailure = 0x808C'0000U;

// What an asset does with its blocks: windows, and faults of the stream.
class Windows final : public testing::TakingWaveformSink {
 public:
  explicit Windows(const config::AssetSettings& asset) : maker_(asset, 10) {}

  std::size_t window_samples = 10;
  std::vector<std::vector<float>> windows;
  std::vector<WallTime> starts;
  std::vector<std::string> faults;

 private:
  void look_at(const WaveformBlock& block) override {
    for (const auto& [fault, detail] : maker_.add(block)) faults.push_back(to_string(fault) + (": " + detail));
    MadeWindow window;
    while (maker_.next(window_samples, window_samples, window)) {
      starts.push_back(window.start);
      std::vector<float>& kept = windows.emplace_back();
      for (const auto channel : window.channels) kept.insert(kept.end(), channel.begin(), channel.end());
    }
  }
  WindowMaker maker_;
};

class OpcuaWaveformsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.port = free_port();
    source_settings_.name = "plc";
    source_settings_.kind = config::WaveformSourceSettings::Kind::opcua;
    source_settings_.opcua.server.endpoint = std::format("opc.tcp://127.0.0.1:{}", options_.port);
    source_settings_.opcua.publishing = 20ms;
    source_settings_.reconnect_min = 50ms;
    source_settings_.reconnect_max = 500ms;
    serve();
  }
  void serve() {
    auto started = opcua::Server::start(options_);
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
  }
  config::AssetSettings& asset(const std::string& name, const std::vector<std::string>& channels) {
    config::AssetSettings& made = assets_.emplace_back();
    made.name = name;
    made.source = "plc";
    made.rate_hz = 100;
    for (const std::string& channel : channels) made.channels.push_back({.name = channel});
    return made;
  }
  void watch() {
    auto made = make_waveform_source(source_settings_, 100, system_clock(), metrics_, assets_);
    ASSERT_TRUE(made) << made.error().message;
    source_ = std::move(*made);
    for (const auto& one : assets_) {
      sinks_.push_back(std::make_unique<Windows>(one));
      source_->add(one.name, *sinks_.back());
    }
    ASSERT_TRUE(source_->start());
    ASSERT_TRUE(sinks_[0]->wait([&] { return sinks_[0]->ups == 1; }));
  }
  // Five samples from number `first` on, 100 a second, and when the last of them was taken.
  template <class T = double>
  static std::vector<T> samples(int first, double scale = 1) {
    std::vector<T> values;
    for (int i = 0; i < 5; ++i) values.push_back(static_cast<T>(scale * (first + i)));
    return values;
  }
  static WallTime last_of(int first) { return kBegin + (first + 4) * 10ms; }
  void set(const std::string& node, const opcua::ServerValue& value, WallTime time, std::uint32_t status = 0) {
    const auto done = server_->set(node, value, time, status);
    ASSERT_TRUE(done) << done.error().message;
  }
  double counter(const std::string& name) {
    const std::string text = metrics_.prometheus_text();
    const auto at = text.find("\n" + name + "{");
    return at == std::string::npos ? -1 : std::stod(text.substr(text.find("} ", at) + 2));
  }

  opcua::ServerOptions options_;
  config::WaveformSourceSettings source_settings_;
  std::vector<config::AssetSettings> assets_;
  MetricsRegistry metrics_;
  std::unique_ptr<opcua::Server> server_;
  std::vector<std::unique_ptr<Windows>> sinks_;
  std::unique_ptr<WaveformSource> source_;
};

TEST_F(OpcuaWaveformsTest, MakesWindowsOfOneArrayForEachChannel) {
  auto& motor = asset("motor", {"x", "y"});
  motor.channels[0].node = "ns=1;s=motor.x";
  motor.channels[1].node = "ns=1;s=motor.y";
  set("motor.x", samples(0), last_of(0));
  set("motor.y", samples<std::int16_t>(0, -2), last_of(0));
  watch();
  for (int first = 5; first < 40; first += 5) {
    set("motor.x", samples(first), last_of(first));
    set("motor.y", samples<std::int16_t>(first, -2), last_of(first));
  }
  Windows& sink = *sinks_[0];
  ASSERT_TRUE(sink.wait([&] { return sink.windows.size() == 4; }));
  EXPECT_EQ(sink.windows[1], (std::vector<float>{10,  11,  12,  13,  14,  15,  16,  17,  18,  19,  //
                                                 -20, -22, -24, -26, -28, -30, -32, -34, -36, -38}));
  EXPECT_EQ(sink.starts[1], kBegin + 100ms);
  EXPECT_EQ(sink.blocks[0].raw_bytes, 5U * 8 + 5 * 2);
  EXPECT_TRUE(sink.faults.empty()) << sink.faults[0];
  EXPECT_TRUE(sink.bad.empty()) << sink.bad[0];
}

TEST_F(OpcuaWaveformsTest, TakesAnArrayOfAllChannels_AlsoWhenItsValuesStayTheSame) {
  asset("pump", {"x", "y"}).node = "ns=1;s=pump";
  source_settings_.opcua.stamp = config::OpcuaSettings::Stamp::first_sample;
  const std::vector<float> still{1, -1, 1, -1, 1, -1, 1, -1, 1, -1};
  set("pump", still, kBegin);
  watch();
  for (int first = 5; first < 20; first += 5) set("pump", still, kBegin + first * 10ms);
  Windows& sink = *sinks_[0];
  ASSERT_TRUE(sink.wait([&] { return sink.windows.size() == 2; })) << "a machine that stands still is not silent";
  EXPECT_EQ(sink.windows[0][0], 1);
  EXPECT_EQ(sink.windows[0][10], -1);
  EXPECT_EQ(sink.starts[1], kBegin + 100ms);
  EXPECT_TRUE(sink.faults.empty()) << sink.faults[0];
}

TEST_F(OpcuaWaveformsTest, TakesScalarsAsSlowWaveforms) {
  asset("pump", {"temperature"}).node = "ns=1;s=t";
  set("t", 20.0, kBegin);
  watch();
  for (int i = 1; i < 10; ++i) set("t", 20.0 + i, kBegin + i * 10ms);
  Windows& sink = *sinks_[0];
  ASSERT_TRUE(sink.wait([&] { return sink.windows.size() == 1; }));
  EXPECT_EQ(sink.windows[0], (std::vector<float>{20, 21, 22, 23, 24, 25, 26, 27, 28, 29}));
}

TEST_F(OpcuaWaveformsTest, CallsBadStatusAndOddTypesASensorsFault_AndNoData) {
  asset("motor", {"x"}).node = "ns=1;s=x";
  set("x", samples(0), last_of(0));
  watch();
  Windows& sink = *sinks_[0];
  set("x", samples(5), last_of(5), kBadSensorFailure);
  ASSERT_TRUE(sink.wait([&] { return sink.bad.size() == 1; }));
  EXPECT_TRUE(sink.bad[0].contains("BadSensorFailure")) << sink.bad[0];
  set("x", std::string("hello"), last_of(10));
  ASSERT_TRUE(sink.wait([&] { return sink.bad.size() == 2; }));
  EXPECT_TRUE(sink.bad[1].contains("is a String, not numbers")) << sink.bad[1];
  set("x", samples<std::int32_t>(15), last_of(15));
  ASSERT_TRUE(sink.wait([&] { return sink.blocks.size() == 2; })) << "and goes on when it is well again";
  ASSERT_EQ(sink.faults.size(), 1U);
  EXPECT_TRUE(sink.faults[0].starts_with("gap: 0.100 s")) << sink.faults[0];
  EXPECT_EQ(counter("lineside_waveform_bad_blocks_total"), 2);
  EXPECT_EQ(counter("lineside_waveform_blocks_total"), 2);
}

TEST_F(OpcuaWaveformsTest, ServesTheOtherAssets_WhenOneNodeIsMissing) {
  asset("motor", {"x"}).node = "ns=1;s=x";
  asset("ghost", {"x"}).node = "ns=1;s=nowhere";
  set("x", samples(0), last_of(0));
  watch();
  EXPECT_TRUE(sinks_[0]->wait([&] { return sinks_[0]->blocks.size() == 1; }));
  ASSERT_TRUE(sinks_[1]->wait([&] { return !sinks_[1]->bad.empty(); }));
  source_.reset();
  EXPECT_TRUE(sinks_[1]->bad[0].contains("BadNodeIdUnknown")) << sinks_[1]->bad[0];
  EXPECT_TRUE(sinks_[0]->bad.empty());
}

TEST_F(OpcuaWaveformsTest, SaysWhichNumbersDoNotFitTheChannels) {
  asset("motor", {"x", "y"}).node = "ns=1;s=x";
  set("x", samples(0), last_of(0));
  watch();
  Windows& sink = *sinks_[0];
  ASSERT_TRUE(sink.wait([&] { return sink.bad.size() == 1; }));
  EXPECT_TRUE(sink.bad[0].contains("5 numbers are not those of 2 channels")) << sink.bad[0];
}

TEST_F(OpcuaWaveformsTest, GoesOnAfterARestart_WithoutTheValueThatIsRepeated) {
  asset("motor", {"x"}).node = "ns=1;s=x";
  set("x", samples(0), last_of(0));
  watch();
  Windows& sink = *sinks_[0];
  ASSERT_TRUE(sink.wait([&] { return sink.blocks.size() == 1; }));
  server_.reset();
  ASSERT_TRUE(sink.wait([&] { return sink.downs > 0; }));
  serve();
  set("x", samples(0), last_of(0));
  ASSERT_TRUE(sink.wait([&] { return sink.ups == 2; }));
  EXPECT_TRUE(sink.last_why.contains("the OPC UA server of 'plc'")) << sink.last_why;
  set("x", samples(5), last_of(5));
  ASSERT_TRUE(sink.wait([&] { return sink.windows.size() == 1; }));
  EXPECT_EQ(sink.blocks.size(), 2U);
  EXPECT_TRUE(sink.faults.empty()) << sink.faults[0];
}

TEST(ChannelJoiner, LeavesOutWhatHasNoMatch_AndJoinsTheRest) {
  ChannelJoiner joiner(2, 20ms);
  joiner.add(0, {kBegin, {1}});
  EXPECT_FALSE(joiner.next());
  joiner.add(0, {kBegin + 100ms, {2}});
  joiner.add(1, {kBegin + 110ms, {3}});
  const auto block = joiner.next();
  ASSERT_TRUE(block);
  EXPECT_EQ((*block)[0].samples, (std::vector<double>{2}));
  EXPECT_EQ((*block)[1].samples, (std::vector<double>{3}));
  EXPECT_EQ(joiner.take_unmatched(), 1U);
  for (int i = 0; i < 100; ++i) joiner.add(0, {kBegin + i * 100ms, {1}});
  EXPECT_FALSE(joiner.next());
  EXPECT_EQ(joiner.take_unmatched(), 100 - ChannelJoiner::kWaiting) << "what waits is bounded";
}

}  // namespace
}  // namespace lineside::gateway
