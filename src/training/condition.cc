#include "training/condition.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <format>
#include <map>

#include "bundle/bundle.h"
#include "bundle/digest.h"
#include "condition/health.h"
#include "condition/scorer.h"
#include "inference/session.h"
#include "training/condition_faults.h"
#include "training/condition_judge.h"
#include "training/condition_vary.h"
#include "training/output.h"

namespace lineside::training {
namespace {

using Say = std::function<void(const std::string&)>;
using condition::Model;
using condition::Recording;
using condition::Regime;

constexpr double kWindowS = 1, kWindowLeastS = 0.25, kOnnxErrorMax = 1e-3, kTurnsShareMin = 0.001;
constexpr std::size_t kWindowSamplesMin = 64, kSamplesMax = 5000, kKurtogramWindows = 24, kWindowsMin = 12,
                      kSmoothWindows = 3, kRowsMin = 60;

struct Data {
  std::vector<Recording> recordings;
  std::string sha256;
};

// Rising counters, clocks and constants are columns of numbers too, but no signals.
bool is_signal(const std::vector<float>& values, Regime regime) {
  std::size_t turns = 0, finite = 0;
  bool varies = false;
  float last = 0, step = 0;
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    if (finite > 0 && value != last) {
      varies = true;
      if (step != 0 && (value - last > 0) != (step > 0)) ++turns;
      step = value - last;
    }
    last = value;
    ++finite;
  }
  if (!varies) return false;
  return regime == Regime::telemetry || static_cast<double>(turns) > 2 + kTurnsShareMin * static_cast<double>(finite);
}

// The channels that carry a signal in most of the recordings, by name.
std::vector<std::string> usable_channels(const std::vector<Recording>& recordings, Regime regime, const Say& say) {
  std::map<std::string, std::size_t> with_signal;
  for (const Recording& recording : recordings)
    for (std::size_t c = 0; c < recording.names.size(); ++c)
      with_signal[recording.names[c]] += is_signal(recording.channels[c], regime) ? 1 : 0;
  std::vector<std::string> channels;
  for (const std::string& name : recordings.front().names) {
    if (std::ranges::contains(channels, name)) continue;
    if (with_signal[name] * 2 > recordings.size())
      channels.push_back(name);
    else
      say(std::format("column '{}' is left out: it is constant or a counter and carries no signal", name));
  }
  return channels;
}

Result<Data> read_all(const ConditionOptions& options, const Say& say, const std::function<bool()>& stop) {
  LINESIDE_ASSIGN(const auto files, condition::list_inputs(options.inputs));
  Data data;
  std::string digests;
  for (const auto& file : files) {
    if (stop()) return fail(ErrorCode::cancelled, "stopped while the recordings were being read");
    LINESIDE_ASSIGN(auto recording, condition::read_recording(file, {.columns = condition::column_list(options.columns),
                                                                     .time_column = options.time_column}));
    if (options.rate_hz >= condition::kWaveformRateHzMin && condition::contradicts_rate(recording, options.rate_hz)) {
      say(std::format("{} is left out: it says {:.6g} Hz and --rate {:.6g}", file.string(), recording.stated_rate_hz,
                      options.rate_hz));
      continue;
    }
    for (const auto& channel : recording.channels)
      digests +=
          bundle::sha256_hex({reinterpret_cast<const std::uint8_t*>(channel.data()), channel.size() * sizeof(float)});
    data.recordings.push_back(std::move(recording));
  }
  if (data.recordings.empty()) return fail(ErrorCode::dataset_invalid, "there is no recording to learn from");
  data.sha256 = bundle::sha256_hex(bundle::bytes_of(digests));
  return data;
}

// A second, or half a recording where that is shorter, so that each gives a few windows.
void choose_windows(const std::vector<Recording>& recordings, Model& model) {
  std::vector<double> lengths;
  for (const Recording& recording : recordings) lengths.push_back(static_cast<double>(recording.samples()));
  const double longest = std::max(condition::quantile(lengths, 0.1), static_cast<double>(kWindowSamplesMin));
  const double wanted = std::clamp(longest / 2, kWindowLeastS * model.rate_hz, kWindowS * model.rate_hz);
  model.waveform.window = condition::quick_length(static_cast<std::size_t>(std::min(wanted, longest)));
  model.waveform.hop = std::max<std::size_t>(1, model.waveform.window / 2);
  model.waveform.bands = condition::log_bands(model.waveform.window, model.rate_hz);
}

void choose_demodulation(const std::vector<Recording>& recordings, Model& model) {
  const double rate = model.rate_hz;
  for (std::size_t c = 0; c < model.channels.size(); ++c) {
    std::vector<std::span<const float>> windows;
    const std::size_t step = recordings.size() / kKurtogramWindows + 1;
    for (std::size_t r = 0; r < recordings.size(); r += step) {
      const auto& channel = recordings[r].channels[c];
      if (channel.size() < model.waveform.window) continue;
      const auto window = std::span(channel).first(model.waveform.window);
      if (std::ranges::all_of(window, [](float value) { return std::isfinite(value); })) windows.push_back(window);
    }
    model.waveform.demodulation.push_back({condition::kurtogram_band(windows, rate),
                                           {rate / 16, rate / 8},
                                           {rate / 8, rate / 4},
                                           {rate / 4, 0.45 * rate}});
  }
}

void learn_health(const std::vector<Recording>& recordings, Model& model) {
  for (std::size_t c = 0; c < model.channels.size(); ++c) {
    condition::ChannelHealth health{.rms_min = 1e300};
    for (const Recording& recording : recordings) {
      const auto& channel = recording.channels[c];
      if (model.regime == Regime::telemetry) {
        const auto part = condition::learn_row_health(channel);
        health.same_run_max = std::max(health.same_run_max, part.same_run_max);
        health.median += part.median / static_cast<double>(recordings.size());
        health.step_rms = std::max(health.step_rms, part.step_rms);
        continue;
      }
      for (std::size_t first = 0; first + model.waveform.window <= channel.size(); first += model.waveform.hop) {
        const auto window = condition::measure_health(std::span(channel).subspan(first, model.waveform.window));
        if (window.missing_share > 0.01 || window.rms == 0) continue;
        health.rms_min = std::min(health.rms_min, window.rms);
        health.rms_max = std::max(health.rms_max, window.rms);
        health.same_run_max = std::max(health.same_run_max, window.same_run);
        health.at_limit_share_max = std::max(health.at_limit_share_max, window.at_limit_share);
      }
    }
    if (health.rms_min > 1e299) health.rms_min = 0;
    model.health.push_back(health);
  }
}

Result<std::vector<Sample>> extract_samples(const std::vector<Recording>& recordings, const Model& model,
                                            const Say& say, const std::function<bool()>& stop) {
  std::vector<Sample> samples;
  std::size_t faults = 0, windows = 0;
  for (std::size_t r = 0; r < recordings.size(); ++r) {
    if (stop()) return fail(ErrorCode::cancelled, "stopped on request; nothing was written");
    auto extracted = condition::extract_windows(model, recordings[r]);
    windows += extracted.size();
    condition::SlowAverages slow;
    for (std::size_t w = 0; w < extracted.size(); ++w) {
      faults += extracted[w].fault.empty() ? 0 : 1;
      if (!extracted[w].fault.empty() || extracted[w].x.empty()) continue;
      if (model.regime == Regime::telemetry) {
        extracted[w].x = slow.above(extracted[w].x);
        slow.follow(model.telemetry, false);
      }
      samples.push_back({.x = std::move(extracted[w].x),
                         .signs = std::move(extracted[w].signs),
                         .recording = r,
                         .window = w,
                         .speed = extracted[w].speed});
    }
  }
  if (faults > 0) say(std::format("{} of {} windows are left out: a sensor's fault", faults, windows));
  // Evenly thinned: more windows of the same normal teach little.
  if (samples.size() > kSamplesMax) {
    const std::size_t step = samples.size() / kSamplesMax + 1;
    std::vector<Sample> thinned;
    for (std::size_t i = 0; i < samples.size(); i += step) thinned.push_back(std::move(samples[i]));
    samples = std::move(thinned);
  }
  const std::size_t least = model.regime == Regime::waveform ? kWindowsMin : kRowsMin;
  if (samples.size() < least)
    return fail(ErrorCode::dataset_invalid,
                std::format("{} usable windows of normal running, at least {} are needed", samples.size(), least));
  return samples;
}

Result<double> onnx_error(const std::vector<std::uint8_t>& onnx, const std::vector<DenseLayer>& layers,
                          const std::vector<std::vector<double>>& rows) {
  LINESIDE_ASSIGN(const auto session, inference::Session::create(onnx, {}));
  LINESIDE_TRY(session->warm_up(1));
  double largest = 0;
  for (std::size_t i = 0; i < rows.size(); i += rows.size() / 50 + 1) {
    const auto input = condition::squeeze(rows[i]);
    std::ranges::copy(input, session->input_f32().begin());
    LINESIDE_TRY(session->run());
    const auto expected = run_layers(layers, input);
    const auto got = session->output_f32();
    for (std::size_t j = 0; j < expected.size(); ++j)
      largest = std::max(largest, static_cast<double>(std::abs(got[j] - expected[j])));
  }
  if (largest > kOnnxErrorMax)
    return fail(ErrorCode::parity_failed,
                std::format("the exported autoencoder differs from the trained one by {:.5f} (at most {})", largest,
                            kOnnxErrorMax));
  return largest;
}

bundle::Manifest make_manifest(const ConditionOptions& options, const Data& data, std::size_t features,
                               std::size_t windows) {
  bundle::Manifest manifest;
  manifest.name = options.name.empty() ? name_from(options.out, "condition") : options.name;
  manifest.version = options.version;
  manifest.counter = options.counter;
  manifest.task = "condition";
  const std::vector<std::int64_t> shape{1, static_cast<std::int64_t>(features)};
  manifest.input = {"deviations", shape, PreprocessSpec::Type::f32};
  manifest.output = {"reconstruction", shape, PreprocessSpec::Type::f32};
  manifest.training_data_sha256 = data.sha256;
  manifest.training_items = windows;
  manifest.seed = options.seed;
  manifest.created = created_at();
  manifest.tool = options.tool;
  return manifest;
}

// Everything of the model that is known before any window is looked at in detail.
Result<Model> prepare_model(const ConditionOptions& options, Data& data, const Say& say) {
  Model model;
  model.rate_hz = options.rate_hz;
  model.regime = options.rate_hz >= condition::kWaveformRateHzMin ? Regime::waveform : Regime::telemetry;
  model.columns = condition::column_list(options.columns);
  model.time_column = options.time_column;
  model.channels = usable_channels(data.recordings, model.regime, say);
  if (model.channels.empty()) return fail(ErrorCode::dataset_invalid, "no column carries a signal");
  for (Recording& recording : data.recordings) recording = condition::model_channels(model, recording);
  if (!options.asset.empty() && model.regime == Regime::telemetry)
    return fail(ErrorCode::usage, "--asset is for waveforms (200 Hz and more)");
  if (model.regime == Regime::waveform) {
    if (!options.asset.empty()) {
      LINESIDE_ASSIGN(model.waveform.asset, condition::read_asset(options.asset));
    }
    choose_windows(data.recordings, model);
    choose_demodulation(data.recordings, model);
    model.features = condition::waveform_features(model.waveform, model.channels);
    model.smooth_windows = kSmoothWindows;
  } else {
    model.telemetry = condition::learn_telemetry(data.recordings);
    model.features = condition::telemetry_features(model.channels);
  }
  learn_health(data.recordings, model);
  return model;
}

Result<void> leave_out_outliers(const std::vector<Recording>& recordings, std::vector<Sample>& samples,
                                const Model& model, const Say& say) {
  constexpr std::size_t kRefusedOneIn = 4;
  std::map<std::size_t, std::string> outliers;
  if (model.regime == Regime::waveform)
    for (const Outlier& outlier : outlying_recordings(samples, model.features))
      outliers.emplace(outlier.recording, outlier.why);
  std::string list;
  for (const auto& [recording, why] : outliers) list += std::format("\n  {}: {}", recordings[recording].file, why);
  if (outliers.size() * kRefusedOneIn > recordings.size())
    return fail(ErrorCode::dataset_invalid,
                std::format("{} of {} recordings strike harder than the others: is a fault among what is "
                            "said to be normal?{}",
                            outliers.size(), recordings.size(), list));
  if (outliers.empty()) return {};
  say(std::format("left out, as if a fault was among what is said to be normal:{}", list));
  std::erase_if(samples, [&](const Sample& sample) { return outliers.contains(sample.recording); });
  return {};
}

// Windows overlap and scores are averaged over several: an alarm takes about as many windows as are averaged.
double false_alarm_share(const ConditionOptions& options, const Model& model) {
  constexpr double kMonthS = 30 * 86'400, kUsual = 1e-3;
  if (options.false_alarms_per_month <= 0) return kUsual;
  const double windows_s =
      model.rate_hz / static_cast<double>(model.regime == Regime::waveform ? model.waveform.hop : 1);
  const double chances = kMonthS * windows_s / static_cast<double>(model.smooth_windows);
  return std::clamp(options.false_alarms_per_month / chances, 1e-9, 0.1);
}

}  // namespace

