// How many RTSP cameras this machine carries: `serve` plays cameras, `watch` is a gateway's stations on them, each with
// source, decoder, model and verdict. Two processes, so that a figure of one is not the other's. JSON on standard
// output.
#include <gst/gst.h>
#include <gst/rtsp-server/rtsp-server.h>
#include <sys/resource.h>

#include <cmath>
#include <cstdio>
#include <format>
#include <mutex>
#include <thread>

#include "base/signals.h"
#include "bundle/bundle.h"
#include "cli/cli.h"
#include "gateway/inspection/station.h"
#include "gateway/source/make_source.h"
#include "inference/classifier.h"

namespace lineside::bench {
namespace {

using namespace std::chrono_literals;

// Cameras share this many encoded streams, which begin at different moments: the machine under test encodes as little
// as possible, yet frames don't all come in the same instant.
constexpr int kStreams = 4;
constexpr int kLastPort = 65535;

struct Options {
  std::filesystem::path bundle;
  std::string codec = "h264";
  int cameras = 1, seconds = 10, width = 320, height = 240, port = 8654;
  double rate_hz = 10;
};

double cpu_s() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto s = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return s(used.ru_utime) + s(used.ru_stime);
}

std::string stream_text(const Options& options) {
  const std::string coder = options.codec == "h264"
                                ? "openh264enc gop-size=10 complexity=low ! h264parse ! rtph264pay config-interval=-1"
                                : "jpegenc ! rtpjpegpay";
  return std::format(
      "( videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width={},height={},framerate={}/1 ! {} "
      "name=pay0 )",
      options.width, options.height, std::lround(options.rate_hz), coder);
}

Result<int> serve(const Options& options) {
  catch_stop_signals();
  gst_init(nullptr, nullptr);
  GstRTSPServer* server = gst_rtsp_server_new();
  gst_rtsp_server_set_address(server, "127.0.0.1");
  gst_rtsp_server_set_service(server, std::to_string(options.port).c_str());
  GstRTSPMountPoints* mounts = gst_rtsp_server_get_mount_points(server);
  for (int i = 0; i < kStreams; ++i) {
    GstRTSPMediaFactory* factory = gst_rtsp_media_factory_new();
    gst_rtsp_media_factory_set_launch(factory, stream_text(options).c_str());
    gst_rtsp_media_factory_set_shared(factory, TRUE);
    gst_rtsp_mount_points_add_factory(mounts, std::format("/{}", i).c_str(), factory);
  }
  g_object_unref(mounts);
  if (gst_rtsp_server_attach(server, nullptr) == 0)
    return fail(ErrorCode::address_in_use, std::format("port {} is taken", options.port));
  std::printf("{\"serving\":%d}\n", options.port);
  std::fflush(stdout);
  while (!stop_requested())
    if (!g_main_context_iteration(nullptr, FALSE)) std::this_thread::sleep_for(1ms);
  return 0;
}

class Tally final : public gateway::ItemLog {
 public:
  std::uint64_t next_item() override { return next_.fetch_add(1); }
  void put(const Verdict& verdict, std::string_view, std::string_view) override {
    const std::lock_guard lock(mutex_);
    if (!counting_) return;
    ++verdicts_;
    fail_safe_ += is_fail_safe(verdict.reason) ? 1 : 0;
    decision_ms_.push_back(
        std::chrono::duration<double, std::milli>(verdict.stamps.decision - verdict.stamps.trigger).count());
  }
  void count(bool on) {
    const std::lock_guard lock(mutex_);
    counting_ = on;
  }
  std::uint64_t verdicts() const { return verdicts_; }
  std::uint64_t fail_safe() const { return fail_safe_; }
  double quantile_ms(double q) {
    std::ranges::sort(decision_ms_);
    if (decision_ms_.empty()) return 0;
    const auto at = static_cast<std::size_t>(q * static_cast<double>(decision_ms_.size()));
    return decision_ms_[std::min(at, decision_ms_.size() - 1)];
  }

