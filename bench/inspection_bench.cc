// Measures inspection stations with frames that are decoded already, so that neither drawing nor decoding counts.
// Prints one JSON object per run; bench/inspection.py makes the figures of it.
#include <malloc.h>
#include <pthread.h>
#include <sched.h>

#include <cmath>
#include <cstdio>
#include <format>
#include <fstream>
#include <random>

#include "base/file.h"
#include "bundle/bundle.h"
#include "cli/cli.h"
#include "gateway/inspection/station.h"
#include "inference/classifier.h"
#include "inference/session.h"
#include "inference/test_models.h"
#include "vision/image_io.h"
#include "wire/batch.h"

namespace lineside::bench {
namespace {

using namespace std::chrono_literals;

struct Options {
  std::filesystem::path bundle, images, out;
  int cameras = 1, items = 300, seconds = 5, width = 320, height = 240, size = 128;
  double delay_ms = 0, period_ms = 100;
};

std::vector<Image> make_pictures(const Options& options) {
  std::vector<Image> pictures;
  if (!options.images.empty())
    if (const auto files = vision::list_images(options.images))
      for (const auto& file : *files)
        if (auto image = vision::load_image(file); image && pictures.size() < 16) pictures.push_back(std::move(*image));
  std::mt19937 random(1);
  while (pictures.empty() || (options.images.empty() && pictures.size() < 4)) {
    Image noise{options.width, options.height, PixelFormat::rgb8, {}};
    noise.pixels.resize(static_cast<std::size_t>(options.width * options.height * 3));
    for (auto& pixel : noise.pixels) pixel = static_cast<std::uint8_t>(random());
    pictures.push_back(std::move(noise));
  }
  return pictures;
}

// Decoded frames at a steady pace, or (period 0) as fast as the station takes them.
class ReplaySource final : public gateway::FrameSource {
 public:
  ReplaySource(const std::vector<Image>& pictures, nanoseconds period, nanoseconds phase, int items)
      : pictures_(pictures), period_(period), phase_(phase), items_(items) {}
  ~ReplaySource() override { stop(); }
  Result<void> start(gateway::FrameSink& sink) override {
    thread_ = std::thread([this, &sink] { run(sink); });
    return {};
  }
  void stop() override {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  void pause(bool paused) { paused_ = paused; }
  bool done() const { return done_; }
  int given() const { return given_; }

 private:
  void run(gateway::FrameSink& sink) {
    gateway::set_up_this_thread({.name = "replay"});
    Clock& clock = system_clock();
    MonoTime next = clock.mono() + phase_;
    for (int i = 0; (items_ == 0 || i < items_) && !stopping_;) {
      if (period_ > 0ns) {
        clock.sleep_until(next);
        next += period_;
      } else if (paused_) {
        std::this_thread::sleep_for(1ms);
        continue;
      } else if (!sink.wait_ready(100ms)) {
        continue;
      }
      gateway::FrameView frame;
      frame.image = pictures_[static_cast<std::size_t>(i) % pictures_.size()].view();
      frame.exposure = clock.mono();
      frame.sequence = static_cast<std::uint64_t>(i);
      frame.hold = {nullptr, [](void*) {}, [](void*) {}};  // like a replay folder's: they stay
      sink.on_frame(frame);
      given_ = ++i;
    }
    done_ = true;
  }
  const std::vector<Image>& pictures_;
  const nanoseconds period_, phase_;
  const int items_;
  std::atomic<bool> stopping_{false}, paused_{false}, done_{false};
  std::atomic<int> given_{0};
  std::thread thread_;
};

// An output that answers at once: what is measured is when the command comes.
class InstantActuator final : public gateway::Actuator {
 public:
  Result<void> open(MonoTime) override { return {}; }
  Result<void> fire(const gateway::ActuationCommand&) override { return {}; }
  Result<void> probe(MonoTime) override { return {}; }
  Result<void> go_safe(MonoTime) override { return {}; }
};

class Log final : public gateway::ItemLog {
 public:
  std::uint64_t next_item() override { return next_.fetch_add(1); }
  void put(const Verdict& verdict, std::string_view, std::string_view) override {
    std::lock_guard lock(mutex_);
    verdicts_.push_back(verdict);
  }
  std::vector<Verdict> take() {
    std::lock_guard lock(mutex_);
    return std::move(verdicts_);
  }
  std::size_t size() {
    std::lock_guard lock(mutex_);
    return verdicts_.size();
  }

