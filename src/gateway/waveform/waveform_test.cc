#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <future>
#include <limits>
#include <mutex>
#include <thread>

#include "base/test_folder.h"
#include "gateway/waveform/block_format.h"
#include "gateway/waveform/make_waveform_source.h"
#include "gateway/waveform/stream_waveforms.h"
#include "gateway/waveform/test_waveform_sink.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

template <class T>
void put(std::vector<std::uint8_t>& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

// Two channels of three samples, as 16-bit integers: 1, 2, 3 and -10, -20, -30, scale 0.5.
std::vector<std::uint8_t> int16_block(std::uint32_t sequence = 7) {
  std::vector<std::uint8_t> bytes(kBlockHeaderBytes + 12);
  std::memcpy(bytes.data(), "LSWB", 4);
  bytes[4] = 1, bytes[5] = 2;
  put(bytes, 6, std::uint16_t{2});
  put(bytes, 8, std::uint32_t{3});
  put(bytes, 12, sequence);
  put(bytes, 16, 1000.0);
  put(bytes, 24, std::int64_t{1'700'000'000'000'000'000});
  put(bytes, 32, 0.5);
  for (std::int16_t i = 0; i < 3; ++i) {
    put(bytes, kBlockHeaderBytes + 4U * static_cast<unsigned>(i), static_cast<std::int16_t>(i + 1));
    put(bytes, kBlockHeaderBytes + 4U * static_cast<unsigned>(i) + 2, static_cast<std::int16_t>(-10 * (i + 1)));
  }
  return bytes;
}

using Taker = testing::TakingWaveformSink;

TEST(BlockFormat, ReadsInterleavedIntegersAsScaledChannels) {
  const auto block = parse_block(int16_block());
  ASSERT_TRUE(block) << block.error().message;
  EXPECT_EQ(block->channels, 2U);
  EXPECT_EQ(block->samples, 3U);
  EXPECT_EQ(block->sequence, 7U);
  EXPECT_EQ(block->rate_hz, 1000);
  EXPECT_EQ(block->values, (std::vector<float>{0.5F, 1, 1.5F, -5, -10, -15}));
  EXPECT_EQ(block->first.time_since_epoch().count(), 1'700'000'000'000'000'000);
}

TEST(BlockFormat, Reads24BitsWithTheirSign) {
  auto bytes = int16_block();
  bytes[5] = 3;
  put(bytes, 6, std::uint16_t{1});
  put(bytes, 8, std::uint32_t{2});
  put(bytes, 32, 1.0);
  bytes.resize(kBlockHeaderBytes + 6);
  const std::uint8_t samples[] = {0xFF, 0xFF, 0x7F, 0xFE, 0xFF, 0xFF};
  std::memcpy(bytes.data() + kBlockHeaderBytes, samples, 6);
  const auto block = parse_block(bytes);
  ASSERT_TRUE(block) << block.error().message;
  EXPECT_EQ(block->values, (std::vector<float>{8'388'607, -2}));
}

TEST(BlockFormat, ReadsJsonWithNamesAndMissingSamples) {
  const std::string text =
      R"({"rate_hz":50,"sequence":3,"time_ns":1700000000000000000,"channels":{"x":[1,null],"y":[3,4]}})";
  const auto block = parse_block({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  ASSERT_TRUE(block) << block.error().message;
  EXPECT_EQ(block->names, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(block->samples, 2U);
  EXPECT_TRUE(std::isnan(block->values[1]));
  EXPECT_EQ(block->values[3], 4);
}

TEST(BlockFormat, RefusesWhateverIsNoBlock) {
  const auto good = int16_block();
  for (std::size_t length = 0; length < good.size(); ++length)
    EXPECT_FALSE(parse_block(std::span(good).first(length))) << length;
  const auto broken = [&](auto change) {
    auto bytes = good;
    change(bytes);
    return !parse_block(bytes).has_value();
  };
  EXPECT_TRUE(broken([](auto& b) { b[4] = 2; }));
  EXPECT_TRUE(broken([](auto& b) { b[5] = 9; }));
  EXPECT_TRUE(broken([](auto& b) { put(b, 6, std::uint16_t{0}); }));
  EXPECT_TRUE(broken([](auto& b) { put(b, 6, std::uint16_t{65}); }));
  EXPECT_TRUE(broken([](auto& b) { put(b, 8, std::uint32_t{0xFFFFFFFF}); }));
  EXPECT_TRUE(broken([](auto& b) { put(b, 16, std::nan("")); }));
  EXPECT_TRUE(broken([](auto& b) { put(b, 24, std::int64_t{-1}); }));
  EXPECT_TRUE(broken([](auto& b) { put(b, 24, std::numeric_limits<std::int64_t>::max()); }));
  EXPECT_TRUE(broken([](auto& b) { put(b, 32, 0.0); }));
  EXPECT_TRUE(broken([](auto& b) { b.push_back(0); }));
  for (const std::string text :
       {"{", "{}", R"({"channels":[]})", R"({"channels":{"x":[1],"y":[1,2]}})", R"({"channels":{"x":["a"]}})",
        R"({"channels":3})", R"({"time_ns":18446744073709551615,"channels":{"x":[1]}})",
        R"({"time_ns":9000000000000000000,"channels":{"x":[1]}})"})
    EXPECT_FALSE(parse_json_block(text)) << text;
  const std::string long_text = R"({"channels":{"x":[)" + std::string(kJsonBlockBytesMax, ' ') + "1]}}";
  EXPECT_FALSE(parse_json_block(long_text));
  EXPECT_TRUE(parse_json_block(R"({"channels":{"x":[)" + std::string(1000, ' ') + "1]}}"));
}

int listen_on_loopback(int& port, int backlog = 4) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t length = sizeof address;
  EXPECT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(::listen(socket, backlog), 0);
  getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length);
  port = ntohs(address.sin_port);
  return socket;
}

TEST(StreamWaveforms, CutsATcpStreamIntoBlocksAndConnectsAgainWhenItMakesNoSense) {
  config::WaveformSourceSettings settings{.name = "daq", .kind = config::WaveformSourceSettings::Kind::tcp};
  settings.reconnect_min = 10ms;
  const int listener = listen_on_loopback(settings.at.port);
  MetricsRegistry metrics;
  Taker taker;
  const auto source = make_waveform_source(settings, 1000, system_clock(), metrics);
  ASSERT_TRUE(source);
  (*source)->add("", taker);
  ASSERT_TRUE((*source)->start());
  int peer = ::accept(listener, nullptr, nullptr);
  const auto first = int16_block(1), second = int16_block(2);
  std::vector<std::uint8_t> both(first);
  both.insert(both.end(), second.begin(), second.end());
  ASSERT_EQ(::send(peer, both.data(), 50, 0), 50);
  ASSERT_EQ(::send(peer, both.data() + 50, both.size() - 50, 0), static_cast<ssize_t>(both.size() - 50));
  ASSERT_TRUE(taker.wait([&] { return taker.blocks.size() == 2; }));
  EXPECT_EQ(taker.blocks[1].sequence, 2U);
  const std::string nonsense(100, '?');
  ASSERT_EQ(::send(peer, nonsense.data(), nonsense.size(), 0), 100);
  ASSERT_TRUE(taker.wait([&] { return taker.downs == 1 && taker.bad.size() == 1; }));
  ::close(peer);
  peer = ::accept(listener, nullptr, nullptr);
  EXPECT_TRUE(taker.wait([&] { return taker.ups == 2; }));
  ::close(peer);
  ::close(listener);
}

template <class Work>
std::chrono::milliseconds time_of(Work work) {
  const auto began = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
}

TEST(StreamWaveforms, EndsSoon_WhileTheOtherSideDoesNotAnswer) {
  config::WaveformSourceSettings settings{.name = "daq", .kind = config::WaveformSourceSettings::Kind::tcp};
  // A listener whose queue is full drops further attempts: connecting hangs, as with a device behind a firewall.
  const int listener = listen_on_loopback(settings.at.port, 0);
  sockaddr_in address{.sin_family = AF_INET,
                      .sin_port = htons(static_cast<std::uint16_t>(settings.at.port)),
                      .sin_addr = {htonl(INADDR_LOOPBACK)},
                      .sin_zero = {}};
  std::vector<int> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    static_cast<void>(::connect(fillers.back(), reinterpret_cast<sockaddr*>(&address), sizeof address));
  }
  MetricsRegistry metrics;
  Taker taker;
  auto source = std::make_unique<StreamWaveforms>(settings, system_clock(), metrics);
  source->add("", taker);
  ASSERT_TRUE(source->start());
  std::this_thread::sleep_for(100ms);
  EXPECT_TRUE(taker.wait([&] { return taker.downs + taker.ups == 0; })) << "it should be connecting";
  EXPECT_LT(time_of([&] { source.reset(); }), 3s);
  for (const int filler : fillers) ::close(filler);
  ::close(listener);
}

TEST(StreamWaveforms, EndsSoon_WhileTheNameServerDoesNotAnswer) {
  config::WaveformSourceSettings settings{.name = "daq", .kind = config::WaveformSourceSettings::Kind::tcp};
  settings.at.host = "daq.plant";
  const auto answer = std::make_shared<std::promise<void>>();
  MetricsRegistry metrics;
  Taker taker;
  auto source = std::make_unique<StreamWaveforms>(
      settings, system_clock(), metrics,
      [answer, done = answer->get_future().share()](const std::string&) -> Result<std::vector<std::string>> {
        done.wait();
        return fail(ErrorCode::not_found, "nobody");
      });
  source->add("", taker);
  ASSERT_TRUE(source->start());
  std::this_thread::sleep_for(50ms);
  EXPECT_LT(time_of([&] { source.reset(); }), 3s);
  answer->set_value();
}

TEST(StreamWaveforms, TriesEveryAddressOfTheHost) {
  config::WaveformSourceSettings settings{.name = "daq", .kind = config::WaveformSourceSettings::Kind::tcp};
  settings.at.host = "daq.plant";
  settings.reconnect_min = settings.reconnect_max = 60s;
  const int listener = listen_on_loopback(settings.at.port);
  MetricsRegistry metrics;
  Taker taker;
  StreamWaveforms source(settings, system_clock(), metrics, [](const std::string&) {
    return Result<std::vector<std::string>>({"127.0.0.2", "::1", "127.0.0.1"});
  });
  source.add("", taker);
  ASSERT_TRUE(source.start());
  EXPECT_TRUE(taker.wait([&] { return taker.ups == 1 && taker.downs == 0; }));
  ::close(listener);
}

TEST(FileWaveforms, PlaysRecordingsInOrderAsBlocks) {
  TestFolder folder;
  for (const char* name : {"2.csv", "10.csv"}) {
    std::ofstream file(folder.path() / name);
    file << "x,y\n";
    for (int i = 0; i < 250; ++i) file << std::sin(i) << "," << (name[0] == '2' ? 0.25 : 0.5) * std::cos(i) << "\n";
  }
  config::WaveformSourceSettings settings{.name = "replay", .kind = config::WaveformSourceSettings::Kind::files};
  settings.path = folder.path().string();
  settings.speed = 0;
  settings.loop = false;
  MetricsRegistry metrics;
  Taker taker;
  const auto source = make_waveform_source(settings, 1000, system_clock(), metrics);
  ASSERT_TRUE(source) << source.error().message;
  (*source)->add("", taker);
  ASSERT_TRUE((*source)->start());
  ASSERT_TRUE(taker.wait([&] { return taker.downs == 1; }));
  ASSERT_EQ(taker.blocks.size(), 6U);
  EXPECT_EQ(taker.blocks[2].samples, 50U);
  EXPECT_FLOAT_EQ(taker.blocks[0].values[100], 0.25F);
  EXPECT_FLOAT_EQ(taker.blocks[3].values[100], 0.5F);
  EXPECT_EQ(taker.blocks[5].sequence, 6U);
}

}  // namespace
}  // namespace lineside::gateway
