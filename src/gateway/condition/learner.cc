#include "gateway/condition/learner.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <sstream>

#include "base/file.h"
#include "condition/health.h"
#include "gateway/condition/outliers.h"

namespace lineside::gateway {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPhases[] = {"collecting", "training", "shadow", "scoring"};
constexpr std::chrono::seconds kRetryMax{3600};
constexpr std::uint64_t kShadowWindowsMin = 20;

std::int64_t unix_s(WallTime time) { return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count(); }

fs::path trainer_program(const std::string& configured) {
  if (!configured.empty()) return configured;
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  const fs::path beside = self.parent_path() / "lineside-train";
  return fs::exists(beside, error) ? beside : fs::path("lineside-train");
}

void append_row(std::string& text, const MadeWindow& recording, std::size_t row) {
  char number[32];
  for (std::size_t c = 0; c < recording.channels.size(); ++c) {
    const auto end =
        std::format_to_n(number, sizeof number, "{}{:.7g}", c == 0 ? "" : ",", recording.channels[c][row]).out;
    text.append(number, end);
  }
  text += '\n';
}

}  // namespace

const char* to_string(Phase phase) { return kPhases[static_cast<std::size_t>(phase)]; }

Learner::Learner(fs::path folder, fs::path sign_key, const config::AssetSettings& settings, Clock& clock, Tell tell)
    : folder_(std::move(folder)),
      sign_key_(std::move(sign_key)),
      settings_(settings),
      clock_(clock),
      tell_(std::move(tell)) {}

Result<std::unique_ptr<Learner>> Learner::open(fs::path folder, fs::path sign_key,
                                               const config::AssetSettings& settings, Clock& clock, Tell tell) {
  std::error_code error;
  fs::create_directories(folder / "recordings", error);
  if (error)
    return fail(ErrorCode::file_io,
                std::format("can't make {}: {}", (folder / "recordings").string(), error.message()));
  auto learner =
      std::unique_ptr<Learner>(new Learner(std::move(folder), std::move(sign_key), settings, clock, std::move(tell)));
  LINESIDE_TRY(learner->read_state());
  return learner;
}

Result<void> Learner::read_state() {
  const fs::path file = folder_ / "state";
  if (!fs::exists(file)) {
    enter(Phase::collecting);
    return {};
  }
  LINESIDE_ASSIGN(const std::string text, read_text(file, 4096));
  std::istringstream words(text);
  std::string phase;
  words >> phase >> state_.attempt >> state_.counter >> state_.since_s >> state_.shadow_windows >>
      state_.shadow_anomalies;
  const auto known = std::ranges::find(kPhases, phase);
  if (!words || known == std::end(kPhases))
    return fail(ErrorCode::file_format,
                std::format("{} can't be read. Remove it (learning begins anew), or put it back.", file.string()));
  state_.phase = static_cast<Phase>(known - std::begin(kPhases));
  std::error_code error;
  fs::remove(folder_ / "candidate.lsb", error);
  taken_ = recordings().size();
  return {};
}

void Learner::save() {
  const std::string text = std::format("{} {} {} {} {} {}\n", to_string(state_.phase), state_.attempt, state_.counter,
                                       state_.since_s, state_.shadow_windows, state_.shadow_anomalies);
  if (auto saved = write_atomically(folder_ / "state", text); !saved)
    tell_("learning.trouble", Severity::medium,
          std::format("{} The step of {} is not on disk and would be done again after a restart.",
                      saved.error().message, settings_.name),
          {});
}

void Learner::enter(Phase phase) {
  state_.phase = phase;
  state_.since_s = unix_s(clock_.wall());
  state_.shadow_windows = state_.shadow_anomalies = 0;
  if (phase == Phase::collecting) taken_ = recordings().size();
  save();
}

void Learner::begin_anew(const std::string& why) {
  trainer_.reset();
  std::error_code error;
  for (const fs::path& file : recordings()) fs::remove(file, error);
  fs::remove(folder_ / "candidate.lsb", error);
  ++state_.attempt;
  tell_("learning.refused", Severity::medium,
        std::format("{} Recording begins anew (attempt {}).", why, state_.attempt),
        {{"attempt", std::to_string(state_.attempt)}});
  enter(Phase::collecting);
}

std::vector<fs::path> Learner::recordings() const {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_ / "recordings", error))
    if (entry.path().extension() == ".csv") files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

double Learner::seconds_in_phase() const {
  return std::max(0.0, static_cast<double>(unix_s(clock_.wall()) - state_.since_s));
}

float Learner::progress() const {
  if (state_.phase == Phase::collecting)
    return static_cast<float>(taken_) / static_cast<float>(settings_.learning.recordings);
  if (state_.phase != Phase::shadow || settings_.learning.shadow_minutes <= 0) return 1;
  return static_cast<float>(std::min(1.0, seconds_in_phase() / settings_.learning.shadow_minutes / 60));
}

std::size_t Learner::recording_samples() const {
  return static_cast<std::size_t>(settings_.learning.recording_s * settings_.rate_hz);
}

bool Learner::wants_recording() const {
  if (state_.phase != Phase::collecting) return false;
  // The n-th is due when its share of the time is over; after a stop nothing has to be caught up at once.
  const double step_s = settings_.learning.minutes * 60 / settings_.learning.recordings;
  return seconds_in_phase() >= step_s * static_cast<double>(taken_) - 1;
}