 private:
  std::atomic<std::uint64_t> next_{1};
  std::mutex mutex_;
  std::vector<Verdict> verdicts_;
};

// Counts what the uplink would send: batches of 200 ms, compressed, with MQTT's header and topic.
class WireCounter final : public gateway::RecordSink {
 public:
  void put(Lane lane, RecordBody body) override {
    std::lock_guard lock(mutex_);
    auto& queue = lanes_[static_cast<std::size_t>(lane)];
    queue.push_back({++sequences_[static_cast<std::size_t>(lane)], std::move(body)});
  }
  void flush() {
    std::lock_guard lock(mutex_);
    for (std::size_t lane = 0; lane < 2; ++lane) {
      if (lanes_[lane].empty()) continue;
      wire::BatchBuilder batch("demo", "bench", static_cast<Lane>(lane), "018f3c6e-0000-7000-8000-000000000000",
                               lanes_[lane].front().sequence, system_clock().wall());
      for (const Record& record : lanes_[lane]) batch.add(wire::encode_record(record));
      if (const auto bytes = batch.finish())
        bytes_ += bytes->size() + 6 + wire::make_topic("demo", "bench", "up").size();
      lanes_[lane].clear();
    }
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::mutex mutex_;
  std::array<std::vector<Record>, 2> lanes_;
  std::array<std::uint64_t, 2> sequences_{};
  std::uint64_t bytes_ = 0;
};

double resident_mb() {
  std::ifstream statm("/proc/self/statm");
  double pages = 0, resident = 0;
  statm >> pages >> resident;
  return resident * 4096 / 1e6;
}

gateway::ModelLoader loader_for(const Options& options, MetricsRegistry& metrics) {
  return [&options, &metrics](std::uint64_t) -> Result<gateway::LoadedModel> {
    config::InferenceSettings settings;
    bundle::Trust trust;
    trust.inspect_only = true;
    LINESIDE_ASSIGN(const auto opened, bundle::Bundle::open(options.bundle, trust));
    LINESIDE_ASSIGN(auto classifier, inference::make_classifier(opened, settings, metrics));
    return gateway::LoadedModel{std::move(classifier), opened.manifest().counter};
  };
}

struct Line {
  std::vector<std::unique_ptr<gateway::Station>> stations;
  std::vector<ReplaySource*> sources;
};

Result<Line> make_line(const Options& options, const std::vector<Image>& pictures, nanoseconds period, Log& log,
                       WireCounter& wire, MetricsRegistry& metrics, bool actuator) {
  Line line;
  std::mt19937 random(7);
  for (int i = 0; i < options.cameras; ++i) {
    config::StationSettings settings;
    settings.name = std::format("s{}", i);
    settings.reject_threshold = actuator ? 0.0 : 2.0;  // all are rejects, or none
    settings.deadline = 50ms;
    settings.actuator.delay = std::chrono::milliseconds(std::lround(options.delay_ms));
    settings.actuator.tolerance = 100ms;
    const auto phase = nanoseconds{period > 0ns ? static_cast<std::int64_t>(random()) % period.count() : 0};
    auto source = std::make_unique<ReplaySource>(pictures, period, phase, period > 0ns ? options.items : 0);
    line.sources.push_back(source.get());
    gateway::StationParts parts{.cameras = {},
                                .trigger = nullptr,
                                .actuator = nullptr,
                                .load_model = loader_for(options, metrics),
                                .items = log,
                                .records = wire,
                                .metrics = metrics,
                                .clock = system_clock()};
    if (actuator) parts.actuator = std::make_unique<InstantActuator>();
    parts.cameras.push_back({.name = "c", .source = std::move(source)});
    LINESIDE_ASSIGN(auto station, gateway::Station::create(settings, std::move(parts)));
    line.stations.push_back(std::move(station));
  }
  for (auto& station : line.stations) station->start();
  return line;
}

double quantile_ms(std::vector<double>& sorted_ms, double q) {
  if (sorted_ms.empty()) return 0;
  const auto at = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted_ms.size())));
  return sorted_ms[std::min(sorted_ms.size() - 1, at == 0 ? 0 : at - 1)];
}

std::string quantiles(const std::string& name, std::vector<double> ms) {
  std::ranges::sort(ms);
  return std::format(R"("{}":{{"p50":{:.4f},"p99":{:.4f},"p99.9":{:.4f},"max":{:.4f}}})", name, quantile_ms(ms, 0.5),
                     quantile_ms(ms, 0.99), quantile_ms(ms, 0.999), ms.empty() ? 0 : ms.back());
}

double ms_between(MonoTime from, MonoTime to) { return std::chrono::duration<double, std::milli>(to - from).count(); }

// What the machine alone does to such work: a thread that wakes as often as a camera, between its frames, and computes
// for a millisecond. How much later than planned it is through, in ms.
class BareMachine {
 public:
  explicit BareMachine(nanoseconds period)
      : thread_([this, period](const std::stop_token& stop) { run(period, stop); }) {}
  std::vector<double> take() {
    thread_.request_stop();
    thread_.join();
    return std::move(late_ms_);
  }

