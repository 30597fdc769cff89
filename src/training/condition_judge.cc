#include "training/condition_judge.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <limits>
#include <map>
#include <tuple>

#include "condition/follow.h"
#include "training/condition_faults.h"
#include "training/condition_vary.h"
#include "training/statistics.h"
#include "training/tail.h"

namespace lineside::training {
namespace {

using condition::DetectorKind;
using condition::kDetectorKinds;
using condition::Model;
using condition::RawScores;
using condition::Recording;
using condition::Regime;

// What the detectors are brought to one scale by.
constexpr double kMemberShare = 1e-3;
constexpr double kOneRecording = 1.5;
constexpr double kSeverities[] = {0.15, 0.35, 1.0};
constexpr std::size_t kFaultWindowsMax = 30, kFaultRows = 120;
// Telemetry: below it a short normal stretch proves nothing. The middle of the plateau (3.5 to 4.5) on the development
// half of SKAB's files (docs/condition.md).
constexpr double kTelemetryPowers = 4;

struct Judgement {
  RawScores raw{};
  std::size_t fault = 0;  // 0: normal, else 1 + number of the fault
  std::size_t recording = 0, window = 0, day = 0;
};

// A model of the other folds, and what it says of this one's windows.
class FoldJudge {
 public:
  FoldJudge(const std::vector<Sample>& samples, const std::vector<Sample>& varied, std::size_t states,
            std::span<const Recording> recordings, const Model& whole, std::size_t fold, std::uint64_t seed)
      : samples_(samples), varied_(varied), recordings_(recordings), model_(whole), fold_(fold), random_(seed + fold) {
    if (model_.regime == Regime::waveform) fit_states(samples, states, fold, model_);
  }

  Result<void> run(std::uint64_t seed, std::vector<Judgement>& out) {
    const auto rows = deviation_rows(samples_, model_, fold_);
    if (rows.size() < 8) return {};
    const auto varied = deviation_rows(varied_, model_, fold_);
    fit_detectors(rows, varied, variation_share(samples_), model_.detectors);
    LINESIDE_ASSIGN(layers_, learn_autoencoder(rows, varied, seed * 101 + fold_));
    for (const auto* list : {&samples_, &varied_})
      for (const Sample& sample : *list)
        if (sample.fold == fold_)
          LINESIDE_TRY(score(
              sample.x, {.fault = 0, .recording = sample.recording, .window = sample.window, .day = sample.day}, out));
    const std::size_t faults = fault_names(model_.regime == Regime::waveform).size();
    for (std::size_t fault = 0; fault < faults; ++fault)
      for (const double severity : kSeverities)
        LINESIDE_TRY(model_.regime == Regime::waveform ? judge_windows(fault, severity, out)
                                                       : judge_rows(fault, severity, out));
    return {};
  }

 private:
  Result<void> score(std::span<const float> x, Judgement scored, std::vector<Judgement>& out) {
    const std::size_t state = condition::nearest_state(model_.states, model_.detectors.spread, x);
    const auto z = condition::deviations(model_.states[state], model_.detectors, x);
    const auto reconstruct = [this](std::span<const float> input) -> Result<std::vector<float>> {
      return run_layers(layers_, {input.begin(), input.end()});
    };
    LINESIDE_ASSIGN(scored.raw, condition::raw_scores(model_.detectors, model_.features, z, reconstruct));
    out.push_back(scored);
    return {};
  }

