#include "gateway/source/camera_source.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <format>
#include <functional>
#include <optional>

#include "base/file.h"
#include "base/test_folder.h"
#include "gateway/source/camera_pipeline.h"
#include "gateway/source/make_source.h"
#include "gateway/source/recording_sink.h"
#include "gateway/source/rtsp_test_server.h"
#include "vision/image_io.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using Kind = config::CameraSettings::Kind;

constexpr const char* kMjpeg =
    "( videotestsrc is-live=true ! video/x-raw,format=I420,width=160,height=120,framerate=50/1 ! jpegenc ! rtpjpegpay "
    "name=pay0 )";
constexpr const char* kH264 =
    "( videotestsrc is-live=true ! video/x-raw,format=I420,width=160,height=120,framerate=50/1 ! openh264enc "
    "gop-size=10 ! "
    "h264parse ! rtph264pay name=pay0 config-interval=-1 )";

config::CameraSettings camera(Kind kind) {
  config::CameraSettings settings;
  settings.name = "c1";
  settings.kind = kind;
  settings.reconnect_min = 20ms;
  settings.reconnect_max = 100ms;
  return settings;
}

config::CameraSettings pipeline(const std::string& text) {
  auto settings = camera(Kind::pipeline);
  settings.pipeline = text;
  return settings;
}

config::CameraSettings rtsp(const std::string& url) {
  auto settings = camera(Kind::rtsp);
  settings.url = url;
  return settings;
}

class Running {
 public:
  explicit Running(const config::CameraSettings& settings, RecordingSink& sink) {
    auto made = make_frame_source(settings, system_clock(), metrics_);
    if (!made) {
      ADD_FAILURE() << made.error().message;
      return;
    }
    source_ = std::move(*made);
    EXPECT_TRUE(source_->start(sink));
  }
  std::chrono::nanoseconds stop() {
    const auto before = std::chrono::steady_clock::now();
    if (source_) source_->stop();
    return std::chrono::steady_clock::now() - before;
  }
  std::uint64_t count(const std::string& what) {
    return metrics_.counter("lineside_camera_" + what + "_total", "", {{"camera", "c1"}}).value();
  }
  double up() { return metrics_.gauge("lineside_camera_up", "", {{"camera", "c1"}}).value(); }

 private:
  MetricsRegistry metrics_;
  std::unique_ptr<FrameSource> source_;
};

TEST(CameraSource, HandsOverFramesOfAPipelineText) {
  RecordingSink sink;
  Running running(pipeline("videotestsrc is-live=true pattern=white ! video/x-raw,width=64,height=48,framerate=100/1"),
                  sink);
  ASSERT_TRUE(sink.wait_frames(20));
  EXPECT_EQ(running.up(), 1);
  running.stop();
  const auto frames = sink.frames();
  EXPECT_EQ(frames[0].width, 64);
  EXPECT_EQ(frames[0].height, 48);
  EXPECT_EQ(frames[0].format, PixelFormat::rgb8);
  EXPECT_GT(frames[0].first_byte, 250);
  for (std::size_t i = 1; i < frames.size(); ++i) EXPECT_GT(frames[i].exposure, frames[i - 1].exposure);
  EXPECT_EQ(sink.states(), (std::vector{SourceState::starting, SourceState::up}));
  EXPECT_EQ(running.up(), 0);
  EXPECT_EQ(running.count("frames"), frames.size());
}

TEST(CameraSource, KeepsGrayAsGray) {
  RecordingSink sink;
  Running running(pipeline("videotestsrc is-live=true ! video/x-raw,format=GRAY8,width=64,height=48"), sink);
  ASSERT_TRUE(sink.wait_frames(2));
  EXPECT_EQ(sink.frames()[0].format, PixelFormat::gray8);
}