Result<ConditionReport> train_condition(const ConditionOptions& options, Clock& clock, const Say& say,
                                        const std::function<bool()>& stop) {
  const MonoTime start = clock.mono();
  LINESIDE_TRY(check_writable(options.out));
  LINESIDE_ASSIGN(const auto key, signing_key(options.key, say));
  LINESIDE_ASSIGN(Data data, read_all(options, say, stop));
  LINESIDE_ASSIGN(Model model, prepare_model(options, data, say));
  LINESIDE_ASSIGN(auto samples, extract_samples(data.recordings, model, say, stop));
  LINESIDE_TRY(leave_out_outliers(data.recordings, samples, model, say));
  const std::size_t states = assign_states(samples, model);
  assign_folds(samples, states, model.regime);
  say(std::format("{} windows of {} recordings, {} channels, {} features, {} operating states", samples.size(),
                  data.recordings.size(), model.channels.size(), model.features.size(), states));
  fit_states(samples, states, kConditionFolds, model);
  const double share = false_alarm_share(options, model);
  std::vector<Sample> other_days;
  if (model.regime == Regime::waveform) other_days = vary(samples, data.recordings, model, options.seed);
  LINESIDE_ASSIGN(const Judged judged,
                  judge_detectors(samples, other_days, states, data.recordings, model, {options.seed, share}, stop));
  const auto rows = deviation_rows(samples, model, kConditionFolds),
             varied = deviation_rows(other_days, model, kConditionFolds);
  fit_detectors(rows, varied, variation_share(samples), model.detectors);
  LINESIDE_ASSIGN(const auto layers, learn_autoencoder(rows, varied, options.seed));
  const auto onnx = export_autoencoder(layers);
  ConditionReport report{.recordings = data.recordings.size(),
                         .windows = samples.size(),
                         .suspicious = judged.suspicious,
                         .faults = fault_names(model.regime == Regime::waveform),
                         .detectors = judged.figures,
                         .chosen = judged.chosen,
                         .threshold_fitted = judged.fitted,
                         .single_recordings = data.recordings.size() < 2 * states,
                         .false_alarm_share = share};
  LINESIDE_ASSIGN(report.onnx_error_max, onnx_error(onnx, layers, rows));
  report.manifest = make_manifest(options, data, model.features.size(), samples.size());
  const std::string json = condition::to_json(model);
  LINESIDE_TRY(bundle::write_bundle(options.out, report.manifest, onnx, key, bundle::bytes_of(json)));
  report.model = std::move(model);
  report.seconds = std::chrono::duration<double>(clock.mono() - start).count();
  return report;
}