Result<std::optional<std::string>> Learner::take(const MadeWindow& recording) {
  std::string text;
  for (std::size_t c = 0; c < recording.channels.size(); ++c) {
    const auto health = condition::measure_health(recording.channels[c]);
    if (const auto fault = condition::sensor_fault({}, health, recording.channels[c].size()))
      return std::optional(settings_.channels[c].name + ": " + *fault);
    text += std::format("{}{}", c == 0 ? "" : ",", settings_.channels[c].name);
  }
  text += '\n';
  for (std::size_t i = 0; i < recording.channels.front().size(); ++i) append_row(text, recording, i);
  const auto name = std::format(
      "{:013}.csv", std::chrono::floor<std::chrono::milliseconds>(clock_.wall().time_since_epoch()).count());
  LINESIDE_TRY(write_atomically(folder_ / "recordings" / name, text));
  ++taken_;
  return std::optional<std::string>{};
}

bool Learner::examine() {
  const auto files = recordings();
  const auto found = find_outliers(files);
  if (!found) {
    begin_anew(std::format("The recordings of {} can't be read: {}", settings_.name, found.error().message));
    return false;
  }
  const double share =
      static_cast<double>(found->outliers.size()) / static_cast<double>(std::max<std::size_t>(1, files.size()));
  if (!found->change.empty() || share > settings_.learning.outliers_max) {
    begin_anew(std::format("What {} would learn from is not of one normal machine: {}.", settings_.name,
                           found->change.empty()
                               ? std::format("{} of {} recordings differ from all others ({})", found->outliers.size(),
                                             files.size(), found->first_reason)
                               : found->change));
    return false;
  }
  std::error_code error;
  for (const std::size_t index : found->outliers) fs::remove(files[index], error);
  if (!found->outliers.empty())
    tell_("learning.outliers", Severity::info,
          std::format("{} of {} recordings of {} were left out: {}.", found->outliers.size(), files.size(),
                      settings_.name, found->first_reason),
          {});
  return true;
}

void Learner::start_training() {
  TrainerCommand command;
  command.words = {trainer_program(settings_.learning.program).string(),
                   "condition",
                   "--input",
                   (folder_ / "recordings").string(),
                   "--rate",
                   std::format("{}", settings_.rate_hz),
                   "--out",
                   (folder_ / "candidate.lsb").string(),
                   "--key",
                   sign_key_.string(),
                   "--name",
                   settings_.name,
                   "--model-version",
                   std::to_string(state_.counter + 1),
                   "--counter",
                   std::to_string(state_.counter + 1)};
  command.log = folder_ / "training.log";
  command.memory_bytes_max = settings_.learning.memory_bytes_max;
  command.time_max = nanoseconds{static_cast<std::int64_t>(settings_.learning.time_max_minutes * 60e9)};
  auto started = TrainerProcess::start(command, clock_);
  if (started) {
    trainer_.emplace(std::move(*started));
    tell_("learning.training", Severity::info,
          std::format("{} learns from {} recordings.", settings_.name, recordings().size()), {});
    return;
  }
  finish_training({.why = started.error().message});
}

bool Learner::finish_training(const TrainerEnd& end) {
  trainer_.reset();
  if (end.refused) {
    begin_anew(std::format("The training of {} refused the recordings: {}.", settings_.name, end.why));
    return false;
  }
  std::error_code error;
  if (end.good) fs::rename(folder_ / "candidate.lsb", bundle(), error);
  if (!end.good || error) {
    retry_at_ = clock_.mono() + retry_pause_;
    tell_("learning.failed", Severity::medium,
          std::format("The training of {} failed: {}. It is tried again in {} s; {} has all it said.", settings_.name,
                      end.good ? error.message() : end.why, retry_pause_.count(), (folder_ / "training.log").string()),
          {});
    retry_pause_ = std::min(retry_pause_ * 3, kRetryMax);
    return false;
  }
  ++state_.counter;
  enter(Phase::shadow);
  return true;
}

bool Learner::advance() {
  if (state_.phase == Phase::collecting && taken_ >= static_cast<std::size_t>(settings_.learning.recordings)) {
    if (!examine()) return false;
    enter(Phase::training);
  }
  if (state_.phase != Phase::training) return false;
  if (!trainer_) {
    if (clock_.mono() >= retry_at_) start_training();
    return false;
  }
  const auto end = trainer_->poll();
  return end && finish_training(*end);
}

void Learner::refuse_bundle(const std::string& why) {
  begin_anew(std::format("The model that {} learned can't be used: {}", settings_.name, why));
}

bool Learner::shadow_window(bool anomaly, bool counts) {
  if (counts) ++state_.shadow_windows, state_.shadow_anomalies += anomaly ? 1 : 0;
  if (state_.shadow_windows % 100 == 1) save();
  if (seconds_in_phase() < settings_.learning.shadow_minutes * 60 || state_.shadow_windows < kShadowWindowsMin)
    return false;
  const double share = static_cast<double>(state_.shadow_anomalies) / static_cast<double>(state_.shadow_windows);
  if (share > settings_.learning.shadow_anomalies) {
    begin_anew(std::format("The model that {} learned calls {:.1f} % of {} windows of its shadow period anomalies.",
                           settings_.name, 100 * share, state_.shadow_windows));
    return false;
  }
  const auto evidence =
      std::map<std::string, std::string>{{"shadow_windows", std::to_string(state_.shadow_windows)},
                                         {"shadow_anomalies", std::to_string(state_.shadow_anomalies)}};
  enter(Phase::scoring);
  std::error_code error;
  for (const fs::path& file : recordings()) fs::remove(file, error);
  tell_("learning.finished", Severity::info, std::format("{} is scored with what it learned.", settings_.name),
        evidence);
  return true;
}

}  // namespace lineside::gateway