  Result<void> judge_windows(std::size_t fault, double severity, std::vector<Judgement>& out) {
    std::vector<const Sample*> own;
    for (const Sample& sample : samples_)
      if (sample.fold == fold_) own.push_back(&sample);
    condition::WaveformExtractor extractor(model_.waveform, model_.rate_hz);
    const std::size_t step = own.size() / kFaultWindowsMax + 1;
    for (std::size_t i = 0; i < own.size(); i += step) {
      const Sample& sample = *own[i];
      const Recording& recording = recordings_[sample.recording];
      std::vector<std::vector<float>> channels;
      std::vector<double> scales;
      for (const auto& channel : recording.channels) {
        const auto first = channel.begin() + static_cast<std::ptrdiff_t>(sample.window * model_.waveform.hop);
        channels.emplace_back(first, first + static_cast<std::ptrdiff_t>(model_.waveform.window));
        double squares = 0;
        for (float& value : channels.back()) {
          if (!std::isfinite(value)) value = 0;
          squares += static_cast<double>(value) * value;
        }
        scales.push_back(std::sqrt(squares / static_cast<double>(model_.waveform.window)));
      }
      inject_fault(channels, fault, severity, true, model_.rate_hz, model_.states[sample.state].speed_hz, 0, scales,
                   random_);
      const std::vector<std::span<const float>> spans(channels.begin(), channels.end());
      LINESIDE_TRY(score(extractor.extract(spans), {.fault = fault + 1, .recording = sample.recording}, out));
    }
    return {};
  }

  // A stretch of rows that was held back, the fault from its first third on; rows after some time of it are judged.
  Result<void> judge_rows(std::size_t fault, double severity, std::vector<Judgement>& out) {
    std::map<std::size_t, std::vector<std::size_t>> stretches;
    for (const Sample& sample : samples_)
      if (sample.fold == fold_) stretches[sample.recording].push_back(sample.window);
    for (const auto& [index, windows] : stretches) {
      const Recording& recording = recordings_[index];
      const std::size_t first = windows.front(), count = std::min(windows.back() - first + 1, kFaultRows);
      std::vector<std::vector<float>> channels;
      for (const auto& channel : recording.channels)
        channels.emplace_back(channel.begin() + static_cast<std::ptrdiff_t>(first),
                              channel.begin() + static_cast<std::ptrdiff_t>(first + count));
      const std::size_t from = count / 3;
      inject_fault(channels, fault, severity, false, model_.rate_hz, 0, from, model_.telemetry.scale, random_);
      condition::TelemetryExtractor extractor(model_.telemetry);
      condition::SlowAverages slow;
      std::vector<float> row(channels.size());
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t c = 0; c < row.size(); ++c) row[c] = channels[c][i];
        const auto x = slow.above(extractor.extract(row));
        slow.follow(model_.telemetry, false);
        if (i >= from + from / 2 && i % 3 == 0) LINESIDE_TRY(score(x, {.fault = fault + 1, .recording = index}, out));
      }
    }
    return {};
  }

  const std::vector<Sample>&samples_, &varied_;
  std::span<const Recording> recordings_;
  Model model_;
  std::size_t fold_;
  Random random_;
  std::vector<DenseLayer> layers_;
};

DetectorFigures figures_of(std::string name, const std::vector<Judgement>& all, std::size_t faults,
                           const std::function<double(const RawScores&)>& score) {
  DetectorFigures figures{.name = std::move(name), .auroc = {}};
  for (std::size_t fault = 1; fault <= faults; ++fault) {
    std::vector<bundle::Scored> scored;
    for (const Judgement& item : all)
      if (item.fault == 0 || item.fault == fault) scored.push_back({score(item.raw), item.fault != 0});
    figures.auroc.push_back(auroc(scored));
    figures.mean += figures.auroc.back() / static_cast<double>(faults);
  }
  return figures;
}

double telemetry_floor(DetectorKind kind) { return kind == DetectorKind::powers ? kTelemetryPowers : 0; }

struct NormalScore {
  double score = 0;
  std::size_t recording = 0;
};

// Scores of normal windows: as they were recorded, and of other days.
struct Normals {
  std::vector<NormalScore> real, varied;
  std::vector<NormalScore>& of(const Judgement& item) { return item.day == 0 ? real : varied; }
};

std::vector<double> scores_without(const std::vector<NormalScore>& list, std::size_t recording) {
  std::vector<double> scores;
  for (const NormalScore& item : list)
    if (item.recording != recording) scores.push_back(item.score);
  return scores;
}

