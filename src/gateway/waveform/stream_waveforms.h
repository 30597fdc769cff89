#pragma once
// Blocks over a raw stream: from a TCP server that sends one block after the other, or as UDP datagrams.
#include <thread>

#include "base/host_names.h"
#include "config/asset_settings.h"
#include "gateway/waveform/intake.h"

namespace lineside::gateway {

// Owns its thread, which hears of a stop within 0.2 s, also while it connects or the name server does not answer. Every
// address of the host is tried, each for 5 s at most. Nobody is authenticated: docs/waveforms.md. A TCP stream that is
// no longer a row of blocks is closed and opened again: there is no way to find the next one in it.
class StreamWaveforms final : public WaveformSource {
 public:
  StreamWaveforms(const config::WaveformSourceSettings& settings, Clock& clock, MetricsRegistry& metrics,
                  HostNames::Lookup lookup = look_up_host);
  ~StreamWaveforms() override;
  void add(const std::string&, WaveformSink& sink) override { intake_.add("", sink); }
  Result<void> start() override;
  void ask_to_stop() override { thread_.request_stop(); }

 private:
  void run(const std::stop_token& stop);
  // A connected or bound socket. Errors: broker_unreachable (of the last address that was tried), cancelled.
  Result<int> open(const std::stop_token& stop);
  Result<int> open_at(const std::string& address, const std::stop_token& stop) const;
  // Until the stream ends or stops making sense: why.
  std::string read_blocks(int socket, const std::stop_token& stop);
  std::string read_datagrams(int socket, const std::stop_token& stop);

  const config::WaveformSourceSettings settings_;
  Intake intake_;
  HostNames host_;
  std::jthread thread_;
};

}  // namespace lineside::gateway