// A buffer without a pool may wrap memory that its source writes the next frames to.
TEST(CameraPipeline, LetsFramesBeKept_OnlyWhereAPoolOfAnySizeMakesThem) {
  const TestFolder folder;
  ASSERT_TRUE(write_atomically(folder.path() / "raw", std::string(64 * 48, 'x')));
  const auto may_be_kept = [](const std::string& text) {
    const auto settings = pipeline(text);  // outlives the pipeline
    EXPECT_TRUE(check_gstreamer(settings));
    auto opened = CameraPipeline::open(settings, system_clock());
    std::optional<bool> kept;
    if (opened)
      static_cast<void>((*opened)->next(5s, [&](const FrameView& frame) { kept = frame.hold.keep != nullptr; }));
    return kept;
  };
  EXPECT_EQ(may_be_kept("videotestsrc ! video/x-raw,format=GRAY8,width=64,height=48"), true);
  EXPECT_EQ(
      may_be_kept(std::format("multifilesrc loop=true location={} ! rawvideoparse format=gray8 width=64 height=48",
                              (folder.path() / "raw").string())),
      false);
}

TEST(CameraSource, CountsWhatASlowSinkLoses_AndShowsTheGapInTheSequence) {
  RecordingSink sink;
  sink.on_each = [](const FrameView&) { std::this_thread::sleep_for(30ms); };
  Running running(pipeline("videotestsrc is-live=true ! video/x-raw,width=64,height=48,framerate=200/1"), sink);
  ASSERT_TRUE(sink.wait_frames(20));
  running.stop();
  const auto frames = sink.frames();
  EXPECT_GT(running.count("lost_frames"), 20U);
  EXPECT_EQ(running.count("lost_frames") + frames.size(), frames.back().sequence + 1);
  EXPECT_EQ(running.count("failures"), 0U);
}

TEST(CameraSource, StampsAFrameWhenItCame_NotWhenItWasTaken) {
  RecordingSink sink;
  std::vector<nanoseconds> ages;
  sink.on_each = [&](const FrameView& frame) {
    ages.push_back(system_clock().mono() - frame.exposure);
    std::this_thread::sleep_for(50ms);
  };
  Running running(pipeline("videotestsrc is-live=true ! video/x-raw,width=64,height=48,framerate=100/1"), sink);
  ASSERT_TRUE(sink.wait_frames(6));
  running.stop();
  for (std::size_t i = 2; i < ages.size(); ++i) EXPECT_GT(ages[i], 5ms);  // has waited in the queue of two
}

TEST(CameraSource, GoesDown_WhenTheStreamEnds_AndOpensItAgain) {
  RecordingSink sink;
  Running running(pipeline("videotestsrc num-buffers=3 is-live=true ! video/x-raw,width=64,height=48,framerate=100/1"),
                  sink);
  ASSERT_TRUE(sink.wait_downs(2));
  running.stop();
  EXPECT_THAT(sink.whys()[0].message, HasSubstr("the stream has ended"));
  EXPECT_THAT(sink.whys()[0].message, HasSubstr("Trying again in"));
  EXPECT_GE(running.count("connects"), 2U);
  EXPECT_GE(running.count("failures"), 2U);
  // Numbers go on in the second connection; what a busy machine loses is counted.
  const auto frames = sink.frames();
  for (std::size_t i = 1; i < frames.size(); ++i) EXPECT_GT(frames[i].sequence, frames[i - 1].sequence);
  EXPECT_EQ(running.count("lost_frames") + frames.size(), frames.back().sequence + 1);
}

TEST(CameraSource, GoesDown_WhenFramesStopComing) {
  RecordingSink sink;
  auto settings = pipeline("videotestsrc is-live=true ! video/x-raw,width=64,height=48 ! identity sleep-time=400000");
  settings.stall_max = 150ms;
  Running running(settings, sink);
  ASSERT_TRUE(sink.wait_downs(1));
  EXPECT_THAT(sink.whys()[0].message, HasSubstr("no frame for 150 ms"));
  EXPECT_LT(running.stop(), 1s);
}

TEST(CameraSource, TakesAnotherSizeAsAFault) {
  RecordingSink sink;
  auto settings = pipeline("videotestsrc is-live=true ! video/x-raw,width=64,height=48,framerate=50/1");
  settings.width = 320;
  settings.height = 240;
  Running running(settings, sink);
  ASSERT_TRUE(sink.wait_downs(1));
  running.stop();
  EXPECT_THAT(sink.whys()[0].message, HasSubstr("pictures of 64x48 instead of 320x240"));
  EXPECT_TRUE(sink.frames().empty());
  EXPECT_GE(running.count("bad_frames"), 1U);
}