// By the tail of the scores; the recording with the largest one (somebody knocked at the machine) can raise it by
// kOneRecording only: else a single one of ten decides what is seen of all faults.
TailThreshold bounded_threshold(const std::vector<NormalScore>& list, double target, std::uint64_t seed) {
  constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max(), kScoresMin = 10;
  TailThreshold result = tail_threshold(scores_without(list, kNone), target, seed);
  const std::vector<double> others =
      scores_without(list, std::ranges::max_element(list, {}, &NormalScore::score)->recording);
  if (others.size() < kScoresMin) return result;
  const double most = kOneRecording * tail_threshold(others, target, seed).value;
  result.value = std::min(result.value, most);
  result.low = std::min(result.low, most);
  return result;
}

// Between the threshold by real windows and the one by other days, whose share says how little the real ones tell.
TailThreshold threshold_of(const Normals& normals, double share, double target, std::uint64_t seed) {
  TailThreshold result = bounded_threshold(normals.real, target, seed);
  if (normals.varied.empty()) return result;
  const TailThreshold other = bounded_threshold(normals.varied, target, seed);
  result.value += share * (other.value - result.value);
  result.low += share * (other.low - result.low);
  result.high += share * (other.high - result.high);
  result.fitted = result.fitted && other.fitted;
  return result;
}

void set_thresholds(const std::vector<Judgement>& all, double share, std::uint64_t seed, Model& model) {
  for (std::size_t kind = 0; kind < kDetectorKinds; ++kind) {
    Normals normals;
    for (const Judgement& item : all)
      if (item.fault == 0) normals.of(item).push_back({item.raw[kind], item.recording});
    double value = threshold_of(normals, share, kMemberShare, seed).value;
    if (model.regime == Regime::telemetry) value = std::max(value, telemetry_floor(static_cast<DetectorKind>(kind)));
    model.detectors.threshold[kind] = value;
  }
}

// The ensemble's scores of normal windows, averaged over the windows before as scoring will do.
Normals smoothed_normal(const std::vector<Judgement>& all, const Model& model) {
  Normals result;
  std::vector<double> recent;
  std::size_t recording = 0, day = 0, last = 0;
  for (const Judgement& item : all) {
    if (item.fault != 0) continue;
    if (item.recording != recording || item.day != day || item.window != last + 1) recent.clear();
    recording = item.recording, day = item.day, last = item.window;
    recent.push_back(std::log(std::max(condition::ensemble_score(model.detectors, item.raw), 1e-9)));
    if (recent.size() > model.smooth_windows) recent.erase(recent.begin());
    double sum = 0;
    for (const double value : recent) sum += value;
    result.of(item).push_back({std::exp(sum / static_cast<double>(recent.size())), recording});
  }
  return result;
}

struct Candidate {
  std::string name;
  std::vector<DetectorKind> members;
};

// An ensemble is preferred to a single detector that is as good to within 0.01 on made-up faults: real ones are others.
// What looks at one kind of figure only (a level, a kurtosis) stands beside them for comparison and is never taken: on
// an easy machine everything finds the made-up faults, and an early bearing fault raises no level. For telemetry the
// fourth powers are taken: short normal stretches hardly tell the detectors apart, and on SKAB's development half
// everything that learns from how channels go together gave more false alarms.
Judged choose(const std::vector<Judgement>& all, std::size_t faults, Model& model) {
  Judged judged;
  std::vector<Candidate> candidates;
  for (std::size_t kind = 0; kind < kDetectorKinds; ++kind)
    candidates.push_back({to_string(static_cast<DetectorKind>(kind)), {static_cast<DetectorKind>(kind)}});
  Candidate broad{"ensemble of four",
                  {DetectorKind::extremes, DetectorKind::pca, DetectorKind::mahalanobis, DetectorKind::neighbours}};
  candidates.push_back(broad);
  broad.name = "ensemble of five";
  broad.members.push_back(DetectorKind::autoencoder);
  candidates.push_back(std::move(broad));
  candidates.push_back({"ensemble of three", {DetectorKind::extremes, DetectorKind::pca, DetectorKind::mahalanobis}});
  double best = -1;
  std::size_t at = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    model.detectors.members = candidates[i].members;
    judged.figures.push_back(figures_of(candidates[i].name, all, faults, [&](const RawScores& raw) {
      return condition::ensemble_score(model.detectors, raw);
    }));
    const bool several = candidates[i].members.size() > 1;
    const DetectorKind first = candidates[i].members.front();
    const bool narrow = first == DetectorKind::rms || first == DetectorKind::kurtosis,
               allowed = model.regime == Regime::waveform ? !narrow : first == DetectorKind::powers;
    const double value = judged.figures.back().mean + (several ? 0.01 : 0);
    if (value > best && allowed) best = value, at = i;
  }
  model.detectors.members = candidates[at].members;
  judged.chosen = candidates[at].name;
  return judged;
}

}  // namespace