 private:
  std::atomic<std::uint64_t> next_{1};
  std::mutex mutex_;
  bool counting_ = false;
  std::uint64_t verdicts_ = 0, fail_safe_ = 0;
  std::vector<double> decision_ms_;
};

class NoRecords final : public gateway::RecordSink {
 public:
  void put(Lane, RecordBody) override {}
};

config::CameraSettings camera(const Options& options, int number) {
  config::CameraSettings settings;
  settings.name = std::format("c{}", number);
  settings.kind = config::CameraSettings::Kind::rtsp;
  settings.url = std::format("rtsp://127.0.0.1:{}/{}", options.port, number % kStreams);
  return settings;
}

gateway::ModelLoader loader_for(const Options& options, MetricsRegistry& metrics) {
  return [&options, &metrics](std::uint64_t) -> Result<gateway::LoadedModel> {
    bundle::Trust trust;
    trust.inspect_only = true;
    LINESIDE_ASSIGN(const auto opened, bundle::Bundle::open(options.bundle, trust));
    LINESIDE_ASSIGN(auto classifier, inference::make_classifier(opened, {}, metrics));
    return gateway::LoadedModel{std::move(classifier), opened.manifest().counter};
  };
}

struct Counts {
  std::uint64_t frames = 0, lost = 0, failures = 0;
};

Counts counts_of(const Options& options, MetricsRegistry& metrics) {
  Counts sum;
  for (int i = 0; i < options.cameras; ++i) {
    const Labels labels{{"camera", std::format("c{}", i)}};
    sum.frames += metrics.counter("lineside_camera_frames_total", "", labels).value();
    sum.lost += metrics.counter("lineside_camera_lost_frames_total", "", labels).value();
    sum.failures += metrics.counter("lineside_camera_failures_total", "", labels).value();
  }
  return sum;
}

bool wait_all_up(const Options& options, MetricsRegistry& metrics) {
  const auto give_up = std::chrono::steady_clock::now() + 30s;
  for (int up = 0; up < options.cameras;) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(50ms);
    up = 0;
    for (int i = 0; i < options.cameras; ++i)
      up += metrics.gauge("lineside_camera_up", "", {{"camera", std::format("c{}", i)}}).value() > 0 ? 1 : 0;
  }
  return true;
}

Result<int> watch(const Options& options) {
  MetricsRegistry metrics;
  Tally tally;
  NoRecords records;
  std::vector<std::unique_ptr<gateway::Station>> stations;
  for (int i = 0; i < options.cameras; ++i) {
    config::StationSettings settings;
    settings.name = std::format("s{}", i);
    LINESIDE_ASSIGN(auto source, gateway::make_frame_source(camera(options, i), system_clock(), metrics));
    gateway::StationParts parts{.cameras = {},
                                .trigger = nullptr,
                                .actuator = nullptr,
                                .load_model = loader_for(options, metrics),
                                .items = tally,
                                .records = records,
                                .metrics = metrics,
                                .clock = system_clock()};
    parts.cameras.push_back({.name = std::format("c{}", i), .source = std::move(source)});
    LINESIDE_ASSIGN(auto station, gateway::Station::create(settings, std::move(parts)));
    stations.push_back(std::move(station));
  }
  for (auto& station : stations) station->start();
  const bool all_up = wait_all_up(options, metrics);
  std::this_thread::sleep_for(1500ms);
  const Counts before = counts_of(options, metrics);
  const double cpu_before = cpu_s();
  const auto began = std::chrono::steady_clock::now();
  tally.count(true);
  std::this_thread::sleep_for(std::chrono::seconds(options.seconds));
  tally.count(false);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  const Counts after = counts_of(options, metrics);
  const double cpu = (cpu_s() - cpu_before) / took.count();
  for (auto& station : stations) station->stop();
  // At the window's edges each camera may have one frame more or fewer.
  const auto expected = options.cameras * (std::floor(options.rate_hz * took.count()) - 1);
  const auto frames = static_cast<double>(after.frames - before.frames);
  std::printf("%s\n",
              std::format(R"({{"cameras":{},"all_up":{},"frames":{:.0f},"missing":{:.0f},"lost":{},"failures":{},)"
                          R"("verdicts":{},"fail_safe":{},"p50_ms":{:.2f},"p999_ms":{:.2f},"cpu_cores":{:.2f}}})",
                          options.cameras, all_up, frames, std::max(0.0, expected - frames), after.lost - before.lost,
                          after.failures - before.failures, tally.verdicts(), tally.fail_safe(), tally.quantile_ms(0.5),
                          tally.quantile_ms(0.999), cpu)
                  .c_str());
  return 0;
}

}  // namespace
}  // namespace lineside::bench

int main(int argc, char** argv) {
  using namespace lineside;
  bench::Options options;
  cli::Program program;
  program.name = "inspection_rtsp";
  program.summary = "measures how many RTSP cameras a machine carries";
  cli::Option port = cli::option("--port", "PORT", "of the RTSP server", options.port);
  port.min = 1;
  port.max = bench::kLastPort;
  const cli::Option rate = cli::option("--rate", "HZ", "pictures a second", options.rate_hz);
  cli::Command serve{.name = "serve", .summary = "plays the cameras", .options = {port, rate}};
  serve.options.push_back(cli::option("--codec", "CODEC", "h264 or mjpeg", options.codec));
  serve.options.push_back(cli::option("--width", "PX", "of the pictures", options.width));
  serve.options.push_back(cli::option("--height", "PX", "of the pictures", options.height));
  serve.run = [&] { return bench::serve(options); };
  cli::Command watch{.name = "watch", .summary = "a gateway's stations on them", .options = {port, rate}};
  watch.options.push_back(
      cli::required("--bundle", "FILE", "model bundle; its signature is not asked for", options.bundle));
  watch.options.push_back(cli::option("--cameras", "N", "stations with a camera each", options.cameras));
  watch.options.push_back(cli::option("--seconds", "N", "to measure for", options.seconds));
  watch.run = [&] { return bench::watch(options); };
  program.root.commands = {serve, watch};
  return cli::run(program, argc, argv);
}
