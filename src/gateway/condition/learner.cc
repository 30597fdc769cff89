#include "gateway/condition/learner.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <format>
#include <sstream>

#include "base/file.h"
#include "condition/health.h"
#include "gateway/condition/outliers.h"

namespace lineside::gateway {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr const char* kPhases[] = {"collecting", "training", "shadow", "scoring"};
constexpr std::chrono::seconds kRetryMax{3600}, kTakeAgain{10}, kDiskToldEvery{3600};
constexpr std::size_t kStateBytesMax = 1u << 20;
constexpr std::size_t kRecordingsMin = 4;
constexpr std::int64_t kWallMsMax = 7'258'118'400'000;  // the year 2200
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

Learner::Learner(const config::AssetSettings& settings, LearnerParts parts)
    : settings_(settings), parts_(std::move(parts)) {}

Result<std::unique_ptr<Learner>> Learner::open(const config::AssetSettings& settings, LearnerParts parts) {
  std::error_code error;
  const fs::path recordings = parts.folder / "recordings";
  fs::create_directories(recordings, error);
  if (error) return fail(ErrorCode::file_io, std::format("can't make {}: {}", recordings.string(), error.message()));
  auto learner = std::unique_ptr<Learner>(new Learner(settings, std::move(parts)));
  LINESIDE_TRY(learner->read_state());
  return learner;
}

Result<void> Learner::read_state() {
  const fs::path file = parts_.folder / "state";
  state_.counter = parts_.counter;
  std::error_code error;
  fs::remove(parts_.folder / "candidate.lsb", error);
  auto text = read_text(file, kStateBytesMax);
  if (!text && text.error().code != ErrorCode::file_not_found) return std::unexpected(text.error());
  if (!text) {
    delete_recordings();
    enter(Phase::collecting);
    return {};
  }
  std::istringstream words(*text);
  std::string phase;
  words >> phase >> state_.attempt >> state_.counter >> state_.since_s >> state_.shadow_windows >>
      state_.shadow_anomalies;
  const auto known = std::ranges::find(kPhases, phase);
  if (!words || known == std::end(kPhases))
    return fail(ErrorCode::file_format,
                std::format("{} can't be read. Remove it (learning begins anew), or put it back.", file.string()));
  state_.phase = static_cast<Phase>(known - std::begin(kPhases));
  state_.counter = std::max(state_.counter, parts_.counter);
  phase_from_ = parts_.clock.mono();
  phase_before_s_ = std::max(0.0, static_cast<double>(unix_s(parts_.clock.wall()) - state_.since_s));
  plan_recordings();
  if (!settings_changed(*text)) return {};
  if (state_.phase == Phase::scoring)
    tell_settings(*text);
  else
    begin_anew(std::format("The settings of {} are no longer those it was recorded with: now {}.", settings_.name,
                           recorded_with()));
  return {};
}

// In the state, so that it is never another one than that of the recordings.
std::string Learner::recorded_with() const {
  std::string text = std::format("rate_hz {}", settings_.rate_hz);
  for (const auto& channel : settings_.channels)
    text += std::format("; channel '{}' in '{}', sensitivity {}", channel.name, channel.unit, channel.sensitivity);
  return text;
}

// A state of an earlier version holds no settings.
bool Learner::settings_changed(const std::string& state) const {
  const std::size_t line = state.find('\n');
  if (line == std::string::npos || line + 1 == state.size()) return false;
  return state.substr(line + 1) != recorded_with() + "\n";
}

// A model in use is not thrown away: who mistyped a unit puts it back. Its scores are of other values until then.
void Learner::tell_settings(const std::string& state) {
  const std::size_t line = state.find('\n') + 1;
  settings_trouble_ = std::format(
      "The settings of {} are no longer those its model learned with, so its scores mean nothing: it learned with {}; "
      "now {}. Put them back, or stop the gateway and remove {} to let it learn again.",
      settings_.name, state.substr(line, state.find('\n', line) - line), recorded_with(),
      (parts_.folder / "state").string());
  parts_.tell("learning.settings", Severity::medium, settings_trouble_, {});
}

nanoseconds Learner::step() const {
  return nanoseconds{
      static_cast<std::int64_t>(settings_.learning.minutes * 60e9 / std::max(1, settings_.learning.recordings))};
}

// A recording's name is when it was taken, so that the distance between them outlasts a stop.
void Learner::plan_recordings() {
  const auto files = recordings();
  taken_ = files.size();
  bytes_ = 0;
  full_ = false;
  std::error_code error;
  for (const fs::path& file : files)
    if (const auto size = fs::file_size(file, error); !error) bytes_ += size;
  due_ = parts_.clock.mono();
  if (files.empty()) return;
  const std::string name = files.back().stem().string();
  std::int64_t taken_ms = 0;
  std::from_chars(name.data(), name.data() + name.size(), taken_ms);
  const nanoseconds since =
      parts_.clock.wall() - WallTime{milliseconds{std::clamp<std::int64_t>(taken_ms, 0, kWallMsMax)}};
  due_ += std::clamp(step() - std::max(since, nanoseconds{0}), nanoseconds{0}, step());
}

void Learner::save() {
  const std::string text =
      std::format("{} {} {} {} {} {}\n{}\n", to_string(state_.phase), state_.attempt, state_.counter, state_.since_s,
                  state_.shadow_windows, state_.shadow_anomalies, recorded_with());
  if (auto saved = write_atomically(parts_.folder / "state", text); !saved)
    parts_.tell("learning.trouble", Severity::medium,
                std::format("{} The step of {} is not on disk and would be done again after a restart.",
                            saved.error().message, settings_.name),
                {});
}

void Learner::enter(Phase phase) {
  state_.phase = phase;
  state_.since_s = unix_s(parts_.clock.wall());
  phase_from_ = parts_.clock.mono();
  phase_before_s_ = 0;
  state_.shadow_windows = state_.shadow_anomalies = 0;
  if (phase == Phase::collecting) plan_recordings();
  save();
}

void Learner::begin_anew(const std::string& why) {
  trainer_.reset();
  place_.reset();
  delete_recordings();
  std::error_code error;
  fs::remove(parts_.folder / "candidate.lsb", error);
  ++state_.attempt;
  parts_.tell("learning.refused", Severity::medium,
              std::format("{} Recording begins anew (attempt {}).", why, state_.attempt),
              {{"attempt", std::to_string(state_.attempt)}});
  enter(Phase::collecting);
}

std::vector<fs::path> Learner::recordings() const {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(parts_.folder / "recordings", error))
    if (entry.path().extension() == ".csv") files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

void Learner::delete_recordings() {
  std::error_code error;
  for (const fs::path& file : recordings()) fs::remove(file, error);
}

// A clock that is set while the gateway runs makes no phase shorter or longer.
double Learner::seconds_in_phase() const {
  return phase_before_s_ + static_cast<double>((parts_.clock.mono() - phase_from_).count()) / 1e9;
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
  return state_.phase == Phase::collecting && !full_ && parts_.clock.mono() >= due_;
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
  const MonoTime now = parts_.clock.mono();
  if (auto written = write_recording(text); !written) {
    due_ = now + kTakeAgain;
    if (now >= disk_told_after_) {
      disk_told_after_ = now + kDiskToldEvery;
      parts_.tell("learning.failed", Severity::medium,
                  std::format("A recording of {} could not be kept: {} It is tried again every {} s.", settings_.name,
                              written.error().message, kTakeAgain.count()),
                  {});
    }
    return std::unexpected(written.error());
  }
  due_ = std::max(due_ + step(), now + step() / 2);  // what was late is not caught up at once
  return std::optional<std::string>{};
}

Result<void> Learner::write_recording(const std::string& text) {
  std::error_code error;
  const fs::path folder = parts_.folder / "recordings";
  if (fs::create_directories(folder, error)) plan_recordings();  // it was deleted, with all that was in it
  if (error) return fail(ErrorCode::file_io, std::format("can't make {}: {}.", folder.string(), error.message()));
  const std::uint64_t most = settings_.learning.disk_bytes_max;
  if (bytes_ + text.size() > most) {
    const auto message =
        std::format("A recording of {} takes {} bytes, the {} before it take {}: learning.disk_bytes_max is {}.",
                    settings_.name, text.size(), taken_, bytes_, most);
    if (taken_ < kRecordingsMin)
      return fail(ErrorCode::limit_reached, message + " Raise it, or make the recordings shorter.");
    full_ = true;
    parts_.tell("learning.disk_budget", Severity::medium,
                std::format("{} It learns from {} of {} recordings.", message, taken_, settings_.learning.recordings),
                {{"recordings", std::to_string(taken_)}, {"bytes", std::to_string(bytes_)}});
    return {};
  }
  const auto name =
      std::format("{:013}.csv", std::chrono::floor<milliseconds>(parts_.clock.wall().time_since_epoch()).count());
  LINESIDE_TRY(write_atomically(folder / name, text));
  ++taken_;
  bytes_ += text.size();
  return {};
}

void Learner::take_again(const std::vector<fs::path>& unreadable, const std::string& why) {
  for (const fs::path& file : unreadable) {
    std::error_code error;
    fs::remove_all(file, error);
    if (error)
      return failed(std::format("A recording of {} can't be read ({}) and can't be removed: {}", settings_.name, why,
                                error.message()));
  }
  const std::size_t before = taken_;
  plan_recordings();
  parts_.tell("learning.unreadable", Severity::medium,
              std::format("{} of {} recordings of {} can't be read any more and are taken again{}.", before - taken_,
                          before, settings_.name, why.empty() ? "" : ": " + why),
              {{"unreadable", std::to_string(before - taken_)}, {"left", std::to_string(taken_)}});
}

bool Learner::examine() {
  const auto files = recordings();
  const auto found = find_outliers(files, parts_.stop);
  if (!found && found.error().code == ErrorCode::cancelled) return false;
  if (!found) {
    failed(found.error().message);
    return false;
  }
  if (!found->unreadable.empty() || files.size() < taken_) {
    std::vector<fs::path> unreadable;
    for (const std::size_t index : found->unreadable) unreadable.push_back(files[index]);
    take_again(unreadable, found->first_error);
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
    parts_.tell("learning.outliers", Severity::info,
                std::format("{} of {} recordings of {} were left out: {}.", found->outliers.size(), files.size(),
                            settings_.name, found->first_reason),
                {});
  return true;
}

TrainerCommand Learner::trainer_command() const {
  const std::string number = std::to_string(state_.counter + 1);
  TrainerCommand command;
  command.words = {trainer_program(settings_.learning.program).string(),
                   "condition",
                   "--input",
                   (parts_.folder / "recordings").string(),
                   "--rate",
                   std::format("{}", settings_.rate_hz),
                   "--out",
                   (parts_.folder / "candidate.lsb").string(),
                   "--key",
                   parts_.room.sign_key().string(),
                   "--name",
                   settings_.name,
                   "--model-version",
                   number,
                   "--counter",
                   number};
  if (!settings_.machine.empty()) command.words.insert(command.words.end(), {"--asset", settings_.machine});
  command.log = parts_.folder / "training.log";
  command.memory_bytes_max = settings_.learning.memory_bytes_max;
  command.time_max = nanoseconds{static_cast<std::int64_t>(settings_.learning.time_max_minutes * 60e9)};
  return command;
}

bool Learner::its_turn() {
  if (!place_) {
    place_ = parts_.room.line_up();
    if (const std::size_t ahead = place_->ahead(); ahead > 0)
      parts_.tell("learning.waiting", Severity::info,
                  std::format("{} is recorded and waits for its turn to learn: {} before it, one at a time.",
                              settings_.name, ahead),
                  {{"ahead", std::to_string(ahead)}});
  }
  return place_->ahead() == 0;
}

void Learner::start_training() {
  // The key is there before the trainer, which would make one of its own.
  const auto key = parts_.room.key();
  auto started = key ? TrainerProcess::start(trainer_command(), parts_.clock)
                     : Result<TrainerProcess>(std::unexpected(key.error()));
  if (!started) {
    finish_training({.why = started.error().message});
    return;
  }
  trainer_.emplace(std::move(*started));
  parts_.tell("learning.training", Severity::info,
              std::format("{} learns from {} recordings.", settings_.name, recordings().size()), {});
}

void Learner::failed(const std::string& what) {
  retry_at_ = parts_.clock.mono() + retry_pause_;
  parts_.tell("learning.failed", Severity::medium,
              std::format("{}. It is tried again in {} s.", what, retry_pause_.count()), {});
  retry_pause_ = std::min(retry_pause_ * 3, kRetryMax);
}

bool Learner::finish_training(const TrainerEnd& end) {
  trainer_.reset();
  place_.reset();
  if (end.refused) {
    begin_anew(std::format("The training of {} refused the recordings: {}.", settings_.name, end.why));
    return false;
  }
  std::error_code error;
  if (end.good) fs::rename(parts_.folder / "candidate.lsb", bundle(), error);
  if (!end.good || error) {
    failed(std::format("The training of {} failed: {}. {} has all it said", settings_.name,
                       end.good ? error.message() : end.why, (parts_.folder / "training.log").string()));
    return false;
  }
  retry_pause_ = kRetryMin;
  ++state_.counter;
  enter(Phase::shadow);
  return true;
}

bool Learner::advance() {
  const auto wanted = static_cast<std::size_t>(settings_.learning.recordings);
  if (state_.phase == Phase::collecting && (taken_ >= wanted || full_) && parts_.clock.mono() >= retry_at_) {
    if (!examine()) return false;
    enter(Phase::training);
  }
  if (state_.phase != Phase::training) return false;
  if (!trainer_) {
    if (parts_.clock.mono() >= retry_at_ && its_turn()) start_training();
    return false;
  }
  const auto end = trainer_->poll();
  return end && finish_training(*end);
}

void Learner::refuse_bundle(const std::string& why) {
  begin_anew(std::format("The model that {} learned can't be used: {}", settings_.name, why));
}

bool Learner::shadow_window(bool anomaly, bool counts) {
  if (counts) {
    ++state_.shadow_windows;
    state_.shadow_anomalies += anomaly ? 1 : 0;
    if (state_.shadow_windows % 100 == 1) save();
  }
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
  delete_recordings();
  parts_.tell("learning.finished", Severity::info, std::format("{} is scored with what it learned.", settings_.name),
              evidence);
  return true;
}

}  // namespace lineside::gateway