std::vector<std::vector<double>> deviation_rows(const std::vector<Sample>& samples, const Model& model,
                                                std::size_t fold) {
  std::vector<std::vector<double>> rows;
  for (const Sample& sample : samples)
    if (sample.fold != fold)
      rows.push_back(condition::deviations(model.states[sample.state], model.detectors, sample.x));
  return rows;
}

AutoencoderSpec autoencoder_spec(std::size_t features, std::size_t rows) {
  AutoencoderSpec spec;
  spec.hidden = static_cast<int>(std::clamp<std::size_t>(features, 8, 48));
  spec.middle = static_cast<int>(std::clamp<std::size_t>(std::min(features / 4, rows / 20), 2, 12));
  return spec;
}

Result<std::vector<DenseLayer>> learn_autoencoder(const std::vector<std::vector<double>>& rows,
                                                  const std::vector<std::vector<double>>& varied, std::uint64_t seed) {
  std::vector<std::vector<float>> inputs;
  for (const auto* list : {&rows, &varied})
    for (const auto& row : *list) inputs.push_back(condition::squeeze(row));
  return train_autoencoder(inputs, autoencoder_spec(rows.front().size(), inputs.size()), seed);
}

Result<Judged> judge_detectors(const std::vector<Sample>& samples, const std::vector<Sample>& varied,
                               std::size_t states, std::span<const Recording> recordings, Model& model,
                               const JudgeOptions& options, const std::function<bool()>& stop) {
  std::vector<Judgement> all;
  for (std::size_t fold = 0; fold < kConditionFolds; ++fold) {
    if (stop()) return fail(ErrorCode::cancelled, "stopped on request; nothing was written");
    FoldJudge judge(samples, varied, states, recordings, model, fold, options.seed);
    LINESIDE_TRY(judge.run(options.seed, all));
  }
  if (std::ranges::none_of(all, [](const Judgement& item) { return item.fault == 0; }))
    return fail(ErrorCode::dataset_invalid, "too few windows to hold any back for a threshold: record more");
  const double share = variation_share(samples);
  set_thresholds(all, share, options.seed, model);
  const std::size_t faults = fault_names(model.regime == Regime::waveform).size();
  Judged judged = choose(all, faults, model);
  std::ranges::stable_sort(all, {},
                           [](const Judgement& item) { return std::tuple(item.day, item.recording, item.window); });
  const Normals normals = smoothed_normal(all, model);
  const TailThreshold tail = threshold_of(normals, share, options.false_alarm_share, options.seed);
  auto& detectors = model.detectors;
  const double floor = model.regime == Regime::telemetry ? 1 : 0;
  detectors.ensemble_threshold = std::max(tail.value, floor);
  detectors.threshold_low = std::max(tail.low, floor);
  detectors.threshold_high = std::max(tail.high, floor);
  judged.fitted = tail.fitted;
  judged.suspicious = static_cast<std::size_t>(std::ranges::count_if(
      normals.real, [&](const NormalScore& item) { return item.score > 2 * detectors.ensemble_threshold; }));
  return judged;
}

}  // namespace lineside::training
