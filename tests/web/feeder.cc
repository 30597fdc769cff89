// web_feeder WORK BROKER_PORT PICTURES: gateways with made-up stations, for the page's test. Records go the whole real
// way: outbox, uplink, broker, hub. WORK holds a folder of certificates for each gateway (lineside-hub enroll);
// PICTURES holds pictures that one station shares. Runs until SIGTERM.
//   filling  line-1: well, shares its pictures      line-2: camera lost, shares nothing
//            line-3: some verdicts are late and some rejects are not ejected
//            pump-1: well   motor-2: an anomaly is open   gearbox-3: still learns   fan-4: a sensor's cable is off
//   packing  sealer: well until its gateway goes offline after three seconds
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/metrics.h"
#include "base/signals.h"
#include "base/uuid.h"
#include "gateway/outbox/outbox.h"
#include "gateway/uplink/uplink.h"
#include "vision/image_io.h"

namespace {

using namespace lineside;
using namespace std::chrono_literals;

struct Station {
  std::string name;
  double per_minute = 600, reject_share = 0.03, median_ms = 6;
  bool camera_up = true, troubled = false;
  std::uint64_t item = 0;
  std::vector<std::vector<std::uint8_t>> pictures;  // shared with its rejects; none: nothing is shared
};

class FedGateway {
 public:
  static Result<std::unique_ptr<FedGateway>> start(const fs::path& work, const std::string& name, int port) {
    auto fed = std::make_unique<FedGateway>();
    config::UplinkSettings uplink;
    uplink.enabled = true;
    uplink.broker.port = port;
    uplink.broker.ca_file = work / name / "ca.crt";
    uplink.broker.cert_file = work / name / "gateway.crt";
    uplink.broker.key_file = work / name / "gateway.key";
    LINESIDE_ASSIGN(fed->outbox_, gateway::Outbox::open(work / name / "outbox", {}, system_clock(), fed->metrics_));
    LINESIDE_ASSIGN(fed->uplink_, gateway::Uplink::start(uplink, "default", name, *fed->outbox_, system_clock(),
                                                         fed->metrics_, "0.1.0"));
    return fed;
  }

  // What a station reports of `span` that ends at `to`; its rejects one by one when `verdicts`.
  void report(Station& station, WallTime to, std::chrono::seconds span, bool verdicts) {
    const auto ripple = 1 + 0.04 * std::sin(static_cast<double>(to.time_since_epoch().count()) / 3e11);
    const auto items = static_cast<std::uint64_t>(station.per_minute * ripple * static_cast<double>(span.count()) / 60);
    StationSummary summary{.station = station.name, .from = to - span, .to = to, .items = items};
    summary.rejected = std::binomial_distribution<std::uint64_t>(items, station.reject_share)(random_);
    summary.passed = items - summary.rejected;
    summary.fail_safe = station.camera_up ? 0 : summary.rejected;
    if (station.troubled && verdicts)
      summary.late = 1, summary.actuation_failed = std::min<std::uint64_t>(1, summary.rejected);
    summary.raw_bytes = items * 320 * 240 * 3;
    summary.camera_up = station.camera_up;
    summary.actuator_up = true;
    summary.model_version = "caps@7";
    summary.deadline_ns = 50'000'000;
    summary.decision_latency = latencies(station, items);
    outbox_->put(Lane::bulk, std::move(summary));
    for (std::uint64_t i = 0; verdicts && i < summary.rejected; ++i) {
      reject(station, station.item + i, to);
      // Three of four: the site's limit keeps the rest.
      if (!station.pictures.empty() && shared_++ % 4 != 3) share(station, station.item + i, to);
    }
    station.item += items;
  }

  void event(const std::string& type, const std::string& asset, Severity severity, const std::string& message,
             std::map<std::string, std::string> evidence = {}) {
    const auto now = system_clock().wall();
    outbox_->put(Lane::urgent, EventRecord{make_uuid(), type, asset, severity, now, message, std::move(evidence)});
  }

  void report(AssetSummary summary) { outbox_->put(Lane::bulk, std::move(summary)); }

 private:
  std::vector<std::pair<std::int64_t, std::uint64_t>> latencies(const Station& station, std::uint64_t items) {
    std::lognormal_distribution<double> ms(std::log(station.median_ms), 0.16);
    std::map<std::int64_t, std::uint64_t> counts;
    for (std::uint64_t i = 0; i < items; ++i)
      ++counts[static_cast<std::int64_t>(std::exp2(std::ceil(std::log2(ms(random_)) * 16) / 16) * 1e6)];
    return {counts.begin(), counts.end()};
  }

