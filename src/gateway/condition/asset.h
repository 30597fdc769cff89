#pragma once
// A machine that is watched: blocks of waveforms in, scores, summaries and events out. Each asset has a thread of its
// own (docs/decisions/asset-threads.md): what one does to its model, its disk or its sensors no other one feels.
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "bundle/keys.h"
#include "config/gateway_settings.h"
#include "gateway/api/record_sink.h"
#include "gateway/api/waveform_source.h"
#include "gateway/condition/anomaly_alarm.h"
#include "gateway/condition/asset_model.h"
#include "gateway/condition/learner.h"
#include "gateway/condition/sensor_watch.h"
#include "gateway/condition/trend.h"
#include "gateway/condition/window_maker.h"

namespace lineside::gateway {

struct AssetParts {
  RecordSink& records;
  MetricsRegistry& metrics;
  Clock& clock;
  bundle::Trust trust;             // who may sign the bundle; what was learned here is trusted by its own key
  std::string library;             // of ONNX Runtime; empty: the system's
  std::filesystem::path folder;    // of this asset, below data_dir
  std::filesystem::path sign_key;  // of what is learned on this gateway
};

// What the local page shows of it.
struct AssetCondition {
  AssetSummary now;     // since the last summary, with the newest spectra
  double score = 0;     // of the newest window
  std::string message;  // of the open event; empty: none
  Severity severity = Severity::info;
  std::uint64_t dropped_blocks = 0;
};

// Events, asset = its name: condition.anomaly (raised, and again when its severity grows), condition.normal (it ended),
// condition.unknown_state, sensor.fault, sensor.ok, learning.* (learner.h), model.changed, model.refused.
// on_*() may come from any one thread; condition() from any.
class Asset final : public WaveformSink {
 public:
  Asset(const config::AssetSettings& settings, AssetParts parts);
  ~Asset() override;  // stops
  void start();
  void ask_to_stop() { queue_.close(); }
  void stop();  // the last summary is put

  const std::string& name() const { return settings_.name; }
  AssetCondition condition() const;
  void reload_model();  // mode bundle: the file has changed

  void on_block(WaveformBlock block) override;
  void on_bad_block(const std::string& why) override;
  void on_source(bool up, const std::string& why) override;

 private:
  struct Input {  // a block, or word of the source
    WaveformBlock block;
    std::string fault, detail;
  };
  struct Instruments;

  void run();
  void open_model();
  void load_model(const std::filesystem::path& bundle);
  void take(Input input);
  void look_after(MonoTime now);
  void learn();
  void score_windows();
  void judge(const MadeWindow& window);
  void count(const condition::WindowScore& score);
  void watch(const condition::WindowScore& score, const MadeWindow& window);
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
  BoundedQueue<Input> queue_;
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
  std::uint64_t lost_told_ = 0, dropped_told_ = 0;
  double worst_of_period_ = -1;
  bool unknown_told_ = false;

  mutable std::mutex mutex_;  // of what condition() shows
  AssetCondition shown_;

  std::jthread thread_;
};

}  // namespace lineside::gateway
