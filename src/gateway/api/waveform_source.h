#pragma once
// Where waveforms come from: MQTT, TCP and UDP streams and recordings stand behind this.
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace lineside::gateway {

// 2200-01-01: no block is from later. Sums of such a time and a duration stay within 64 bits of nanoseconds.
inline constexpr WallTime kBlockTimeMax{std::chrono::seconds{7'258'118'400}};

// Consecutive samples of all channels of one asset, as the source gives them (before sensitivity).
struct WaveformBlock {
  double rate_hz = 0;  // 0: the source does not say
  std::size_t channels = 0, samples = 0;
  std::vector<float> values;       // channel after channel; NaN where a sample is missing
  std::uint64_t sequence = 0;      // +1 from block to block, a jump means lost ones; 0: the source does not count
  WallTime first{};                // when the first sample was taken, at most kBlockTimeMax; zero: not said
  MonoTime received{};             // when the block's last byte was here
  std::uint64_t raw_bytes = 0;     // it took on its way
  std::vector<std::string> names;  // of the channels, empty: the source does not say
};

// Called on the source's thread; must return quickly and must not block (law 4).
class WaveformSink {
 public:
  virtual ~WaveformSink() = default;
  virtual void on_block(WaveformBlock block) = 0;
  // A message that is no block; why.
  virtual void on_bad_block(const std::string& why) = 0;
  // The way to the source is there, or gone and why.
  virtual void on_source(bool up, const std::string& why) = 0;
};

class WaveformSource {
 public:
  virtual ~WaveformSource() = default;  // stops and waits for its thread; no sink is called after it
  // Before start(): blocks of `topic` go to `sink`. Sources that know no topics take one sink, with topic "".
  virtual void add(const std::string& topic, WaveformSink& sink) = 0;
  // Starts its thread. A source that is not there is no error: it is told to the sinks and retried with back-off.
  virtual Result<void> start() = 0;
  // From any thread, returns at once: the destructor then has less to wait for, and several stop at the same time.
  virtual void ask_to_stop() = 0;
};

}  // namespace lineside::gateway
