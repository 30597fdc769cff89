#include "gateway/condition/asset.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <format>
#include <functional>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/uuid.h"
#include "gateway/condition/evidence.h"

namespace lineside::gateway {
namespace {

using condition::Verdict;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kTick{200};
constexpr seconds kRetry{3}, kRetryMax{300}, kUnknownLasts{60};
constexpr int kNice = 5, kSignalFaultWindows = 3;
constexpr double kSecondsHeld = 4, kNumberMax = 1e30;
constexpr std::size_t kToldBytesMax = 4096;
constexpr std::uint64_t kLostMax = 1'000'000'000'000'000'000;  // what the hub can store

nanoseconds from_seconds(double s) { return nanoseconds{static_cast<std::int64_t>(s * 1e9)}; }

// Never infinite, which the hub refuses.
float to_float(double value) { return static_cast<float>(std::clamp(value, -kNumberMax, kNumberMax)); }

// Whether it is the bundle that can't be used, and not the gateway that can't use it now: its disk, its runtime.
bool is_of_bundle(ErrorCode code) {
  constexpr std::array kCodes{ErrorCode::file_not_found,  ErrorCode::bundle_invalid, ErrorCode::bundle_signature,
                              ErrorCode::bundle_rollback, ErrorCode::config_invalid, ErrorCode::model_unsupported,
                              ErrorCode::inference_failed};
  return std::ranges::contains(kCodes, code);
}

// Where in its period an asset's summaries come, so that those of many don't come in the same moment.
double place_in_period(const std::string& asset) {
  constexpr std::size_t kPlaces = 1000;
  return static_cast<double>(std::hash<std::string>{}(asset) % kPlaces) / static_cast<double>(kPlaces);
}

}  // namespace

struct Asset::Instruments {
  Instruments(MetricsRegistry& metrics, const std::string& asset)
      : normal(windows(metrics, asset, "normal")),
        anomaly(windows(metrics, asset, "anomaly")),
        unknown(windows(metrics, asset, "unknown_state")),
        sensor(windows(metrics, asset, "sensor_fault")),
        not_running(windows(metrics, asset, "not_running")),
        dropped(metrics.counter("lineside_asset_dropped_blocks_total",
                                "Blocks that the asset's thread was too slow for, or that waited at the end.",
                                {{"asset", asset}})),
        failed(metrics.counter("lineside_asset_failed_windows_total", "Windows that could not be scored.",
                               {{"asset", asset}})),
        score(metrics.gauge("lineside_asset_score", "Score of the newest window over its threshold.",
                            {{"asset", asset}})),
        latency(metrics.histogram("lineside_asset_window_to_verdict_seconds",
                                  "From the block that completes a window to its verdict, or its event.")) {}
  static Counter& windows(MetricsRegistry& metrics, const std::string& asset, const std::string& verdict) {
    return metrics.counter("lineside_asset_windows_total", "Windows by verdict.",
                           {{"asset", asset}, {"verdict", verdict}});
  }
  Counter &normal, &anomaly, &unknown, &sensor, &not_running, &dropped, &failed;
  Gauge& score;
  LatencyHistogram& latency;
};

Asset::Asset(const config::AssetSettings& settings, AssetParts parts)
    : settings_(settings),
      parts_(std::move(parts)),
      instruments_(std::make_unique<Instruments>(parts_.metrics, settings.name)),
      queue_(static_cast<std::size_t>(settings.queue_blocks), settings.queue_bytes_max),
      maker_(settings,
             std::max(kSecondsHeld,
                      settings.mode == config::AssetSettings::Mode::learning ? 2 * settings.learning.recording_s : 0)),
      sensors_([this](const std::string& fault, bool begins, const std::string& detail) {
        tell(begins ? "sensor.fault" : "sensor.ok", begins ? Severity::medium : Severity::info,
             begins ? std::format("The sensors of {}: {} ({}).", settings_.name, detail, fault)
                    : std::format("The sensors of {} are in order again ({}).", settings_.name, fault),
             {{"fault", fault}, {"detail", detail}});
      }),
      alarm_(settings),
      open_pause_(kRetry) {
  shown_.now.asset = settings.name;
  shown_.now.mode = "waiting";
}

Asset::~Asset() { stop(); }

void Asset::start() {
  thread_ = std::jthread([this] { run(); });
}

void Asset::stop() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

void Asset::on_block(WaveformBlock block) { queue_.push(std::move(block)); }
void Asset::on_bad_block(const std::string& why) { queue_.note_bad(why); }
void Asset::on_source(bool up, const std::string& why) { queue_.note_source(up, why); }
void Asset::reload_model() { reload_ = true; }

AssetStatus Asset::status() const {
  std::lock_guard lock(mutex_);
  AssetStatus shown = shown_;
  shown.dropped_blocks = queue_.dropped();
  return shown;
}

void Asset::tell(const std::string& type, Severity severity, const std::string& message,
                 std::map<std::string, std::string> evidence) {
  log(severity >= Severity::medium ? LogLevel::warning : LogLevel::info, "asset", message,
      {{"asset", settings_.name}, {"event", type}});
  parts_.records.put(Lane::urgent, EventRecord{make_uuid(parts_.clock), type, settings_.name, severity,
                                               parts_.clock.wall(), message, std::move(evidence)});
}

void Asset::trouble(const std::string& what) {
  std::lock_guard lock(mutex_);
  shown_.now.trouble = what;
}

std::string Asset::mode() const {
  if (learner_ && learner_->waits()) return "queued";
  if (learner_ && (learner_->phase() != Phase::scoring)) return to_string(learner_->phase());
  return model_ ? "scoring" : "waiting";
}

void Asset::run() {
  prctl(PR_SET_NAME, ("a:" + settings_.name).substr(0, 15).c_str());
  // Behind the inspection stations, whose items have deadlines.
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), getpriority(PRIO_PROCESS, 0) + kNice);
  open_model();
  MonoTime now = parts_.clock.mono();
  last_block_ = now;
  const double place = place_in_period(settings_.name);
  next_summary_ = now + std::chrono::duration_cast<nanoseconds>(settings_.summary_period * place);
  next_spectrum_ = now + std::chrono::duration_cast<nanoseconds>(settings_.spectrum_period * place);
  {
    std::lock_guard lock(mutex_);
    shown_.now.from = parts_.clock.wall();
  }
  while (!queue_.closed()) {
    const BlockQueue::Taken taken = queue_.pop(kTick);
    hear(taken.words);
    if (taken.block) {
      take(*taken.block);
      last_block_ = parts_.clock.mono();  // a disk that takes its time with a recording is no silent sensor
    }
    look_after(parts_.clock.mono());
  }
  count_dropped();
  put_summary(parts_.clock.mono(), false);
}