 private:
  void run(nanoseconds period, const std::stop_token& stop) {
    MonoTime moment = system_clock().mono() + period / 2;
    for (; !stop.stop_requested(); moment += period) {
      std::this_thread::sleep_until(moment);
      const MonoTime until = system_clock().mono() + 1ms;
      MonoTime now = until;
      while ((now = system_clock().mono()) < until) continue;
      late_ms_.push_back(ms_between(moment + 1ms, now));
    }
  }
  std::vector<double> late_ms_;
  std::jthread thread_;
};

Result<int> paced(const Options& options) {
  MetricsRegistry metrics;
  Log log;
  WireCounter wire;
  const auto pictures = make_pictures(options);
  const double bare_mb = resident_mb();
  LINESIDE_ASSIGN(Line line, make_line(options, pictures, nanoseconds{std::llround(options.period_ms * 1e6)}, log, wire,
                                       metrics, true));
  BareMachine machine(nanoseconds{std::llround(options.period_ms * 1e6)});
  const auto all_done = [&] {
    return std::ranges::all_of(line.sources, [](const ReplaySource* source) { return source->done(); });
  };
  while (!all_done()) {
    std::this_thread::sleep_for(200ms);
    wire.flush();
  }
  const auto machine_late = machine.take();
  const double full_mb = resident_mb();
  std::uint64_t given = 0, opened = 0, issued = 0;
  for (const ReplaySource* source : line.sources) given += static_cast<std::uint64_t>(source->given());
  for (auto& station : line.stations) {
    station->stop();
    opened += station->items_opened();
    issued += station->verdicts_issued();
  }
  wire.flush();
  const auto verdicts = log.take();
  std::vector<double> command, decision, own_share, run, late, prepare;
  std::uint64_t fail_safe = 0, commanded = 0;
  for (const Verdict& verdict : verdicts) {
    const Stamps& s = verdict.stamps;
    if (is_fail_safe(verdict.reason)) ++fail_safe;
    if (s.actuation != MonoTime{}) {
      ++commanded;
      command.push_back(ms_between(s.trigger, s.actuation));
      late.push_back(ms_between(s.trigger, s.actuation) - options.delay_ms);
    }
    decision.push_back(ms_between(s.trigger, s.decision));
    if (s.inference == MonoTime{}) continue;
    run.push_back(ms_between(s.preprocess, s.inference));
    prepare.push_back(ms_between(s.exposure, s.preprocess));
    own_share.push_back(1 - run.back() / decision.back());
  }
  std::ranges::sort(own_share);
  const double raw = static_cast<double>(given) * static_cast<double>(pictures[0].pixels.size());
  std::printf(
      "%s\n",
      std::format(R"({{"cameras":{},"given":{},"opened":{},"issued":{},"reported":{},"fail_safe":{},)"
                  R"("commanded":{},{},{},{},{},{},{},"own_share_p50":{:.4f},"wire_bytes":{},"raw_bytes":{:.0f},)"
                  R"("resident_before_mb":{:.1f},"resident_mb":{:.1f}}})",
                  options.cameras, given, opened, issued, verdicts.size(), fail_safe, commanded,
                  quantiles("command_ms", command), quantiles("decision_ms", decision), quantiles("run_ms", run),
                  quantiles("to_tensor_ms", prepare), quantiles("late_ms", late),
                  quantiles("machine_late_ms", machine_late), quantile_ms(own_share, 0.5), wire.bytes(), raw, bare_mb,
                  full_mb)
          .c_str());
  return 0;
}

// The median of one call of preprocess() in a loop, in ms.
double preprocess_ms(gateway::Classifier& model, const Image& picture) {
  std::vector<double> ms;
  for (int i = 0; i < 200; ++i) {
    const MonoTime before = system_clock().mono();
    static_cast<void>(model.preprocess(picture.view()));
    ms.push_back(ms_between(before, system_clock().mono()));
  }
  std::ranges::sort(ms);
  return quantile_ms(ms, 0.5);
}

// Threads that do nothing but run the model, whenever it is their turn.
class BareModels {
 public:
  ~BareModels() { stop(); }
  Result<void> add(std::unique_ptr<gateway::Classifier> model, const ImageView& picture) {
    LINESIDE_TRY(model->warm_up());
    LINESIDE_TRY(model->preprocess(picture));
    threads_.emplace_back([this, one = std::shared_ptr<gateway::Classifier>(std::move(model))] {
      while (!stopping_) {
        turn_.wait(false);
        if (one->infer()) runs_.fetch_add(1, std::memory_order_relaxed);
      }
    });
    return {};
  }
  void let_run(bool run) {
    turn_ = run;
    turn_.notify_all();
  }
  std::uint64_t runs() const { return runs_; }

