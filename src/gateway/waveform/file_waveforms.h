#pragma once
// Recordings as a replay, at real speed or quicker.
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "config/asset_settings.h"
#include "gateway/waveform/intake.h"

namespace lineside::gateway {

// Owns its thread; holds one recording in memory at a time. A file that can't be read is told and left out.
class FileWaveforms final : public WaveformSource {
 public:
  // Errors: file_not_found, dataset_invalid (a folder without recordings).
  static Result<std::unique_ptr<FileWaveforms>> create(const config::WaveformSourceSettings& settings, double rate_hz,
                                                       Clock& clock, MetricsRegistry& metrics);
  FileWaveforms(const config::WaveformSourceSettings& settings, std::vector<std::filesystem::path> files,
                double rate_hz, Clock& clock, MetricsRegistry& metrics);
  ~FileWaveforms() override;
  void add(const std::string&, WaveformSink& sink) override { intake_.add("", sink); }
  Result<void> start() override;
  void ask_to_stop() override { thread_.request_stop(); }

 private:
  void run(const std::stop_token& stop);
  bool play(const std::filesystem::path& file, const std::stop_token& stop);  // false: not readable

  const config::WaveformSourceSettings settings_;
  const std::vector<std::filesystem::path> files_;
  const double rate_hz_;
  Clock& clock_;
  Intake intake_;
  std::uint64_t sequence_ = 0;
  MonoTime next_{};
  std::jthread thread_;
};

}  // namespace lineside::gateway
