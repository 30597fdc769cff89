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

enum class StreamFault : std::uint8_t { gap, rate, time, channels, drift };
const char* to_string(StreamFault fault);  // drift, a rate that is wrong by the blocks' times, is "rate" too

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
  // Holds at most `seconds_max` of samples, and the newest block whole: windows are to be taken after each add().
  WindowMaker(const config::AssetSettings& settings, double seconds_max);

  // What does not fit, at most one of each kind. A block of another rate, another number of channels or an earlier time
  // is left out, and so is one that comes late by its number. A sensor that begins to number anew is followed: at once
  // when it goes back by more than 16 blocks, else with its third block.
  std::vector<std::pair<StreamFault, std::string>> add(const WaveformBlock& block);
  // The next window of `length` samples, each beginning `hop` after the one before it; false: not complete yet.
  bool next(std::size_t length, std::size_t hop, MadeWindow& window);
  void restart();  // forgets everything
  std::uint64_t lost_samples() const { return lost_; }
  // How far blocks are apart, by the length of the newest one; before the first one, samples.
  nanoseconds block_every() const;
  nanoseconds drift_every() const;  // so long it takes to say a rate by the blocks' times

 private:
  using Faults = std::vector<std::pair<StreamFault, std::string>>;
  bool fits(const WaveformBlock& block, Faults& faults);
  bool in_order(const WaveformBlock& block, Faults& faults);
  void follow(double jump_s, double allowed_s, Faults& faults);
  bool numbers_anew(const WaveformBlock& block, Faults& faults);
  void check_drift(const WaveformBlock& block, Faults& faults);
  void fill_gap(double samples);
  void append(const WaveformBlock& block);

  const config::AssetSettings settings_;
  const std::size_t samples_max_;
  std::vector<std::vector<float>> buffers_;  // by channel; samples before `begin_` are done with
  std::size_t begin_ = 0;
  std::uint64_t first_ = 0;  // number of the sample at begin_
  std::uint64_t lost_ = 0, sequence_ = 0;
  std::size_t block_samples_ = 1;  // of the newest one
  WallTime end_{};                 // of the newest sample, by the source
  MonoTime received_{};
  bool fresh_ = true;
  // Blocks in a row that were late by their number, each one more than the one before it.
  std::uint64_t late_sequence_ = 0, late_samples_ = 0;
  int late_ = 0;
  // Clock drift: samples and blocks since then.
  WallTime drift_from_{};
  double drift_samples_ = 0;
  int drift_blocks_ = 0;
};

}  // namespace lineside::gateway