 private:
  void stop() {
    stopping_ = true;
    let_run(true);
    for (auto& thread : threads_) thread.join();
  }
  std::atomic<bool> stopping_{false}, turn_{false};
  std::atomic<std::uint64_t> runs_{0};
  std::vector<std::thread> threads_;
};

// `cameras` threads that only run the model, against as many stations that take frames as fast as they can. They take
// turns of a quarter of a second, so that a machine whose speed changes changes it for both.
Result<int> throughput(const Options& options) {
  constexpr auto kTurn = 250ms, kSettle = 25ms;
  MetricsRegistry metrics;
  const auto pictures = make_pictures(options);
  BareModels bare;
  double prepare_ms = 0;
  for (int i = 0; i < options.cameras; ++i) {
    LINESIDE_ASSIGN(auto model, loader_for(options, metrics)(0));
    if (i == 0) prepare_ms = preprocess_ms(*model.classifier, pictures[0]);
    LINESIDE_TRY(bare.add(std::move(model.classifier), pictures[0].view()));
  }
  Log log;
  WireCounter wire;
  LINESIDE_ASSIGN(Line line, make_line(options, pictures, 0ns, log, wire, metrics, false));
  const auto issued = [&line] {
    std::uint64_t sum = 0;
    for (const auto& station : line.stations) sum += station->verdicts_issued();
    return sum;
  };
  const auto let_stations_run = [&line](bool run) {
    for (ReplaySource* source : line.sources) source->pause(!run);
  };
  while (issued() < 20) std::this_thread::sleep_for(10ms);
  const auto per_s = [&](const auto& let_run, const auto& count) {
    let_run(true);
    std::this_thread::sleep_for(kSettle);
    const auto begin = system_clock().mono();
    const auto before = count();
    std::this_thread::sleep_for(kTurn);
    const auto done = static_cast<double>(count() - before);
    const double took_s = ms_between(begin, system_clock().mono()) / 1e3;
    let_run(false);
    std::this_thread::sleep_for(kSettle);
    return done / took_s;
  };
  std::vector<double> alone, stations, ratios;
  let_stations_run(false);
  for (nanoseconds left = std::chrono::seconds(options.seconds); left > 0ns; left -= kTurn) {
    alone.push_back(per_s([&](bool run) { bare.let_run(run); }, [&] { return bare.runs(); }));
    stations.push_back(per_s(let_stations_run, issued));
    ratios.push_back(stations.back() / alone.back());
  }
  for (auto& station : line.stations) station->stop();
  std::uint64_t fail_safe = 0;
  for (const Verdict& verdict : log.take()) fail_safe += is_fail_safe(verdict.reason) ? 1 : 0;
  for (auto* values : {&alone, &stations, &ratios}) std::ranges::sort(*values);
  std::printf(
      "%s\n",
      std::format(
          R"({{"cameras":{},"bare_per_s":{:.1f},"pipeline_per_s":{:.1f},"of_bare":{:.4f},"fail_safe":{},"preprocess_ms":{:.4f}}})",
          options.cameras, quantile_ms(alone, 0.5), quantile_ms(stations, 0.5), quantile_ms(ratios, 0.5), fail_safe,
          prepare_ms)
          .c_str());
  return 0;
}

// A network of the shape that lineside-train makes, fp32 and with random weights: it decides nonsense, but takes its
// time as a real one does.
Result<int> write_model(const Options& options) {
  const int size = options.size;
  const auto onnx = inference::make_dense_net(size, 16);
  LINESIDE_ASSIGN(const auto graph, inference::inspect_model(onnx, ""));
  bundle::Manifest manifest;
  manifest.name = "random-weights";
  manifest.version = "1";
  manifest.input = {graph.inputs[0].name, {1, 3, size, size}, PreprocessSpec::Type::f32};
  manifest.output = {graph.outputs[0].name, {1, 1}, PreprocessSpec::Type::f32};
  manifest.preprocess.width = manifest.preprocess.height = size;
  manifest.labels = {"good", "bad"};
  manifest.reject_labels = {"bad"};
  LINESIDE_ASSIGN(const auto bytes, bundle::make_bundle(manifest, onnx, nullptr));
  LINESIDE_TRY(write_atomically(options.out, bytes));
  return 0;
}

}  // namespace
}  // namespace lineside::bench

