#include "condition/scorer.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <limits>
#include <optional>

#include "condition/health.h"
#include "condition/resample.h"
#include "inference/session.h"

namespace lineside::condition {
namespace {

constexpr double kRateToleranceShare = 0.02, kSpeedShareClear = 0.45, kSpeedStep = 0.06, kBetweenShare = 0.5;

// Straight lines over the missing samples; what is missing at the ends takes the nearest value.
void bridge_gaps(std::vector<float>& values) {
  std::size_t last = values.size();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    const std::size_t from = last == values.size() ? 0 : last + 1;
    for (std::size_t j = from; j < i; ++j) {
      const float share = last == values.size() ? 1.0F : static_cast<float>(j - last) / static_cast<float>(i - last);
      values[j] = last == values.size() ? values[i] : values[last] + share * (values[i] - values[last]);
    }
    last = i;
  }
  for (std::size_t j = last == values.size() ? 0 : last + 1; j < values.size(); ++j)
    values[j] = last == values.size() ? 0 : values[last];
}

void add_fault(WindowFeatures& window, const std::string& channel, const std::optional<std::string>& fault) {
  if (fault) window.fault += std::format("{}{}: {}", window.fault.empty() ? "" : "; ", channel, *fault);
}

WindowFeatures waveform_window(const Model& model, std::span<const std::span<const float>> channels,
                               WaveformExtractor& extractor) {
  WindowFeatures result;
  std::vector<std::vector<float>> bridged(model.channels.size());
  std::vector<std::span<const float>> spans;
  bool empty = false;
  for (std::size_t c = 0; c < model.channels.size(); ++c) {
    WindowHealth health = measure_health(channels[c]);
    if (c < model.health.size())
      add_fault(result, model.channels[c], sensor_fault(model.health[c], health, channels[c].size()));
    spans.push_back(channels[c]);
    if (health.missing_share > 0) {
      bridged[c].assign(channels[c].begin(), channels[c].end());
      bridge_gaps(bridged[c]);
      spans.back() = bridged[c];
      health = measure_health(bridged[c]);
    }
    empty = empty || health.rms == 0;
  }
  // A clipped or overdriven window still has features worth a score; one with nothing in it has none.
  if (empty) return result;
  result.x = extractor.extract(spans);
  result.speed = extractor.speed();
  result.signs = extractor.signs();
  if (!std::ranges::all_of(result.x, [](float value) { return std::isfinite(value); })) {
    result.fault += result.fault.empty() ? "values that no sensor gives" : "; values that no sensor gives";
    result.x.clear();
  }
  return result;
}

WindowFeatures telemetry_row(const Model& model, std::span<const std::span<const float>> channels,
                             std::vector<RowHealth>& health, TelemetryExtractor& extractor) {
  WindowFeatures result;
  std::vector<float> row(model.channels.size());
  for (std::size_t c = 0; c < row.size(); ++c) {
    row[c] = channels[c].front();
    if (c >= health.size()) continue;
    const auto fault = health[c].next(row[c]);
    add_fault(result, model.channels[c], fault);
    if (fault) row[c] = std::numeric_limits<float>::quiet_NaN();
  }
  result.x = extractor.extract(row);
  return result;
}

std::string quoted(const std::string& field) {
  if (field.find_first_of(",\"\n\r") == std::string::npos) return field;
  std::string text = "\"";
  for (const char c : field) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

// What is normal at a speed between learned ones: on the way from one neighbour to the other, the less certain the more
// they differ; beyond them as at the nearest, the less certain the further.
struct Between {
  State state;
  std::vector<double> spread;
};

std::optional<Between> between_states(const Model& model, double speed_hz) {
  const State *below = nullptr, *above = nullptr;
  for (const State& state : model.states) {
    if (state.speed_hz <= 0) return std::nullopt;
    if (state.speed_hz <= speed_hz && (!below || state.speed_hz > below->speed_hz)) below = &state;
    if (state.speed_hz > speed_hz && (!above || state.speed_hz < above->speed_hz)) above = &state;
  }
  if (model.states.size() < 2) return std::nullopt;
  if (!below || !above) return std::nullopt;
  const double share = std::log(speed_hz / below->speed_hz) / std::log(above->speed_hz / below->speed_hz);
  Between result{.state = *below, .spread = model.detectors.spread};
  result.state.speed_hz = speed_hz;
  const auto blend = [share](std::vector<double>& a, const std::vector<double>& b) {
    for (std::size_t i = 0; i < a.size(); ++i) a[i] += share * (b[i] - a[i]);
  };
  for (std::size_t i = 0; i < result.spread.size(); ++i)
    result.spread[i] = std::hypot(result.spread[i], kBetweenShare * (above->mean[i] - below->mean[i]));
  blend(result.state.mean, above->mean);
  blend(result.state.signs, above->signs);
  return result;
}

// Another speed than any that was learned, said by a shaft that is heard clearly; multiples of a learned one are no
// other speed, since a fault can raise a harmonic over the first order.
bool is_other_speed(const Model& model, Speed speed) {
  if (speed.share < kSpeedShareClear) return false;
  for (const State& state : model.states) {
    if (state.speed_hz <= 0) return false;
    for (const double factor : {1.0, 2.0, 3.0, 4.0, 0.5, 1.0 / 3})
      if (std::abs(speed.hz - factor * state.speed_hz) < kSpeedStep * factor * state.speed_hz + 1) return false;
  }
  return true;
}

std::vector<double> learned_speeds(const Model& model) {
  std::vector<double> speeds;
  for (const State& state : model.states)
    if (state.speed_hz > 0) speeds.push_back(state.speed_hz);
  return speeds;
}

}  // namespace

const char* to_string(Verdict verdict) {
  static constexpr const char* kNames[] = {"normal", "anomaly", "unknown_state", "sensor_fault"};
  return kNames[static_cast<std::size_t>(verdict)];
}

Recording model_channels(const Model& model, const Recording& recording) {
  Recording chosen{.file = recording.file, .stated_rate_hz = recording.stated_rate_hz, .times_s = recording.times_s};
  for (const std::string& wanted : model.channels) {
    const auto found = std::ranges::find(recording.names, wanted);
    chosen.names.push_back(wanted);
    if (found != recording.names.end())
      chosen.channels.push_back(recording.channels[static_cast<std::size_t>(found - recording.names.begin())]);
    else
      chosen.channels.emplace_back(recording.samples(), std::numeric_limits<float>::quiet_NaN());
  }
  return chosen;
}

struct WindowExtractor::State {
  explicit State(const Model& of) : model(of), health(of.health.begin(), of.health.end()) {
    if (of.regime == Regime::waveform)
      waveform.emplace(of.waveform, of.rate_hz, learned_speeds(of));
    else
      telemetry.emplace(of.telemetry);
  }
  const Model& model;
  std::optional<WaveformExtractor> waveform;
  std::optional<TelemetryExtractor> telemetry;
  std::vector<RowHealth> health;
};

WindowExtractor::WindowExtractor(const Model& model) : state_(std::make_unique<State>(model)) {}
WindowExtractor::~WindowExtractor() = default;

WindowFeatures WindowExtractor::next(std::span<const std::span<const float>> channels, std::size_t first_sample) {
  WindowFeatures window = state_->waveform ? waveform_window(state_->model, channels, *state_->waveform)
                                           : telemetry_row(state_->model, channels, state_->health, *state_->telemetry);
  window.first_sample = first_sample;
  return window;
}

std::vector<WindowFeatures> extract_windows(const Model& model, const Recording& recording) {
  const bool waveform = model.regime == Regime::waveform;
  const std::size_t length = waveform ? model.waveform.window : 1, hop = waveform ? model.waveform.hop : 1;
  std::vector<WindowFeatures> windows;
  if (waveform && recording.samples() < length) {
    windows.push_back(
        {.fault = std::format("recording of {} samples is shorter than a window of {}", recording.samples(), length)});
    return windows;
  }
  WindowExtractor extractor(model);
  std::vector<std::span<const float>> spans(recording.channels.size());
  for (std::size_t first = 0; first + length <= recording.samples(); first += hop) {
    for (std::size_t c = 0; c < spans.size(); ++c) spans[c] = std::span(recording.channels[c]).subspan(first, length);
    windows.push_back(extractor.next(spans, first));
  }
  return windows;
}

Scorer::Scorer(Model model, Reconstruct reconstruct) : model_(std::move(model)), reconstruct_(std::move(reconstruct)) {}

Result<std::unique_ptr<Scorer>> Scorer::create(const bundle::Bundle& bundle, const std::string& library) {
  if (bundle.manifest().task != "condition")
    return fail(ErrorCode::bundle_invalid,
                std::format("the bundle's task is {}, not condition", bundle.manifest().task));
  const auto json = bundle.detectors();
  LINESIDE_ASSIGN(Model model, parse_model({reinterpret_cast<const char*>(json.data()), json.size()}));
  LINESIDE_ASSIGN(auto made, inference::Session::create(bundle.onnx(), {.library = library}));
  const std::shared_ptr<inference::Session> session = std::move(made);
  LINESIDE_TRY(session->warm_up(1));
  if (session->input_f32().size() != model.features.size() || session->output_f32().size() != model.features.size())
    return fail(ErrorCode::bundle_invalid, "the autoencoder's input and output are not as long as the features");
  return std::make_unique<Scorer>(std::move(model), [session](std::span<const float> z) -> Result<std::vector<float>> {
    std::ranges::copy(z, session->input_f32().begin());
    LINESIDE_TRY(session->run());
    const auto output = session->output_f32();
    return std::vector<float>(output.begin(), output.end());
  });
}

Result<WindowScore> Scorer::judge(const WindowFeatures& window, std::span<const float> x) const {
  WindowScore result;
  result.start_s = static_cast<double>(window.first_sample) / model_.rate_hz;
  result.threshold = model_.detectors.ensemble_threshold;
  if (x.empty()) {
    result.verdict = Verdict::sensor_fault;
    result.contributors = window.fault;
    return result;
  }
  std::string fault = window.fault;
  const Detectors& detectors = model_.detectors;
  State state = model_.states[nearest_state(model_.states, detectors.spread, x)];
  result.state = state.name;
  std::vector<double> z = deviations(state, detectors, x);
  const bool other_speed = model_.regime == Regime::waveform && is_other_speed(model_, window.speed);
  if (const auto between = other_speed ? between_states(model_, window.speed.hz) : std::nullopt) {
    state = between->state;
    for (std::size_t i = 0; i < z.size(); ++i)
      z[i] = std::clamp((x[i] - state.mean[i]) / between->spread[i], -kDeviationClip, kDeviationClip);
  }
  if (model_.regime == Regime::waveform) {
    std::vector<double> shift(z.size());
    for (std::size_t i = 0; i < z.size(); ++i) shift[i] = x[i] - state.mean[i];
    for (const std::string& channel : model_.channels)
      if (const auto gain = gain_fault(model_.features, channel, shift); gain && fault.empty())
        fault = channel + ": " + *gain;
    if (other_speed) {
      result.verdict = Verdict::unknown_state;
      result.state = std::format("unknown ({:.1f} Hz)", window.speed.hz);
    }
  }
  LINESIDE_ASSIGN(const RawScores raw, raw_scores(detectors, model_.features, z, reconstruct_));
  result.score = ensemble_score(detectors, raw);
  result.explanation = explain(model_, state, x, window.signs, window.speed.hz, z);
  result.contributors = to_text(result.explanation);
  if (!fault.empty()) {
    result.verdict = Verdict::sensor_fault;
    result.contributors = fault;
  }
  return result;
}

Result<WindowScore> Scorer::score_next(const WindowFeatures& window, RecentScores& recent) const {
  const bool telemetry = model_.regime == Regime::telemetry && !window.x.empty();
  const std::vector<float> differences = telemetry ? recent.slow.above(window.x) : std::vector<float>{};
  LINESIDE_ASSIGN(WindowScore result, judge(window, telemetry ? differences : window.x));
  if (!std::isfinite(result.score)) {
    // Compared with a threshold it would pass for normal.
    result.verdict = Verdict::sensor_fault;
    result.contributors = "the score is no number";
    result.score = 0;
    result.explanation = {};
  }
  if (result.verdict == Verdict::sensor_fault) return result;
  auto& logarithms = recent.logarithms;
  logarithms.push_back(std::log(std::max(result.score, 1e-9)));
  if (logarithms.size() > model_.smooth_windows) logarithms.erase(logarithms.begin());
  double sum = 0;
  for (const double value : logarithms) sum += value;
  result.score = std::exp(sum / static_cast<double>(logarithms.size()));
  result.explanation.distance = result.score / std::max(result.threshold, 1e-9);
  if (result.verdict == Verdict::normal && result.score >= result.threshold) result.verdict = Verdict::anomaly;
  if (!telemetry) return result;
  recent.slow.follow(model_.telemetry, result.verdict == Verdict::anomaly);
  result.explanation.drift = recent.slow.drifted() && result.verdict == Verdict::normal;
  if (result.explanation.drift) result.contributors = to_text(result.explanation);
  return result;
}

Result<std::vector<WindowScore>> Scorer::score(const Recording& recording, double rate_hz) const {
  const double ratio = rate_hz / model_.rate_hz;
  const bool waveform = model_.regime == Regime::waveform, resampled = std::abs(ratio - 1) > kRateToleranceShare;
  if (resampled && (!waveform || ratio < 1))
    return fail(ErrorCode::usage,
                std::format("--rate {}: this model learned from recordings at {} Hz{}", rate_hz, model_.rate_hz,
                            waveform ? "; only faster ones can be brought to its rate" : ""));
  const bool wrong_rate = waveform && contradicts_rate(recording, rate_hz);
  Recording chosen = model_channels(model_, recording);
  if (resampled)
    for (auto& channel : chosen.channels) channel = resample(channel, rate_hz, model_.rate_hz);
  std::vector<WindowFeatures> windows = extract_windows(model_, chosen);
  const auto length = [&](std::size_t samples) {
    return static_cast<std::size_t>(static_cast<double>(samples) * (resampled ? ratio : 1));
  };
  for (WindowFeatures& window : windows)
    if (const auto fault = clock_fault(recording.times_s, rate_hz, length(window.first_sample),
                                       waveform ? length(model_.waveform.window) : 1))
      window.fault = *fault;
  std::vector<WindowScore> scores;
  RecentScores recent;
  for (WindowFeatures& window : windows) {
    if (wrong_rate) window.fault = std::format("the file says {:.6g} Hz", recording.stated_rate_hz);
    LINESIDE_ASSIGN(WindowScore result, score_next(window, recent));
    scores.push_back(std::move(result));
  }
  return scores;
}

std::string csv_header() { return "file,start_s,score,threshold,verdict,state,contributors\n"; }

std::string to_csv(const std::string& file, const std::vector<WindowScore>& scores) {
  std::string text;
  for (const WindowScore& row : scores)
    text += std::format("{},{:.6f},{:.6g},{:.6g},{},{},{}\n", quoted(file), row.start_s, row.score, row.threshold,
                        to_string(row.verdict), quoted(row.state), quoted(row.contributors));
  return text;
}

}  // namespace lineside::condition
