#include "plant/rtsp_server.h"

#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <gtest/gtest.h>

#include <format>
#include <thread>

namespace lineside::plant {
namespace {

using namespace std::chrono_literals;

constexpr int kWidth = 160, kHeight = 120;

// GStreamer's own client plays the stream.
class Viewer {
 public:
  explicit Viewer(const std::string& url) {
    pipeline_ = gst_parse_launch(
        std::format(
            "rtspsrc location={} protocols=tcp latency=0 ! decodebin ! videoconvert ! appsink name=end sync=false "
            "max-buffers=4 caps=video/x-raw,format=RGB",
            url)
            .c_str(),
        nullptr);
    end_ = gst_bin_get_by_name(GST_BIN(pipeline_), "end");
    gst_element_set_state(pipeline_, GST_STATE_PLAYING);
  }
  ~Viewer() {
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    gst_object_unref(end_);
    gst_object_unref(pipeline_);
  }
  Viewer(const Viewer&) = delete;
  Viewer& operator=(const Viewer&) = delete;

  // The next picture's size and middle pixel; nothing within the time: width 0.
  struct Seen {
    int width = 0, height = 0, red = 0, green = 0;
  };
  Seen next(std::chrono::milliseconds wait_max) {
    GstSample* sample =
        gst_app_sink_try_pull_sample(GST_APP_SINK(end_), static_cast<GstClockTime>(nanoseconds{wait_max}.count()));
    if (sample == nullptr) return {};
    Seen seen;
    const GstStructure* form = gst_caps_get_structure(gst_sample_get_caps(sample), 0);
    gst_structure_get_int(form, "width", &seen.width);
    gst_structure_get_int(form, "height", &seen.height);
    GstMapInfo map{};
    GstBuffer* buffer = gst_sample_get_buffer(sample);
    gst_buffer_map(buffer, &map, GST_MAP_READ);
    const std::size_t stride = map.size / static_cast<std::size_t>(seen.height);
    const std::size_t at =
        static_cast<std::size_t>(seen.height / 2) * stride + static_cast<std::size_t>(seen.width / 2) * 3;
    seen.red = map.data[at], seen.green = map.data[at + 1];
    gst_buffer_unmap(buffer, &map);
    gst_sample_unref(sample);
    return seen;
  }

 private:
  GstElement *pipeline_, *end_;
};

Image plain(int width, int height, std::uint8_t red, std::uint8_t green) {
  Image image{width, height, PixelFormat::rgb8, {}};
  for (int i = 0; i < width * height; ++i) image.pixels.insert(image.pixels.end(), {red, green, 40});
  return image;
}

class PlantRtspServer : public testing::TestWithParam<VideoCodec> {
 protected:
  static constexpr int kPort = 18'554;  // and following ones, whichever is free

  void SetUp() override {
    for (port_ = kPort; port_ < kPort + 50 && !server_; ++port_)
      if (auto started = RtspServer::start("127.0.0.1", port_)) server_ = std::move(*started);
    --port_;
    ASSERT_TRUE(server_);
    auto added = server_->add_stream("cap", GetParam(), 25);
    ASSERT_TRUE(added) << added.error().message;
    stream_ = *added;
    camera_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const Image picture = green_ ? plain(width_, kHeight, 30, 200) : plain(width_, kHeight, 200, 30);
        sent_ = stream_->push(picture, system_clock().mono());
        std::this_thread::sleep_for(40ms);
      }
    });
  }
  void TearDown() override {
    camera_.request_stop();
    if (camera_.joinable()) camera_.join();
  }
  std::string url() const { return std::format("rtsp://127.0.0.1:{}/cap", port_); }
  bool eventually(auto condition) const {
    const auto until = std::chrono::steady_clock::now() + 10s;
    while (!condition() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(5ms);
    return condition();
  }

  int port_ = 0;
  std::unique_ptr<RtspServer> server_;
  VideoStream* stream_ = nullptr;
  std::atomic<bool> green_{false};
  std::atomic<int> width_{kWidth};
  std::atomic<VideoStream::Sent> sent_{VideoStream::Sent::nobody};
  std::jthread camera_;
};

TEST_P(PlantRtspServer, ShowsAViewerWhatItWasGiven_AndKnowsWhetherSomebodyLooks) {
  EXPECT_EQ(sent_.load(), VideoStream::Sent::nobody);
  {
    Viewer viewer(url());
    const auto first = viewer.next(10s);
    EXPECT_EQ(first.width, kWidth);
    EXPECT_EQ(first.height, kHeight);
    EXPECT_NEAR(first.red, 200, 30);
    EXPECT_NEAR(first.green, 30, 30);
    EXPECT_TRUE(eventually([&] { return sent_ == VideoStream::Sent::playing; }));
    green_ = true;
    EXPECT_TRUE(eventually([&] { return viewer.next(1s).green > 150; }));
  }
  EXPECT_TRUE(eventually([&] { return sent_ == VideoStream::Sent::nobody; })) << "the viewer has left";
}

TEST_P(PlantRtspServer, SendsPicturesOfAnotherSizeAsSuch) {
  Viewer viewer(url());
  ASSERT_EQ(viewer.next(10s).width, kWidth);
  width_ = kWidth / 2;
  EXPECT_TRUE(eventually([&] { return Viewer(url()).next(3s).width == kWidth / 2; }));
}

TEST_P(PlantRtspServer, DisconnectsViewersAndRefusesNewOnes_WithoutPower) {
  Viewer viewer(url());
  ASSERT_EQ(viewer.next(10s).width, kWidth);
  stream_->set_power(false);
  EXPECT_TRUE(eventually([&] { return sent_ == VideoStream::Sent::nobody; }));
  EXPECT_EQ(Viewer(url()).next(1s).width, 0);
  stream_->set_power(true);
  EXPECT_TRUE(eventually([&] { return Viewer(url()).next(3s).width == kWidth; }));
}

INSTANTIATE_TEST_SUITE_P(Codecs, PlantRtspServer, testing::Values(VideoCodec::h264, VideoCodec::mjpeg),
                         [](const auto& of) { return of.param == VideoCodec::h264 ? "H264" : "Jpeg"; });

TEST(PlantRtspServerAlone, EndsAtOnce_AlsoWhenItHasHardlyBegun) {
  for (int i = 0; i < 50; ++i) {
    int port = 18'700;
    auto server = RtspServer::start("127.0.0.1", port);
    while (!server && port < 18'750) server = RtspServer::start("127.0.0.1", ++port);
    ASSERT_TRUE(server) << server.error().message;
    const auto second = RtspServer::start("127.0.0.1", port);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::address_in_use);
  }
}

}  // namespace
}  // namespace lineside::plant