void Asset::open_model() {
  std::error_code error;
  std::filesystem::create_directories(parts_.folder, error);
  counters_ = std::make_unique<bundle::CounterRecord>(parts_.folder / "counter");
  if (settings_.mode == config::AssetSettings::Mode::bundle) return load_model(settings_.bundle);
  open_learner();
}

void Asset::open_learner() {
  const auto known = counters_->highest(settings_.name);
  auto opened =
      known ? Learner::open(settings_,
                            {.folder = parts_.folder,
                             .room = parts_.room,
                             .clock = parts_.clock,
                             .counter = *known,
                             .tell = [this](const std::string& type, Severity severity, const std::string& message,
                                            auto evidence) { tell(type, severity, message, std::move(evidence)); },
                             .stop = [this] { return queue_.closed(); }})
            : Result<std::unique_ptr<Learner>>(std::unexpected(known.error()));
  if (!opened) {
    next_try_ = parts_.clock.mono() + open_pause_;
    open_pause_ = std::min(open_pause_ * 2, kRetryMax);
    const std::string why = std::format("{} can't learn: {}", settings_.name, opened.error().message);
    if (status().now.trouble == why) return;  // told once for each reason, and tried again
    trouble(why);
    return tell("learning.failed", Severity::high, why);
  }
  trouble("");
  learner_ = std::move(*opened);
  if (learner_->phase() == Phase::shadow || learner_->phase() == Phase::scoring) load_model(learner_->bundle());
}

