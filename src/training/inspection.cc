#include "training/inspection.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <numeric>

#include "bundle/bundle.h"
#include "training/augment.h"
#include "training/dataset.h"
#include "training/output.h"
#include "training/pack.h"
#include "training/split.h"
#include "training/statistics.h"
#include "training/team.h"
#include "vision/preprocess.h"

namespace lineside::training {
namespace {

using Say = std::function<void(const std::string&)>;

constexpr int kFoldsMax = 5, kFoldsMin = 3;
constexpr double kShareUsual = 0.8;  // of the steps: with fewer the figures fall

// What training leaves behind for packing, whichever way the items were split.
struct Learned {
  TeamResult team;
  std::vector<const Network*> members;  // of the bundle
  std::vector<Scored> test;             // calibrated scores of items that their network had not seen
  Calibration calibration;
  Threshold threshold;
  bundle::TestFigures figures;
  std::vector<std::size_t> calibration_items;
};

std::vector<float> input_of(const Dataset& data, std::size_t item) {
  std::vector<float> input(vision::element_count(data.spec));
  plain_input(data, item, input);
  return input;
}

Result<std::vector<Scored>> logits_of(const Network& network, const Dataset& data,
                                      const std::vector<std::size_t>& items) {
  std::vector<Scored> result;
  for (const std::size_t item : items) {
    const std::vector<float> input = input_of(data, item);
    LINESIDE_ASSIGN(const auto outputs, network.run(std::span(&input, 1)));
    result.push_back({outputs.front(), data.is_reject(item)});
  }
  return result;
}

void calibrate(std::vector<Scored>& scored, const Calibration& calibration) {
  for (Scored& item : scored) item.score = calibration.apply(item.score);
}

// `voting`: several networks, which together need fewer steps each than one alone.
TeamOptions team_options(const InspectionOptions& options, const Dataset& data, bool voting) {
  TeamOptions team{.network = {},
                   .augment = measure_pose(data),
                   .train = {},
                   .jobs = options.jobs,
                   .time_limit = options.time_limit};
  team.network.input_width = data.spec.width;
  team.network.input_height = data.spec.height;
  team.network.outputs = data.labels.size() > 2 ? static_cast<int>(data.labels.size()) : 1;
  const int items = static_cast<int>(data.items.size()), usual = voting ? 700 + items / 4 : 1200 + items;
  team.train.steps = options.steps > 0 ? options.steps : std::min(usual, 4000);
  return team;
}

std::vector<std::size_t> all_items(const Dataset& data) {
  std::vector<std::size_t> items(data.items.size());
  std::iota(items.begin(), items.end(), std::size_t{0});
  return items;
}

// As many folds as there are groups with rejects and with goods to spread, from 3 to 5.
int count_folds(const Dataset& data) {
  std::vector<bool> with_good(static_cast<std::size_t>(data.groups)), with_reject = with_good;
  for (std::size_t i = 0; i < data.items.size(); ++i)
    (data.is_reject(i) ? with_reject : with_good)[static_cast<std::size_t>(data.items[i].group)] = true;
  const auto least = std::min(std::ranges::count(with_good, true), std::ranges::count(with_reject, true));
  return std::clamp(static_cast<int>(least), 2, kFoldsMax);
}

// Figures that no item helped to make for itself: each fold is judged by the calibration and threshold of the others.
bundle::TestFigures cross_figures(const std::vector<std::vector<Scored>>& folds, double false_reject_target) {
  bundle::TestFigures sum;
  std::vector<Scored> scores;
  std::size_t goods = 0, rejects = 0;
  for (std::size_t own = 0; own < folds.size(); ++own) {
    std::vector<Scored> others;
    for (std::size_t other = 0; other < folds.size(); ++other)
      if (other != own) others.insert(others.end(), folds[other].begin(), folds[other].end());
    const Calibration calibration = fit_calibration(others.empty() ? folds[own] : others);
    if (others.empty()) others = folds[own];
    calibrate(others, calibration);
    std::vector<Scored> judged = folds[own];
    calibrate(judged, calibration);
    const auto part = figures(judged, choose_threshold(others, false_reject_target).value);
    sum.true_reject += part.true_reject, sum.true_pass += part.true_pass;
    sum.false_reject_count += part.false_reject_count, sum.escape_count += part.escape_count;
    goods += part.false_reject.of, rejects += part.escape.of;
    scores.insert(scores.end(), judged.begin(), judged.end());
  }
  sum.auroc = auroc(scores);
  sum.false_reject = wilson(sum.false_reject_count, goods);
  sum.escape = wilson(sum.escape_count, rejects);
  return sum;
}

Result<Learned> learn_cross_fitted(const Dataset& data, const InspectionOptions& options, Clock& clock, const Say& say,
                                   const std::function<bool()>& stop) {
  const int folds = count_folds(data);
  if (folds < kFoldsMin)
    say(std::format("only {} groups hold both kinds of items or enough of them: figures will be rough", folds));
  const std::vector<int> fold_of = make_folds(data, folds, options.seed);
  std::vector<TeamTask> tasks;
  for (int fold = 0; fold < folds; ++fold) {
    TeamTask task{.seed = options.seed * 1000 + static_cast<std::uint64_t>(fold), .items = {}};
    for (std::size_t i = 0; i < data.items.size(); ++i)
      if (fold_of[i] != fold) task.items.push_back(i);
    tasks.push_back(std::move(task));
  }
  if (options.fast) tasks.push_back({.seed = options.seed * 1000 + 999, .items = all_items(data)});
  say(std::format("few pictures, so each is judged by a network that did not learn from its group: {} folds, {}", folds,
                  options.fast ? "then one network from all" : "whose networks vote"));
  Learned learned;
  LINESIDE_ASSIGN(learned.team, train_team(data, tasks, team_options(options, data, !options.fast), clock, say, stop));

  std::vector<std::vector<Scored>> judged;
  std::vector<Scored> pooled;
  for (std::size_t fold = 0; fold < static_cast<std::size_t>(folds); ++fold) {
    if (!learned.team.trained[fold]) continue;
    std::vector<std::size_t> held_out;
    for (std::size_t i = 0; i < data.items.size(); ++i)
      if (fold_of[i] == static_cast<int>(fold)) held_out.push_back(i);
    LINESIDE_ASSIGN(auto scored, logits_of(learned.team.networks[fold], data, held_out));
    pooled.insert(pooled.end(), scored.begin(), scored.end());
    judged.push_back(std::move(scored));
    if (!options.fast) learned.members.push_back(&learned.team.networks[fold]);
  }
  if (options.fast && learned.team.trained.back()) learned.members.push_back(&learned.team.networks.back());
  if (learned.members.empty()) learned.members.push_back(&learned.team.networks.front());
  learned.figures = cross_figures(judged, options.false_reject_target);
  learned.figures.split = std::format("cross-fitted in {} folds, {}", folds, data.grouped ? "by group" : "by item");
  learned.calibration = fit_calibration(pooled);
  calibrate(pooled, learned.calibration);
  learned.threshold = choose_threshold(pooled, options.false_reject_target);
  learned.calibration_items = all_items(data);
  return learned;
}

Result<Learned> learn_in_parts(const Dataset& data, const InspectionOptions& options, Clock& clock, const Say& say,
                               const std::function<bool()>& stop) {
  const std::vector<Part> part_of = make_parts(data, options.seed);
  const auto items_of = [&](Part part) {
    std::vector<std::size_t> items;
    for (std::size_t i = 0; i < part_of.size(); ++i)
      if (part_of[i] == part) items.push_back(i);
    return items;
  };
  say(std::format("split by {}: {} to learn, {} to calibrate, {} for the threshold, {} for the test",
                  data.grouped ? "group" : "item", items_of(Part::train).size(), items_of(Part::calibration).size(),
                  items_of(Part::threshold).size(), items_of(Part::test).size()));
  Learned learned;
  LINESIDE_ASSIGN(learned.team, train_team(data, {{.seed = options.seed * 1000, .items = items_of(Part::train)}},
                                           team_options(options, data, false), clock, say, stop));
  const Network& network = learned.team.networks.front();
  learned.members = {&network};
  learned.calibration_items = items_of(Part::calibration);
  LINESIDE_ASSIGN(const auto for_calibration, logits_of(network, data, learned.calibration_items));
  learned.calibration = fit_calibration(for_calibration);
  LINESIDE_ASSIGN(auto for_threshold, logits_of(network, data, items_of(Part::threshold)));
  calibrate(for_threshold, learned.calibration);
  learned.threshold = choose_threshold(for_threshold, options.false_reject_target);
  LINESIDE_ASSIGN(auto test, logits_of(network, data, items_of(Part::test)));
  calibrate(test, learned.calibration);
  learned.figures = figures(test, learned.threshold.value);
  learned.figures.split = data.grouped ? "by group" : "by item";
  return learned;
}

// The pictures' own preprocessing leaves them as they were drawn; the networks want planes of floats.
PreprocessSpec network_input(const Dataset& data) {
  PreprocessSpec spec = data.spec;
  spec.type = PreprocessSpec::Type::f32;
  spec.layout = PreprocessSpec::Layout::nchw;
  return spec;
}

bundle::Manifest make_manifest(const InspectionOptions& options, const Dataset& data, const Learned& learned,
                               const Packed& packed) {
  bundle::Manifest manifest;
  manifest.name = options.name.empty() ? name_from(options.out, "inspection") : options.name;
  manifest.version = options.version;
  manifest.counter = options.counter;
  manifest.input = {"image", {1, 3, data.spec.height, data.spec.width}, packed.input};
  manifest.output = {"scores", {1, static_cast<std::int64_t>(data.labels.size())}, PreprocessSpec::Type::f32};
  manifest.output_kind = bundle::OutputKind::probabilities;
  manifest.preprocess = network_input(data);
  manifest.preprocess.type = packed.input;
  manifest.labels = data.labels;
  manifest.reject_labels.assign(data.labels.begin() + 1, data.labels.end());
  manifest.reject_threshold = learned.threshold.value;
  manifest.quantization = packed.quantization;
  manifest.test = learned.figures;
  manifest.parity = packed.parity;
  manifest.training_data_sha256 = data.sha256;
  manifest.training_items = data.items.size();
  manifest.training_share = learned.team.share_done;
  manifest.seed = options.seed;
  manifest.created = created_at();
  manifest.tool = options.tool;
  return manifest;
}

PackInput pack_input(const InspectionOptions& options, const Dataset& data, const Learned& learned) {
  constexpr std::size_t kForRanges = 100, kForParity = 200;
  PackInput input{.members = learned.members,
                  .calibration = learned.calibration,
                  .threshold = learned.threshold.value,
                  .precision = options.precision,
                  .preprocess = network_input(data),
                  .calibration_inputs = {},
                  .parity_inputs = {}};
  const auto spread = [&](const std::vector<std::size_t>& items, std::size_t most,
                          std::vector<std::vector<float>>& into) {
    const std::size_t step = (items.size() + most - 1) / most;
    for (std::size_t i = 0; i < items.size(); i += step) into.push_back(input_of(data, items[i]));
  };
  spread(learned.calibration_items, kForRanges, input.calibration_inputs);
  spread(all_items(data), kForParity, input.parity_inputs);
  return input;
}

std::string describe(const bundle::Share& share) {
  return std::format("{:.2f} % ({} of {}, 95 % interval {:.2f} to {:.2f} %)", 100 * share.value, share.count, share.of,
                     100 * share.low, 100 * share.high);
}

// Last and loud: the figures alone do not show that more was to be had.
std::string warn_if_cut(double share) {
  if (share >= 1) return "";
  const std::string part = std::format("{} % of its steps", std::max(1, static_cast<int>(100 * share)));
  if (share >= kShareUsual) return std::format("\nnote: the training was cut at {}; without a limit it is surer", part);
  return std::format(
      "\n\nWARNING: the training was cut at {}. This model is for a first look, not for a line:\n"
      "train again without --time-limit, or with one about {:.0f} times as long.",
      part, std::ceil(1 / std::max(share, 0.001)));
}

std::string remark(const Threshold& threshold) {
  if (threshold.balanced)
    return std::format(
        ", where both errors balance: rejecting at most {:.0f} % of the good items would let more rejects escape "
        "(--false-reject-target insists on a share)",
        100 * kUsualTarget);
  return threshold.target_provable
             ? ""
             : " (too few good pictures to prove the false-reject target by counting; see docs/training.md)";
}

}  // namespace

Result<InspectionReport> train_inspection(const InspectionOptions& options, Clock& clock, const Say& say,
                                          const std::function<bool()>& stop) {
  const MonoTime start = clock.mono();
  LINESIDE_TRY(check_writable(options.out));
  LINESIDE_ASSIGN(const auto key, signing_key(options.key, say));
  MonoTime next_line = start + std::chrono::seconds{2};
  LINESIDE_ASSIGN(const Dataset data,
                  load_dataset({.images = options.images, .groups_csv = options.groups_csv, .size_px = options.size_px},
                               [&](std::size_t done, std::size_t of) {
                                 if (clock.mono() > next_line) {
                                   say(std::format("reading pictures: {} of {}", done, of));
                                   next_line = clock.mono() + std::chrono::seconds{5};
                                 }
                                 return !stop();
                               }));
  for (const std::string& note : data.notes) say(note);
  say(std::format("{} good and {} reject pictures in {} groups; the model sees them at {} x {}", data.count(false),
                  data.count(true), data.groups, data.spec.width, data.spec.height));

  LINESIDE_ASSIGN(Learned learned, enough_for_parts(data) ? learn_in_parts(data, options, clock, say, stop)
                                                          : learn_cross_fitted(data, options, clock, say, stop));
  LINESIDE_ASSIGN(const Packed packed, pack(pack_input(options, data, learned), say));
  InspectionReport report{.manifest = make_manifest(options, data, learned, packed),
                          .good = data.count(false),
                          .rejects = data.count(true),
                          .threshold = learned.threshold,
                          .stopped_early = learned.team.stopped_early};
  LINESIDE_TRY(bundle::write_bundle(options.out, report.manifest, packed.onnx, key));
  report.seconds = std::chrono::duration<double>(clock.mono() - start).count();
  return report;
}

std::string describe(const InspectionReport& report) {
  const bundle::TestFigures& test = *report.manifest.test;
  const bundle::Parity& parity = *report.manifest.parity;
  std::string text;
  if (report.stopped_early) text += "stopped early: this is the best so far\n";
  text += std::format("test ({}), pictures that the judging network had not seen:\n", test.split);
  text += std::format("  AUROC         {:.4f}\n", test.auroc);
  text += std::format("  false rejects {}\n", describe(test.false_reject));
  text += std::format("  escapes       {}\n", describe(test.escape));
  text += std::format("                passed  rejected\n  good          {:6}  {:8}\n  reject        {:6}  {:8}\n",
                      test.true_pass, test.false_reject_count, test.escape_count, test.true_reject);
  text += std::format("threshold {:.4f}{}\n", report.manifest.reject_threshold, remark(report.threshold));
  text += std::format(
      "parity: ONNX {:.5f} at most, int8 ({}) {:.4f} at most and {:.4f} on average, {} of {} verdicts flipped\n",
      parity.onnx_error_max, bundle::to_string(report.manifest.quantization), parity.int8_error_max,
      parity.int8_error_mean, parity.flipped, parity.compared);
  text += std::format("{} good and {} reject pictures, {:.0f} s", report.good, report.rejects, report.seconds);
  return text + warn_if_cut(report.manifest.training_share);
}

}  // namespace lineside::training
