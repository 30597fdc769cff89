#pragma once
// Puts blocks of waveforms together into one stream of samples and cuts windows out of it. What does not fit together
// (rate, time, order, channels) is told as a sensor's fault; a gap becomes missing samples, or a new beginning when it
// is longer than a window.
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "config/asset_settings.h"
#include "gateway/api/waveform_source.h"

namespace lineside::gateway {

enum class StreamFault : std::uint8_t { gap, rate, time, channels };
const char* to_string(StreamFault fault);

struct MadeWindow {
  std::vector<std::span<const float>> channels;  // by the settings' order; valid until the next call of the maker
  std::uint64_t first_sample = 0;                // since the last beginning
  WallTime start{};                              // zero: the source does not say times
  MonoTime complete{};                           // when its last block was here
  bool begins = false;                           // nothing before it belongs to it
};

// Owner thread only.
class WindowMaker {
 public:
  // Holds at most `seconds_max` of samples.
  WindowMaker(const config::AssetSettings& settings, double seconds_max);

  // What does not fit, at most one of each kind. A block of another rate, another number of channels or an earlier time
  // is left out.
  std::vector<std::pair<StreamFault, std::string>> add(const WaveformBlock& block);
  // The next window of `length` samples, each beginning `hop` after the one before it; false: not complete yet.
  bool next(std::size_t length, std::size_t hop, MadeWindow& window);
  void restart();  // forgets everything
  std::uint64_t lost_samples() const { return lost_; }

 private:
  using Faults = std::vector<std::pair<StreamFault, std::string>>;
  bool fits(const WaveformBlock& block, Faults& faults);
  bool in_order(const WaveformBlock& block, Faults& faults);
  void check_drift(const WaveformBlock& block, Faults& faults);
  void fill_gap(double samples);
  void append(const WaveformBlock& block);

  const config::AssetSettings settings_;
  const std::size_t samples_max_;
  std::vector<std::vector<float>> buffers_;  // by channel; samples before `begin_` are done with
  std::size_t begin_ = 0;
  std::uint64_t first_ = 0;  // number of the sample at begin_
  std::uint64_t lost_ = 0, sequence_ = 0;
  WallTime end_{};  // of the newest sample, by the source
  MonoTime received_{};
  bool fresh_ = true;
  // Clock drift: samples and stamps since then.
  WallTime drift_from_{};
  double drift_samples_ = 0;
};

}  // namespace lineside::gateway