void Asset::load_model(const std::filesystem::path& bundle) {
  bundle::Trust trust = parts_.trust;
  const auto own = learner_ ? parts_.room.key() : Result<bundle::PublicKey>();
  if (learner_ && own) trust.keys.push_back(*own);
  auto loaded = AssetModel::load(bundle, trust, *counters_, model_ ? model_->counter() : 0, settings_, parts_.library);
  next_try_ = parts_.clock.mono() + kRetry;
  if (loaded) {
    model_ = std::move(*loaded);
    drift_told_ = false;
    maker_.restart();
    alarm_.forget();
    trouble(learner_ ? learner_->settings_trouble() : "");
    tell_model();
    return;
  }
  std::string why = to_string(loaded.error());
  if (!own) why += " " + own.error().message;
  if (learner_ && own && loaded.error().code == ErrorCode::bundle_signature)
    why += std::format(
        " The key {} may be another than the one it was signed with: put that back and start the "
        "gateway again, or remove the asset's state to learn again.",
        parts_.room.sign_key().string());
  if (learner_ && own && learner_->phase() == Phase::shadow && is_of_bundle(loaded.error().code)) {
    learner_->refuse_bundle(why);
  } else if (status().now.trouble != why) {  // once for each reason
    trouble(why);
    tell("model.refused", Severity::high,
         std::format("{} Asset {} {}.", why, settings_.name, model_ ? "goes on with its model" : "is not scored"));
  }
}

// Not at each start of the gateway: what was told last is kept. Where that fails it is told once more.
void Asset::tell_model() {
  const std::filesystem::path file = parts_.folder / "model-told";
  if (const auto told = read_text(file, kToldBytesMax); told && *told == model_->identity()) return;
  tell("model.changed", Severity::info, std::format("{} is scored by {}.", settings_.name, model_->version()),
       {{"model", model_->version()}});
  if (const auto kept = write_atomically(file, model_->identity()); !kept)
    log(LogLevel::warning, "asset", to_string(kept.error()), {{"asset", settings_.name}});
}

void Asset::hear(const BlockQueue::Words& words) {
  const MonoTime now = parts_.clock.mono();
  if (!words.bad.empty()) sensors_.seen("block", words.bad, now, {.every = maker_.block_every()});
  if (words.up) source_down_ = *words.up ? "" : words.down;
  if (!words.down.empty()) sensors_.seen("source", words.down, now);
}

void Asset::count_dropped() {
  const std::uint64_t dropped = queue_.dropped();
  instruments_->dropped.add(dropped - dropped_told_);
  dropped_told_ = dropped;
}

void Asset::take(const WaveformBlock& block) {
  const MonoTime now = parts_.clock.mono();
  for (const auto& [fault, detail] : maker_.add(block)) {
    const bool drift = fault == StreamFault::drift;
    sensors_.seen(to_string(fault), detail, now, {.every = drift ? maker_.drift_every() : maker_.block_every()});
  }
  {
    std::lock_guard lock(mutex_);
    shown_.now.raw_bytes += block.raw_bytes;
    shown_.now.lost_samples = std::min(shown_.now.lost_samples + maker_.lost_samples() - lost_told_, kLostMax);
  }
  lost_told_ = maker_.lost_samples();
  if (learner_ && learner_->phase() == Phase::collecting) return learn();
  score_windows();
}

void Asset::learn() {
  MadeWindow recording;
  const std::size_t length = learner_->recording_samples();
  while (!queue_.closed() && learner_->wants_recording() && maker_.next(length, length, recording)) {
    if (!ran(recording, length)) continue;
    const auto taken = learner_->take(recording);
    trouble(taken ? "" : taken.error().message);
    if (!taken) return;
    if (*taken)
      sensors_.seen("signal", **taken, parts_.clock.mono(),
                    {.every = std::max(maker_.block_every(), from_seconds(settings_.learning.recording_s))});
    if (learner_->advance()) load_model(learner_->bundle());
  }
}

void Asset::score_windows() {
  if (!model_) return;
  MadeWindow window;
  while (model_ && !queue_.closed() && maker_.next(model_->window(), model_->hop(), window)) judge(window);
}

// While it lasted; else its state says why not, and it counts for nothing.
bool Asset::ran(const MadeWindow& window, std::size_t samples) {
  if (parts_.running == nullptr) return true;
  const auto answer =
      parts_.running->since(window.complete - from_seconds(static_cast<double>(samples) / settings_.rate_hz));
  if (answer.running == Running::yes) return true;
  paused_ = true;
  if (!alarm_.open()) alarm_.forget();
  (answer.running == Running::unknown ? instruments_->unknown : instruments_->not_running).add();
  if (answer.running == Running::unknown) note_unknown(answer.state);
  if (answer.running == Running::no) unknown_since_ = {};
  const std::lock_guard lock(mutex_);
  shown_.now.state = answer.state;
  return false;
}