std::string describe(const ConditionReport& report) {
  std::string text = std::format("AUROC on made-up faults in held-back windows\n  {:20}", "detector");
  for (const std::string& fault : report.faults) text += std::format(" {:>16}", fault);
  text += "     mean\n";
  for (const DetectorFigures& figures : report.detectors) {
    text += std::format("  {:20}", figures.name);
    for (const double value : figures.auroc) text += std::format(" {:16.3f}", value);
    text += std::format("    {:.3f}{}\n", figures.mean, figures.name == report.chosen ? "  <- taken" : "");
  }
  const auto& detectors = report.model.detectors;
  text += std::format(
      "threshold {:.3f} (90 % interval {:.3f} to {:.3f}), {}\n", detectors.ensemble_threshold, detectors.threshold_low,
      detectors.threshold_high,
      report.threshold_fitted
          ? std::format("by extreme-value fit for one false alarm in {:.0f} windows", 1 / report.false_alarm_share)
          : "cautious: too few windows for an extreme-value fit");
  if (report.single_recordings && report.model.regime == Regime::waveform)
    text +=
        "most states were recorded once: how much recordings of one state differ could not be measured, so the "
        "threshold rests on copies as other days would give them\n";
  if (report.suspicious > 0)
    text += std::format("{} normal windows lie beyond twice the threshold: look whether a fault is among them\n",
                        report.suspicious);
  text +=
      std::format("parity: ONNX {:.6f} at most\n{} windows of {} recordings, {} states, {:.1f} s",
                  report.onnx_error_max, report.windows, report.recordings, report.model.states.size(), report.seconds);
  return text;
}

}  // namespace lineside::training