// A camera that sends four MJPEG pictures again and again, the third of them changed by `damage`.
struct DamagedMjpeg {
  explicit DamagedMjpeg(const Image& image, const std::function<void(std::vector<std::uint8_t>&)>& damage) {
    const auto jpeg = vision::encode_jpeg(image.view());
    EXPECT_TRUE(jpeg);
    for (int i = 0; jpeg && i < 4; ++i) {
      std::vector<std::uint8_t> bytes = *jpeg;
      if (i == 2) damage(bytes);
      EXPECT_TRUE(write_atomically(folder / std::format("{}.jpg", i), bytes));
    }
  }
  auto camera() const {
    return pipeline(
        std::format("multifilesrc location={}/%d.jpg start-index=0 stop-index=3 loop=true "
                    "caps=image/jpeg,framerate=100/1 ! jpegdec ! identity sync=true",
                    folder.path().string()));
  }
  TestFolder folder;
};

TEST(CameraSource, CountsBrokenJpegs_AndGoesOn) {
  const Image image{32, 16, PixelFormat::rgb8, std::vector<std::uint8_t>(32 * 16 * 3, 90)};
  const DamagedMjpeg pictures(image,
                              [](auto& bytes) { std::fill(bytes.begin() + 2, bytes.end(), std::uint8_t{0x55}); });
  RecordingSink sink;
  Running running(pictures.camera(), sink);
  ASSERT_TRUE(sink.wait_frames(12)) << (sink.whys().empty() ? "" : sink.whys()[0].message);
  running.stop();
  EXPECT_GE(running.count("bad_frames"), 3U);
  EXPECT_EQ(running.count("failures"), 0U);
}

TEST(CameraSource, SaysThatAnMjpegPictureIsDamaged_ThoughTheDecoderGivesOne) {
  Image image{160, 120, PixelFormat::rgb8, std::vector<std::uint8_t>(160 * 120 * 3)};
  for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(i * i % 251);
  const DamagedMjpeg pictures(image, [](auto& bytes) {
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2), 64, std::uint8_t{0});
  });
  RecordingSink sink;
  Running running(pictures.camera(), sink);
  ASSERT_TRUE(sink.wait_frames(12)) << (sink.whys().empty() ? "" : sink.whys()[0].message);
  running.stop();
  for (const auto& frame : sink.frames()) EXPECT_EQ(frame.damaged, frame.sequence % 4 == 2) << frame.sequence;
  EXPECT_GE(running.count("bad_frames"), 3U);
}

TEST(CameraSource, RefusesAPipelineTextThatGStreamerCantParse) {
  MetricsRegistry metrics;
  const auto made = make_frame_source(pipeline("videotestsrc ! nosuchelement"), system_clock(), metrics);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::config_invalid);
  EXPECT_THAT(made.error().message, HasSubstr("nosuchelement"));
}

TEST(CameraSource, SaysWhichPackageHoldsAMissingElement) {
  MetricsRegistry metrics;
  const auto made = make_frame_source(camera(Kind::gige), system_clock(), metrics);
  if (made) GTEST_SKIP() << "GStreamer's Aravis plugin is installed here";
  EXPECT_EQ(made.error().code, ErrorCode::camera_unavailable);
  EXPECT_THAT(made.error().message, HasSubstr("libaravis-0.8-0"));
}

TEST(CameraSource, GoesDown_WhenTheV4l2DeviceIsNotThere) {
  RecordingSink sink;
  auto settings = camera(Kind::v4l2);
  settings.device = "/dev/video-none";
  Running running(settings, sink);
  ASSERT_TRUE(sink.wait_downs(2));
  EXPECT_THAT(sink.whys()[0].message, HasSubstr("/dev/video-none"));
  EXPECT_LT(running.stop(), 1s);
}