void Asset::judge(MadeWindow& window) {
  if (!ran(window, model_->window())) return;
  window.begins = std::exchange(paused_, false) || window.begins;
  const auto score = model_->score(window);
  if (!score) {
    instruments_->failed.add();
    return trouble(to_string(score.error()));
  }
  count(*score);
  const MonoTime now = parts_.clock.mono();
  if (score->verdict == Verdict::sensor_fault) {
    // The windows before it may hold the fault's beginning: they are no sign of the machine.
    if (!alarm_.open()) alarm_.forget();
    const nanoseconds hop = from_seconds(static_cast<double>(model_->hop()) / settings_.rate_hz);
    return sensors_.seen("signal", score->contributors, now,
                         {.needed = kSignalFaultWindows, .every = std::max(maker_.block_every(), hop)});
  }
  if (learner_ && learner_->phase() == Phase::shadow) {
    if (!learner_->shadow_window(score->verdict == Verdict::anomaly, counts(*score)) &&
        learner_->phase() == Phase::collecting)
      model_.reset();
    return;
  }
  watch(*score, window);
  instruments_->latency.record(parts_.clock.mono() - window.complete);
}

bool Asset::counts(const condition::WindowScore& score) const {
  if (score.verdict != Verdict::normal && score.verdict != Verdict::anomaly) return false;
  return settings_.states.empty() || std::ranges::contains(settings_.states, score.state);
}

void Asset::count(const condition::WindowScore& score) {
  const double ratio = score.threshold > 0 ? score.score / score.threshold : 0;
  Counter* const counters[] = {&instruments_->normal, &instruments_->anomaly, &instruments_->unknown,
                               &instruments_->sensor};
  counters[static_cast<std::size_t>(score.verdict)]->add();
  std::lock_guard lock(mutex_);
  AssetSummary& now = shown_.now;
  ++now.windows;
  now.state = score.state;
  now.threshold = static_cast<float>(score.threshold);
  now.sensor_faults += score.verdict == Verdict::sensor_fault ? 1 : 0;
  now.anomalies += score.verdict == Verdict::anomaly ? 1 : 0;
  now.unknown += score.verdict == Verdict::unknown_state ? 1 : 0;
  if (score.verdict == Verdict::sensor_fault) return;
  instruments_->score.set(ratio);
  shown_.score = score.score;
  const std::uint64_t scored = now.windows - now.sensor_faults;
  const float value = to_float(score.score);
  now.score_min = scored == 1 ? value : std::min(now.score_min, value);
  now.score_max = scored == 1 ? value : std::max(now.score_max, value);
  now.score_mean += (value - now.score_mean) / static_cast<float>(scored);
  if (score.explanation.iso_zone != '-' && std::isfinite(score.explanation.velocity_mm_s))
    now.velocity_mm_s = to_float(score.explanation.velocity_mm_s);
  if (score.score > worst_of_period_) note_features(score);
}

// With the mutex held. The hub refuses a summary with what is no number.
void Asset::note_features(const condition::WindowScore& score) {
  worst_of_period_ = score.score;
  auto& features = shown_.now.features;
  features.clear();
  for (const auto& one : score.explanation.contributions)
    if (std::isfinite(one.deviation)) features.emplace_back(one.channel + " " + one.feature, to_float(one.deviation));
}

// Told when it lasts.
void Asset::note_unknown(const std::string& state) {
  const MonoTime now = parts_.clock.mono();
  if (unknown_since_ == MonoTime{}) unknown_since_ = now;
  if (unknown_told_ || now - unknown_since_ <= kUnknownLasts) return;
  unknown_told_ = true;
  tell("condition.unknown_state", Severity::low,
       std::format("{} is in a state in which it can't be judged: {}.", settings_.name, state), {{"state", state}});
}

void Asset::watch(const condition::WindowScore& score, const MadeWindow& window) {
  const MonoTime now = parts_.clock.mono();
  if (score.verdict == Verdict::unknown_state) return note_unknown(score.state);
  unknown_since_ = {};
  unknown_told_ = false;
  if (!counts(score)) return;
  if (score.explanation.drift && !drift_told_) {
    drift_told_ = true;
    tell("condition.drift", Severity::low,
         std::format("{} has changed slowly since it was learned; no fault is seen. If this is how it runs now, let it "
                     "learn again.",
                     settings_.name),
         {{"state", score.state}, {"proposal", "retrain"}});
  }
  const double ratio = score.threshold > 0 ? score.score / score.threshold : 0;
  ratio_trend_.add(ratio, now);
  if (score.explanation.iso_zone != '-') velocity_trend_.add(score.explanation.velocity_mm_s, now);
  const auto step = alarm_.add(score.verdict == Verdict::anomaly, ratio, now);
  if (step == AnomalyAlarm::Step::raised || step == AnomalyAlarm::Step::worse)
    tell_anomaly(score, window, step == AnomalyAlarm::Step::worse);
  if (step != AnomalyAlarm::Step::ended) return;
  tell("condition.normal", Severity::info,
       std::format("{} is as it was learned again; its highest score was {:.1f} times the threshold.", settings_.name,
                   alarm_.worst()),
       {{"worst_times_threshold", std::format("{:.2f}", alarm_.worst())}});
  std::lock_guard lock(mutex_);
  shown_.message.clear();
  shown_.severity = Severity::info;
  shown_.now.alarm = false;
}

