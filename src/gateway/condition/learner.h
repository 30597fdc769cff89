#pragma once
// `mode: learning`: takes recordings of the running machine, lets lineside-train learn from them, watches the new model
// for a while, and hands it over. Every step is on disk before the next begins, so that it goes on after kill -9:
//
//   FOLDER/state            phase, attempt, counter, what the shadow period has counted; the settings recorded with
//   FOLDER/recordings/*.csv what was taken, each written whole
//   FOLDER/candidate.lsb    of a training that may be under way; never run
//   FOLDER/model.lsb        verified, in its shadow period or in use
//   FOLDER/training.log     what the last training said
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/asset_settings.h"
#include "gateway/condition/trainer_process.h"
#include "gateway/condition/training_room.h"
#include "gateway/condition/window_maker.h"
#include "model/record.h"

namespace lineside::gateway {

enum class Phase : std::uint8_t { collecting, training, shadow, scoring };
const char* to_string(Phase phase);

struct LearnerParts {
  using Tell = std::function<void(const std::string& type, Severity severity, const std::string& message,
                                  std::map<std::string, std::string> evidence)>;
  std::filesystem::path folder;  // of the asset
  TrainingRoom& room;
  Clock& clock;
  std::uint64_t counter = 0;  // the highest that a model of the asset's name has run with here
  Tell tell;
  std::function<bool()> stop;  // asked in the middle of long steps: they are left, and done again after a restart
};

// Owner thread only. Events: learning.training, .waiting (for its turn to train), .outliers, .disk_budget (no more is
// recorded than fits into it), .unreadable (damaged recordings are left out and taken again), .failed (tried again; of
// a disk that takes no recording at most once an hour), .refused (begins anew), .finished, .trouble, .settings (of a
// model in use, at each start until they are put right).
class Learner {
 public:
  // Without a state it begins anew: what recordings are left of an earlier time are deleted. So it does when rate,
  // channels, units or sensitivities are no longer those recorded with, until the model is in use; from then on that is
  // told. Errors: file_io, disk_full, file_format (its state can't be read).
  static Result<std::unique_ptr<Learner>> open(const config::AssetSettings& settings, LearnerParts parts);

  Phase phase() const { return state_.phase; }
  bool waits() const { return place_ && !trainer_ && state_.phase == Phase::training; }  // for its turn to train
  // scoring: how the settings differ from those that the model learned with, a sentence; empty: they don't.
  const std::string& settings_trouble() const { return settings_trouble_; }
  float progress() const;
  std::filesystem::path bundle() const { return parts_.folder / "model.lsb"; }
  std::uint64_t counter() const { return state_.counter; }

  // collecting: how many samples a recording has, and whether one is due: a step (minutes over recordings) after the
  // one before it, also when the gateway was stopped in between.
  std::size_t recording_samples() const;
  bool wants_recording() const;
  // A recording; one with a sensor's fault is not taken: why. Errors: disk_full, file_io, limit_reached (a single one
  // is above the disk budget); after them none is wanted for 10 s.
  Result<std::optional<std::string>> take(const MadeWindow& recording);

  // collecting and training: does what is next; true when a new bundle lies there to be loaded (phase shadow).
  bool advance();
  // The bundle could not be loaded: begins anew.
  void refuse_bundle(const std::string& why);
  // shadow: a window was scored. True when the period is over and the model counts from now on; when it is not to be
  // trusted, learning has begun anew (phase collecting).
  bool shadow_window(bool anomaly, bool counts);

 private:
  struct State {
    Phase phase = Phase::collecting;
    std::uint64_t attempt = 1, counter = 0, shadow_windows = 0, shadow_anomalies = 0;
    std::int64_t since_s = 0;  // unix time of the phase's beginning
  };
  static constexpr std::chrono::seconds kRetryMin{10};
  Learner(const config::AssetSettings& settings, LearnerParts parts);
  Result<void> read_state();
  void enter(Phase phase);
  void plan_recordings();
  nanoseconds step() const;
  Result<void> write_recording(const std::string& text);
  void save();
  std::string recorded_with() const;
  bool settings_changed(const std::string& state) const;
  void tell_settings(const std::string& state);
  void failed(const std::string& what);
  void begin_anew(const std::string& why);
  std::vector<std::filesystem::path> recordings() const;
  void delete_recordings();
  void take_again(const std::vector<std::filesystem::path>& unreadable, const std::string& why);
  bool
  examine();  // leaves outliers out; false: too many, learning has begun anew, some have to be taken again, or stop
  bool its_turn();
  TrainerCommand trainer_command() const;
  void start_training();
  bool finish_training(const TrainerEnd& end);
  double seconds_in_phase() const;

  const config::AssetSettings settings_;
  const LearnerParts parts_;
  State state_;
  std::size_t taken_ = 0;
  std::uint64_t bytes_ = 0;  // of the recordings
  bool full_ = false;        // the disk budget is used up
  std::string settings_trouble_;
  MonoTime due_{};  // the next recording
  std::unique_ptr<TrainingRoom::Place> place_;
  std::optional<TrainerProcess> trainer_;
  MonoTime phase_from_{};      // or when this process went on with it,
  double phase_before_s_ = 0;  // so long after its beginning
  MonoTime retry_at_{}, disk_told_after_{};
  std::chrono::seconds retry_pause_ = kRetryMin;
};

}  // namespace lineside::gateway