int main(int argc, char** argv) {
  using namespace lineside;
  mallopt(M_ARENA_MAX, 4);
  bench::Options options;
  cli::Program program;
  program.name = "inspection_bench";
  program.summary = "measures inspection stations with decoded frames";
  const std::vector<cli::Option> common{
      cli::required("--bundle", "FILE", "model bundle; its signature is not asked for", options.bundle),
      cli::option("--images", "DIR", "pictures to replay; none: noise of 320x240", options.images),
      cli::option("--cameras", "N", "stations with a camera each", options.cameras)};
  cli::Command pace{.name = "paced", .summary = "items at a steady pace", .options = common};
  pace.options.push_back(cli::option("--items", "N", "of each camera", options.items));
  pace.options.push_back(cli::option("--width", "PX", "of the noise, without --images", options.width));
  pace.options.push_back(cli::option("--height", "PX", "of the noise, without --images", options.height));
  pace.options.push_back(cli::option("--period", "MS", "between two items of a camera", options.period_ms));
  pace.options.push_back(cli::option("--delay", "MS", "from trigger to the rejector", options.delay_ms));
  pace.run = [&] { return bench::paced(options); };
  cli::Command through{
      .name = "throughput", .summary = "as fast as possible, against the bare model", .options = common};
  through.options.push_back(cli::option("--seconds", "N", "of each half", options.seconds));
  through.run = [&] { return bench::throughput(options); };
  cli::Command model{.name = "model", .summary = "write a bundle with random weights to measure with"};
  model.options = {cli::required("--out", "FILE", "the bundle, unsigned", options.out),
                   cli::option("--size", "PX", "of its square input", options.size)};
  model.run = [&] { return bench::write_model(options); };
  program.root.commands = {pace, through, model};
  return cli::run(program, argc, argv);
}