void Asset::tell_anomaly(const condition::WindowScore& score, const MadeWindow& window, bool worse) {
  EvidenceInput input{.score = score,
                      .alarm = alarm_,
                      .settings = settings_,
                      .model = model_->version(),
                      .start = window.start == WallTime{} ? parts_.clock.wall() : window.start,
                      .now = parts_.clock.mono(),
                      .ratio = ratio_trend_.line(),
                      .velocity = velocity_trend_.line()};
  auto evidence = anomaly_evidence(input);
  evidence["window_to_event_ms"] =
      std::format("{:.2f}", static_cast<double>((parts_.clock.mono() - window.complete).count()) / 1e6);
  const std::string message = anomaly_message(input, worse);
  tell("condition.anomaly", alarm_.severity(), message, std::move(evidence));
  {
    std::lock_guard lock(mutex_);
    shown_.message = message;
    shown_.severity = alarm_.severity();
    shown_.now.alarm = true;
  }
  put_summary(parts_.clock.mono(), true);
}

void Asset::look_after(MonoTime now) {
  // A block an hour is no silence.
  const nanoseconds silence = std::max<nanoseconds>(settings_.stall_max, 3 * maker_.block_every());
  if (now - last_block_ > silence)
    sensors_.seen(
        "silent",
        std::format("no block for {} ms", std::chrono::duration_cast<milliseconds>(now - last_block_).count()), now);
  if (!source_down_.empty()) sensors_.seen("source", source_down_, now);
  sensors_.tick(now);
  count_dropped();
  const bool learning = settings_.mode == config::AssetSettings::Mode::learning;
  if (learning && !learner_ && now >= next_try_) open_learner();
  if (learner_ && learner_->phase() == Phase::training && learner_->advance()) load_model(learner_->bundle());
  const bool wanted = reload_.exchange(false) && !learning;
  const bool has_bundle =
      !learning || (learner_ && (learner_->phase() == Phase::shadow || learner_->phase() == Phase::scoring));
  if (wanted || (has_bundle && !model_ && now >= next_try_))
    load_model(learning ? learner_->bundle() : std::filesystem::path(settings_.bundle));
  if (now >= next_summary_) put_summary(now, now >= next_spectrum_);
  std::lock_guard lock(mutex_);
  shown_.now.mode = mode();
  shown_.now.progress = learner_ ? learner_->progress() : 1;
  shown_.now.sensor = sensors_.summary();
  shown_.now.model_version = model_ ? model_->version() : "";
}

void Asset::put_summary(MonoTime now, bool with_spectra) {
  AssetSummary summary;
  {
    std::lock_guard lock(mutex_);
    AssetSummary& shown = shown_.now;
    shown.to = parts_.clock.wall();
    shown.mode = mode();
    shown.alarm = alarm_.open();
    if (model_ && shown.windows > 0) shown.spectra = model_->spectra(settings_);
    summary = shown;
    shown.from = shown.to;
    shown.windows = shown.anomalies = shown.unknown = shown.sensor_faults = 0;
    shown.raw_bytes = shown.lost_samples = 0;
    shown.score_min = shown.score_mean = shown.score_max = 0;
  }
  // What a period without a scored window left standing is of an earlier one.
  if (summary.windows == summary.sensor_faults) {
    summary.features.clear();
    summary.velocity_mm_s = -1;
  }
  worst_of_period_ = -1;
  next_summary_ = now + settings_.summary_period;
  if (!with_spectra || summary.spectra.empty())
    summary.spectra.clear();
  else
    next_spectrum_ = now + settings_.spectrum_period;
  parts_.records.put(Lane::bulk, std::move(summary));
}

}  // namespace lineside::gateway
