// lineside-train: learns a model from a site's own data and writes a signed bundle.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <format>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/signals.h"
#include "cli/cli.h"
#include "training/condition.h"
#include "training/inspection.h"

using namespace lineside;

namespace {

constexpr double kFalseRejectTargetMin = 0.0001;

struct InspectionArguments {
  training::InspectionOptions options;
  bool int8 = false, fp32 = false;
  std::string time_limit;
};

// "10" and "10m" are minutes, "90s" seconds, "2h" hours; "" is no limit.
Result<std::chrono::seconds> parse_time_limit(const std::string& text) {
  if (text.empty()) return std::chrono::seconds{0};
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [unit, error] = std::from_chars(text.data(), end, number);
  const std::string_view suffix(unit, end);
  const int factor = suffix == "s"                                        ? 1
                     : suffix.empty() || suffix == "m" || suffix == "min" ? 60
                     : suffix == "h"                                      ? 3600
                                                                          : 0;
  if (error != std::errc{} || factor == 0 || number < 1 || number > 100'000)
    return fail(ErrorCode::usage,
                std::format("--time-limit {}: expected minutes, or a number with s, m or h: 90s, 10m", text));
  return std::chrono::seconds{number * factor};
}

void say(const std::string& line) { std::fputs((line + "\n").c_str(), stderr); }

Result<int> train(InspectionArguments& arguments) {
  if (arguments.int8 && arguments.fp32) return fail(ErrorCode::usage, "--int8 and --fp32 exclude each other");
  auto& options = arguments.options;
  if (options.size_px != 0 && options.size_px < 32)
    return fail(ErrorCode::usage, std::format("--size {}: 32 to 1024 pixels, or 0", options.size_px));
  if (const double share = options.false_reject_target; share != 0 && share < kFalseRejectTargetMin)
    return fail(ErrorCode::usage,
                std::format("--false-reject-target {}: {} to 0.5, or 0; no set of pictures proves less", share,
                            kFalseRejectTargetMin));
  options.precision = arguments.fp32   ? training::Precision::fp32
                      : arguments.int8 ? training::Precision::int8
                                       : training::Precision::best;
  LINESIDE_ASSIGN(options.time_limit, parse_time_limit(arguments.time_limit));
  options.tool = "lineside-train " LINESIDE_VERSION;
  LINESIDE_ASSIGN(const auto report, training::train_inspection(options, system_clock(), say, stop_requested));
  std::puts(training::describe(report).c_str());
  std::printf("wrote %s\n", options.out.c_str());
  return 0;
}

cli::Command inspection_command(InspectionArguments& arguments) {
  auto& options = arguments.options;
  return {
      .name = "inspection",
      .summary = "learns to tell good items from bad ones in pictures",
      .details =
          "DIR has a folder per class: good/ (or normal/) and any others, which are rejects. A second level of "
          "folders, or --groups, names what belongs together (one part, one camera position, one day) and is "
          "never split between learning and judging. Ctrl-C keeps the best so far.",
      .options =
          {cli::required("--images", "DIR", "pictures, a folder per class", options.images),
           {.name = "--size",
            .value_name = "PX",
            .help = "longer side of the model's picture in pixels, 32 to 1024; 0: chosen from the pictures",
            .target = &options.size_px,
            .min = 0,
            .max = 1024},
           cli::flag("--int8", "int8, or no bundle if it differs too much from fp32 (without this: fp32 then)",
                     arguments.int8),
           cli::flag("--fp32", "no quantization", arguments.fp32),
           cli::option("--seed", "N", "the same seed and pictures give the same bundle", options.seed),
           cli::option("--time-limit", "TIME",
                       "for learning: minutes, or with a unit: 90s, 10m, 2h; without it as long as it needs",
                       arguments.time_limit),
           cli::option("--groups", "FILE", "CSV with the header file,group: what belongs together", options.groups_csv),
           {.name = "--false-reject-target",
            .value_name = "SHARE",
            .help = "share of good items that may be rejected, 0.0001 to 0.5; 0: 0.02, but more where the classes "
                    "overlap, so that both errors balance",
            .target = &options.false_reject_target,
            .min = 0,
            .max = 0.5},
           cli::flag("--fast", "one network even where few pictures make several vote: a fifth of the time per item",
                     options.fast),
           {.name = "--jobs",
            .value_name = "N",
            .help = "networks learning at once; 0: one per core",
            .target = &options.jobs,
            .min = 0,
            .max = 256},
           {.name = "--steps",
            .value_name = "N",
            .help = "training steps per network; 0: chosen from the number of pictures",
            .target = &options.steps,
            .min = 0,
            .max = 1'000'000}},
      .examples = {{"lineside-train inspection --images pictures --out caps.lsb",
                    "learn from pictures/good and pictures/<others>"},
                   {"lineside-train inspection --images pictures --out caps.lsb --size 128 --time-limit 5",
                    "a fast model in 5 minutes"}},
      .run = [&arguments] { return train(arguments); },
      .commands = {}};
}

Result<int> train_condition(training::ConditionOptions& options) {
  options.tool = "lineside-train " LINESIDE_VERSION;
  LINESIDE_ASSIGN(const auto report, training::train_condition(options, system_clock(), say, stop_requested));
  std::puts(training::describe(report).c_str());
  std::printf("wrote %s\n", options.out.c_str());
  return 0;
}

cli::Command condition_command(training::ConditionOptions& options) {
  cli::Option inputs =
      cli::required("--input", "FILES...", "recordings in good order: files, or folders of them", options.inputs);
  cli::Option rate = cli::required("--rate", "HZ", "samples (or rows) per second", options.rate_hz);
  rate.min = 1e-7, rate.max = 1e7;
  cli::Option alarms = cli::option("--false-alarms-per-month", "N",
                                   "of a machine that is listened to all the time; 0: one in 1,000 windows",
                                   options.false_alarms_per_month);
  alarms.min = 0, alarms.max = 1e6;
  return {.name = "condition",
          .summary = "learns what a machine in good order sounds like",
          .details =
              "Takes CSV (also .gz; ',' or ';', with or without a header), WAV, NumPy .npy and .npz and MATLAB .mat "
              "(version 5). From 200 Hz on recordings are waveforms and are cut into windows of up to a second; "
              "slower ones are telemetry, whose every row is judged with the rows before it. Record each speed and "
              "load, best twice: ten recordings of 2 s are enough to begin with.",
          .options = {std::move(inputs), std::move(rate),
                      cli::option("--columns", "LIST...", "channels by name or number (from 1), separated by ','",
                                  options.columns),
                      cli::option("--time-column", "NAME", "column of times; without it found by its name or content",
                                  options.time_column),
                      cli::option("--asset", "FILE",
                                  "asset.yaml with speed, bearings, gears, mains and ISO 20816 group of the machine",
                                  options.asset),
                      std::move(alarms),
                      cli::option("--seed", "N", "the same seed and recordings give the same bundle", options.seed)},
          .examples = {{"lineside-train condition --input healthy/ --rate 20000 --out motor.lsb",
                        "learn from a folder of recordings at 20 kHz"},
                       {"lineside-train condition --input pump.csv --rate 1 --time-column datetime --out pump.lsb",
                        "learn from rows that come once a second"}},
          .run = [&options] { return train_condition(options); },
          .commands = {}};
}

// The options that every command that writes a bundle has.
template <class Options>
cli::Command with_bundle_options(cli::Command command, Options& options) {
  const std::vector<cli::Option> more{
      cli::required("--out", "FILE", "the bundle to write (.lsb)", options.out),
      cli::option("--name", "NAME", "the model's name; without it the file's", options.name),
      cli::option("--model-version", "TEXT", "the model's version", options.version),
      cli::option("--counter", "N", "a gateway takes only a higher one for the same name", options.counter),
      cli::option("--key", "FILE", "private key that signs; without it the user's own, made at first use",
                  options.key)};
  command.options.insert(command.options.end(), more.begin(), more.end());
  return command;
}

}  // namespace

int main(int argc, char** argv) {
  catch_stop_signals();
  InspectionArguments arguments;
  training::ConditionOptions condition;
  cli::Program program{.name = "lineside-train", .summary = "Learns models from a site's own data.", .root = {}};
  program.root.commands = {with_bundle_options(inspection_command(arguments), arguments.options),
                           with_bundle_options(condition_command(condition), condition)};
  return cli::run(program, argc, argv);
}
