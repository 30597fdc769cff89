#pragma once
// Blocks over a raw stream: from a TCP server that sends one block after the other, or as UDP datagrams.
#include <memory>
#include <thread>

#include "config/asset_settings.h"
#include "gateway/waveform/intake.h"

namespace lineside::gateway {

// Owns its thread. A TCP stream that is no longer a row of blocks is closed and opened again: there is no way to find
// the next one in it.
class StreamWaveforms final : public WaveformSource {
 public:
  StreamWaveforms(const config::WaveformSourceSettings& settings, Clock& clock, MetricsRegistry& metrics);
  ~StreamWaveforms() override;
  void add(const std::string&, WaveformSink& sink) override { intake_.add("", sink); }
  Result<void> start() override;

 private:
  void run(const std::stop_token& stop);
  Result<int> open() const;  // a connected or bound socket
  // Until the stream ends or stops making sense: why.
  std::string read_blocks(int socket, const std::stop_token& stop);
  std::string read_datagrams(int socket, const std::stop_token& stop);

  const config::WaveformSourceSettings settings_;
  Intake intake_;
  std::jthread thread_;
};

}  // namespace lineside::gateway