  void share(const Station& station, std::uint64_t item, WallTime time) {
    const auto& jpeg = station.pictures[random_() % station.pictures.size()];
    outbox_->put(Lane::bulk, PictureRecord{station.name, item, time, "thumbnail", jpeg});
  }

  void reject(const Station& station, std::uint64_t item, WallTime time) {
    static constexpr std::array<const char*, 3> kLabels{"tilted", "missing", "wrong-colour"};
    VerdictRecord verdict{.station = station.name, .item = item, .time = time};
    verdict.reason = station.camera_up ? Reason::score : Reason::fail_camera;
    verdict.score = station.camera_up ? 0.9F + 0.1F * std::generate_canonical<float, 10>(random_) : NAN;
    verdict.label = station.camera_up ? kLabels[random_() % 3] : "";
    verdict.model_version = "caps@7";
    verdict.deadline_met = station.camera_up;
    verdict.actuated = !station.troubled;
    verdict.decision_ns = static_cast<std::int64_t>(station.median_ms * 1e6);
    verdict.actuation_ns = 80'000'000;
    outbox_->put(Lane::urgent, std::move(verdict));
  }

  MetricsRegistry metrics_;
  std::unique_ptr<gateway::Outbox> outbox_;
  std::unique_ptr<gateway::Uplink> uplink_;
  std::mt19937 random_{7};
  std::uint64_t shared_ = 0;
};

std::vector<std::vector<std::uint8_t>> read_pictures(const fs::path& folder) {
  std::vector<std::vector<std::uint8_t>> pictures;
  if (fs::is_directory(folder))
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (const auto image = vision::load_image(entry.path()))
        if (auto jpeg = vision::encode_jpeg(image->view())) pictures.push_back(std::move(*jpeg));
  return pictures;
}

AssetSpectrum spectrum(const std::string& channel, bool anomaly) {
  AssetSpectrum made{.channel = channel, .unit = "m/s2", .low_hz = {}, .now = {}, .normal = {}, .spread = {}};
  for (int band = 0; band < 40; ++band) {
    const auto at = static_cast<float>(band);
    made.low_hz.push_back(10 * std::exp(at * 0.155F));
    made.normal.push_back(-2 + std::sin(at * 0.4F) - at * 0.03F);
    made.spread.push_back(0.12F + 0.004F * at);
    made.now.push_back(made.normal.back() + 0.1F * std::sin(at * 1.7F) + (anomaly && band >= 22 && band < 26 ? 2 : 0));
  }
  return made;
}

// What a machine that scores reports of the `span` before `to`; `times` of the threshold.
AssetSummary scored(const std::string& name, WallTime to, std::chrono::seconds span, float times) {
  AssetSummary made{.asset = name, .from = to - span, .to = to, .mode = "scoring"};
  const auto wave =
      std::sin(static_cast<float>(std::chrono::floor<std::chrono::seconds>(to).time_since_epoch().count() % 628) / 20);
  made.state = "1480 rpm";
  made.windows = 10;
  made.threshold = 3.2F;
  made.score_mean = 3.2F * times * (0.9F + 0.05F * wave);
  made.score_min = 0.9F * made.score_mean;
  made.score_max = 3.2F * times;
  made.alarm = times > 1;
  made.anomalies = made.alarm ? 9 : 0;
  made.velocity_mm_s = 1.1F + times;
  made.model_version = name + "@3";
  made.features = {
      {"x spectral kurtosis 2000-4000 Hz", 4.2F * times}, {"x rms", 2.1F * times}, {"y crest factor", -1.4F * times}};
  return made;
}

void report_machines(FedGateway& gateway, WallTime to, std::chrono::seconds span, bool now) {
  auto pump = scored("pump-1", to, span, 0.55F), motor = scored("motor-2", to, span, now ? 2.61F : 0.7F);
  auto fan = scored("fan-4", to, span, 0.4F);
  if (now) {
    pump.spectra = {spectrum("x", false)};
    motor.spectra = {spectrum("x", true), spectrum("y", false)};
    fan.sensor = "flat: channel y gives the same value for 2.0 s";
    fan.sensor_faults = fan.windows;
    fan.score_min = fan.score_mean = fan.score_max = 0;
    fan.velocity_mm_s = -1;
    fan.features.clear();
  }
  AssetSummary gearbox{.asset = "gearbox-3", .from = to - span, .to = to, .mode = "collecting", .progress = 0.4F};
  for (auto* machine : {&pump, &motor, &fan, &gearbox}) gateway.report(std::move(*machine));
}

void tell_machines(FedGateway& gateway) {
  gateway.event("model.changed", "motor-2", Severity::info, "motor-2 is scored by motor-2@3.");
  gateway.event("condition.unknown_state", "motor-2", Severity::low,
                "motor-2 runs in a state that its model does not know: 900 rpm.", {{"state", "900 rpm"}});
  gateway.event(
      "condition.anomaly", "motor-2", Severity::high,
      "motor-2 is far from normal: 2.6 times the threshold, most in x spectral kurtosis 2000-4000 Hz. Nearest "
      "known pattern: outer race (74 %).",
      {{"times_threshold", "2.61"},
       {"windows", "3 of the last 5 are anomalies"},
       {"state", "1480 rpm"},
       {"channels", "x, y"},
       {"pattern", "outer race"},
       {"sign1", "Envelope line at 107.4 Hz, 3.57 times the shaft's speed"},
       {"feature1", "x spectral kurtosis 2000-4000 Hz +11.0 spreads of normal"},
       {"velocity_mm_s", "3.71"},
       {"iso_zone", "C"},
       {"trend", "rising (+0.42 +- 0.10 thresholds an hour over 3.0 h)"},
       {"window_to_event_ms", "3.18"},
       {"model", "motor-2@3"}});
  gateway.event("sensor.fault", "fan-4", Severity::medium,
                "The sensors of fan-4: channel y gives the same value for 2.0 s (flat).");
}

void tell_limit(FedGateway& gateway, const char* tag, const char* state, Severity severity, const char* value,
                const char* limit, const char* unit) {
  gateway.event(std::string("tag.") + state, tag, severity, std::string(tag) + " is " + state,
                {{"value", value}, {"limit", limit}, {"unit", unit}});
}

void tell_tags(FedGateway& gateway) {
  tell_limit(gateway, "boiler/temperature", "high_high", Severity::high, "95.2", "95", "°C");
  tell_limit(gateway, "tank 2/level", "low", Severity::medium, "0.31", "0.4", "m");
  tell_limit(gateway, "feed/pressure", "high", Severity::medium, "6.4", "6", "bar");
  tell_limit(gateway, "feed/pressure", "normal", Severity::info, "5.8", "6", "bar");
}

Result<void> feed(const fs::path& work, int port, const fs::path& picture_folder) {
  LINESIDE_ASSIGN(auto filling, FedGateway::start(work, "filling", port));
  LINESIDE_ASSIGN(auto packing, FedGateway::start(work, "packing", port));
  Station line1{.name = "line-1"}, line2{.name = "line-2", .per_minute = 580, .reject_share = 0.021, .median_ms = 7.5};
  Station sealer{.name = "sealer", .per_minute = 42, .reject_share = 0.008, .median_ms = 12};
  Station line3{.name = "line-3", .per_minute = 300, .reject_share = 0.05, .median_ms = 31, .troubled = true};
  line1.pictures = read_pictures(picture_folder);
  const auto start = system_clock().wall();
  for (auto ago = 3600s; ago > 0s; ago -= 10s) {
    for (auto* station : {&line1, &line2, &line3}) filling->report(*station, start - ago, 10s, false);
    packing->report(sealer, start - ago, 10s, false);
    report_machines(*filling, start - ago, 10s, false);
  }
  tell_machines(*filling);
  tell_tags(*filling);
  filling->event("model.changed", "line-1", Severity::info, "Model caps@7 is in use; it was caps@6.");
  for (int second = 0; !wait_for_stop(1s); ++second) {
    const auto now = system_clock().wall();
    if (second == 2) {
      line2.camera_up = false;
      line2.reject_share = 1;
      filling->event("camera.lost", "line-2", Severity::high,
                     "No frame for 2.0 s from camera cap-2; opening it again.");
    }
    if (second == 3) packing.reset();
    for (auto* station : {&line1, &line2, &line3}) filling->report(*station, now, 1s, true);
    if (packing) packing->report(sealer, now, 1s, true);
    report_machines(*filling, now, 1s, true);
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  catch_stop_signals();
  if (argc != 4) return 2;
  const auto done = feed(argv[1], std::atoi(argv[2]), argv[3]);
  if (!done) std::fprintf(stderr, "web_feeder: %s\n", to_string(done.error()).c_str());
  return done ? 0 : 1;
}
