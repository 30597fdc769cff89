#include <unistd.h>

#include <cstdio>
#include <format>
#include <iostream>
#include <memory>
#include <set>

#include "base/file.h"
#include "inference/classifier.h"
#include "toolbox/commands.h"
#include "toolbox/condition_score.h"
#include "toolbox/report.h"
#include "toolbox/scoring.h"
#include "toolbox/trust.h"

namespace lineside::toolbox {
namespace {

struct ScoreOptions {
  fs::path bundle, images, out;
  std::vector<std::string> trusted_keys;
  std::string library;
  ConditionScoreOptions condition;
};

void show_progress(std::size_t done, std::size_t of) {
  if (::isatty(STDERR_FILENO) == 0) return;
  std::fputs(std::format("\r{} of {} pictures{}", done, of, done == of ? "\n" : "").c_str(), stderr);
}

std::string summary(const Scores& scores, const bundle::Manifest& manifest) {
  std::size_t rejects = 0, of_known_class = 0;
  std::set<std::string> no_labels;  // that count all the same
  for (const auto& file : scores.files) {
    rejects += file.reject ? 1 : 0;
    const auto is_reject = is_reject_class(file.class_name, manifest);
    of_known_class += is_reject ? 1 : 0;
    if (is_reject && !std::ranges::contains(manifest.labels, file.class_name))
      no_labels.insert(std::format("'{}' as {}", file.class_name, *is_reject ? "rejects" : "good"));
  }
  std::string text = std::format("{}: {} pictures scored, {} rejects, {} unreadable\n", bundle::model_version(manifest),
                                 scores.files.size(), rejects, scores.unreadable.size());
  const auto figures = figures_of(scores, manifest, manifest.reject_threshold);
  if (!figures)
    return text + "no figures: that needs a folder of good pictures (good, normal, ok or pass) and one of rejects\n";
  if (of_known_class < scores.files.size())
    text += std::format("{} pictures are in no folder, or in one of masks or unlabelled ones, and do not count below\n",
                        scores.files.size() - of_known_class);
  for (const std::string& name : no_labels) text += std::format("no label of the model, counted: {}\n", name);
  return text + describe(*figures);
}

Result<int> score(const ScoreOptions& options) {
  LINESIDE_ASSIGN(const auto trust, trust_for_tools(options.trusted_keys));
  LINESIDE_ASSIGN(const auto bundle, bundle::Bundle::open(options.bundle, trust));
  if (bundle.manifest().task == "condition") {
    if (options.condition.inputs.empty() || options.condition.rate_hz <= 0)
      return fail(ErrorCode::usage, "this bundle scores recordings: name them with --input and their --rate");
    ConditionScoreOptions condition = options.condition;
    condition.library = options.library;
    condition.out = options.out;
    return score_recordings(bundle, condition);
  }
  if (options.images.empty())
    return fail(ErrorCode::usage, "this bundle scores pictures: name their folder with --images");
  const config::InferenceSettings settings{.library = options.library};
  MetricsRegistry metrics;
  LINESIDE_ASSIGN(const auto classifier, inference::make_classifier(bundle, settings, metrics));
  LINESIDE_ASSIGN(const Scores scores, score_folder(*classifier, options.images, show_progress));
  LINESIDE_TRY(write_atomically(options.out, to_csv(scores)));
  for (const auto& message : scores.unreadable) std::fputs(std::format("skipped: {}\n", message).c_str(), stderr);
  std::fputs(summary(scores, bundle.manifest()).c_str(), stdout);
  return scores.unreadable.empty() ? 0 : exit_code(ErrorCode::file_format);
}

}  // namespace

cli::Command score_command() {
  const auto options = std::make_shared<ScoreOptions>();
  cli::Command command{.name = "score", .summary = "scores pictures or recordings with a model bundle"};
  command.details =
      "Pictures: walks the folder and writes one line per picture: file, class (the first folder below DIR, or empty), "
      "score "
      "(0..1, higher: more surely a reject) and verdict (pass or reject at the bundle's threshold).\n\n"
      "Where there are folders of good pictures (the model's label, or good, normal, ok, pass) and of rejects (any "
      "other, "
      "as in training) it prints AUROC, false-reject and escape rates with 95 % Wilson intervals. A picture that can't "
      "be read is named and left out; the exit code is then 65.\n\n"
      "Recordings: writes one line per window (from 200 Hz on; below that per row): file, start_s, score (higher: "
      "further from normal), threshold, verdict (normal, anomaly, unknown_state or sensor_fault), state and the "
      "features "
      "that contributed most.";
  command.options = {
      cli::required("--bundle", "FILE", "the model bundle (.lsb)", options->bundle),
      cli::option("--images", "DIR", "folder of pictures", options->images),
      cli::option("--input", "FILES...", "recordings: files, or folders of them", options->condition.inputs),
      {.name = "--rate",
       .value_name = "HZ",
       .help = "samples (or rows) per second of the recordings",
       .target = &options->condition.rate_hz,
       .min = 0,
       .max = 1e7},
      cli::option("--columns", "LIST...", "channels by name or number; without it those that were learned",
                  options->condition.columns),
      cli::option("--time-column", "NAME", "column of times of the recordings", options->condition.time_column),
      cli::required("--out", "FILE", "the results (CSV)", options->out),
      cli::option("--trusted-key", "FILE", "public key that must have signed the bundle", options->trusted_keys),
      cli::option("--library", "FILE", "libonnxruntime.so to use instead of the system's", options->library)};
  command.examples = {
      {"lineside score --bundle caps.lsb --images new/ --out results.csv", "judges a model on pictures of your own"},
      {"lineside score --bundle motor.lsb --input today/ --rate 20000 --out scores.csv",
       "says how far a machine is from normal, window by window"}};
  command.run = [options] { return score(*options); };
  return command;
}

}  // namespace lineside::toolbox