TEST(CameraSource, TakesMjpegByRtsp_WithoutTheFirstBurst) {
  RtspTestServer server(kMjpeg);
  RecordingSink sink;
  const MonoTime began = system_clock().mono();
  Running running(rtsp(server.url()), sink);
  ASSERT_TRUE(sink.wait_frames(1));
  EXPECT_GE(system_clock().mono() - began, 300ms);
  ASSERT_TRUE(sink.wait_frames(20)) << (sink.whys().empty() ? "" : sink.whys()[0].message);
  EXPECT_LT(running.stop(), 1s);
  const auto frames = sink.frames();
  EXPECT_EQ(frames[0].width, 160);
  EXPECT_GT(frames[0].sequence, 0U);
  // The burst is not counted as lost. What a busy machine loses later is, and shows as a gap.
  EXPECT_EQ(running.count("lost_frames"), frames.back().sequence + 1 - frames[0].sequence - frames.size());
  EXPECT_EQ(running.count("bad_frames"), 0U);
}

TEST(CameraSource, TakesH264ByRtsp_WithoutHoldingFramesBack) {
  RtspTestServer server(kH264);
  RecordingSink sink;
  std::vector<nanoseconds> ages;
  sink.on_each = [&](const FrameView& frame) { ages.push_back(system_clock().mono() - frame.exposure); };
  Running running(rtsp(server.url()), sink);
  ASSERT_TRUE(sink.wait_frames(100)) << (sink.whys().empty() ? "" : sink.whys()[0].message);
  running.stop();
  std::ranges::nth_element(ages, ages.begin() + 50);
  EXPECT_LT(ages[50], 20ms);  // one frame is 20 ms: a decoder or parser that waits for the next one would show
}

TEST(CameraSource, ComesBack_AfterTheRtspServerWasKilled) {
  auto server = std::make_unique<RtspTestServer>(kMjpeg);
  const int port = server->port();
  RecordingSink sink;
  auto settings = rtsp(server->url());
  settings.stall_max = 500ms;
  Running running(settings, sink);
  ASSERT_TRUE(sink.wait_frames(5));
  server.reset();
  ASSERT_TRUE(sink.wait_downs(2));
  for (const auto& why : sink.whys()) EXPECT_THAT(why.message, Not(HasSubstr("secret")));
  const auto before = sink.frames();
  server = std::make_unique<RtspTestServer>(kMjpeg, port);
  ASSERT_TRUE(sink.wait_frames(before.size() + 5));
  running.stop();
  EXPECT_EQ(sink.states().back(), SourceState::up);
  const auto frames = sink.frames();
  for (std::size_t i = 1; i < frames.size(); ++i) EXPECT_GT(frames[i].sequence, frames[i - 1].sequence);
}

// Accepts connections and never says a word.
class SilentServer {
 public:
  SilentServer() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(socket_, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(socket_, 8);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { ::close(socket_); }
  int port() const { return port_; }

 private:
  int socket_, port_ = 0;
};

TEST(CameraSource, StopsWithinASecond_WhileConnectingToACameraThatDoesNotAnswer) {
  SilentServer server;
  RecordingSink sink;
  Running running(rtsp(std::format("rtsp://127.0.0.1:{}/cam", server.port())), sink);
  std::this_thread::sleep_for(300ms);
  EXPECT_LT(running.stop(), 1s);
  EXPECT_TRUE(sink.frames().empty());
}

TEST(CameraSource, SaysThatACameraRefuses) {
  int port = 0;
  {
    SilentServer server;
    port = server.port();
  }
  RecordingSink sink;
  Running running(rtsp(std::format("rtsp://127.0.0.1:{}/cam", port)), sink);
  ASSERT_TRUE(sink.wait_downs(1));
  EXPECT_THAT(sink.whys()[0].message, HasSubstr("nothing takes the connection"));
}

TEST(WithoutCredentials, HidesUserAndPassword) {
  EXPECT_EQ(without_credentials("rtsp://user:pa@ss@10.0.0.1:554/x@y"), "rtsp://***@10.0.0.1:554/x@y");
  EXPECT_EQ(without_credentials("can't open rtsp://a:b@h and http://c:d@e/"),
            "can't open rtsp://***@h and http://***@e/");
  EXPECT_EQ(without_credentials("rtsp://10.0.0.1/cam"), "rtsp://10.0.0.1/cam");
  EXPECT_EQ(without_credentials("a://"), "a://");
}

}  // namespace
}  // namespace lineside::gateway
