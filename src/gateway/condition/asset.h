#pragma once
// A machine that is watched: blocks of waveforms in, scores, summaries and events out. Each asset has a thread of its
// own (docs/decisions/asset-threads.md): what one does to its model, its disk or its sensors no other one feels.
#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "bundle/keys.h"
#include "config/gateway_settings.h"
#include "gateway/api/asset_status.h"
#include "gateway/api/record_sink.h"
#include "gateway/api/waveform_source.h"
#include "gateway/condition/anomaly_alarm.h"
#include "gateway/condition/asset_model.h"
#include "gateway/condition/block_queue.h"
#include "gateway/condition/learner.h"
#include "gateway/condition/running_watch.h"
#include "gateway/condition/sensor_watch.h"
#include "gateway/condition/training_room.h"
#include "gateway/condition/trend.h"
#include "gateway/condition/window_maker.h"

namespace lineside::gateway {

struct AssetParts {
  RecordSink& records;
  MetricsRegistry& metrics;
  Clock& clock;
  TrainingRoom& room;                     // whose key is trusted for what was learned here
  bundle::Trust trust;                    // who may sign the bundle
  std::string library;                    // of ONNX Runtime; empty: the system's
  std::filesystem::path folder;           // of this asset, below data_dir
  const RunningWatch* running = nullptr;  // of settings with `running_when`; outlives the asset
};

// Events, asset = its name: condition.anomaly (raised, and again when its severity grows), condition.normal (it ended),
// condition.unknown_state (also when nobody knows whether it runs), condition.drift (slow change without a fault, once
// for each model: learn again), sensor.fault, sensor.ok, learning.* (learner.h), model.changed (another one than was
// told last, also over restarts), model.refused. on_*() may come from any one thread; status() from any.
class Asset final : public WaveformSink {
 public:
  Asset(const config::AssetSettings& settings, AssetParts parts);
  ~Asset() override;  // stops
  void start();
  // What waits is dropped, counted. From any thread, at once.
  void ask_to_stop() { queue_.close(); }
  // And waits: for one window's score, one recording that is read, or one write to the disk; a training is killed. The
  // last summary is put.
  void stop();

  const std::string& name() const { return settings_.name; }
  AssetStatus status() const;
  void reload_model();  // mode bundle: the file has changed

  void on_block(WaveformBlock block) override;
  void on_bad_block(const std::string& why) override;
  void on_source(bool up, const std::string& why) override;

 private:
  struct Instruments;

  void run();
  void open_model();
  void open_learner();
  void load_model(const std::filesystem::path& bundle);
  void tell_model();
  void hear(const BlockQueue::Words& words);
  void take(const WaveformBlock& block);
  void count_dropped();
  void look_after(MonoTime now);
  void learn();
  void score_windows();
  void judge(MadeWindow& window);
  bool ran(const MadeWindow& window, std::size_t samples);
  void count(const condition::WindowScore& score);
  void note_features(const condition::WindowScore& score);
  void watch(const condition::WindowScore& score, const MadeWindow& window);
  void note_unknown(const std::string& state);
  void tell_anomaly(const condition::WindowScore& score, const MadeWindow& window, bool worse);
  void tell(const std::string& type, Severity severity, const std::string& message,
            std::map<std::string, std::string> evidence = {});
  void put_summary(MonoTime now, bool with_spectra);
  void trouble(const std::string& what);
  std::string mode() const;
  bool counts(const condition::WindowScore& score) const;

  const config::AssetSettings settings_;
  AssetParts parts_;
  const std::unique_ptr<Instruments> instruments_;
  BlockQueue queue_;
  std::atomic<bool> reload_{false};

  // Of the thread:
  WindowMaker maker_;
  SensorWatch sensors_;
  AnomalyAlarm alarm_;
  Trend ratio_trend_, velocity_trend_;
  std::unique_ptr<bundle::CounterRecord> counters_;
  std::unique_ptr<Learner> learner_;
  std::unique_ptr<AssetModel> model_;
  MonoTime last_block_{}, next_summary_{}, next_spectrum_{}, next_try_{}, unknown_since_{};
  std::chrono::seconds open_pause_;
  std::string source_down_;  // why; empty: it is there, as far as anybody knows
  std::uint64_t lost_told_ = 0, dropped_told_ = 0;
  double worst_of_period_ = -1;
  bool unknown_told_ = false, drift_told_ = false, paused_ = false;

  mutable std::mutex mutex_;  // of what status() shows
  AssetStatus shown_;

  std::jthread thread_;
};

}  // namespace lineside::gateway
