#pragma once
// Arrays of an OPC UA server as blocks: one array with all channels of an asset, or one for each channel. A topic is an
// asset's name.
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/asset_settings.h"
#include "gateway/waveform/channel_joiner.h"
#include "gateway/waveform/intake.h"
#include "opcua/session.h"

namespace lineside::gateway {

// One session for all assets of the source; the values come on its thread. A value of bad or uncertain status, of
// another type than numbers, or lost in the server's queue is a bad block. The value that a server repeats after a
// reconnection is left out.
class OpcuaWaveforms final : public WaveformSource, private opcua::Handler {
 public:
  // `assets`: of which those that name this source are taken.
  OpcuaWaveforms(const config::WaveformSourceSettings& settings, std::span<const config::AssetSettings> assets,
                 Clock& clock, MetricsRegistry& metrics);
  ~OpcuaWaveforms() override;
  void add(const std::string& topic, WaveformSink& sink) override { intake_.add(topic, sink); }
  // Errors: those of opcua::Session::start.
  Result<void> start() override;
  void ask_to_stop() override;

 private:
  struct Machine {
    std::string name;
    double rate_hz = 0;
    std::size_t channels = 0;
    bool interleaved = false;
    ChannelJoiner joiner;  // without `interleaved`
  };
  struct Node {
    std::size_t machine = 0, channel = 0;
    std::string what;  // for people
    WallTime last{};
    bool repeated = false;  // the next value may be the last one again
  };

  void on_value(std::size_t item, const opcua::DataValue& value) override;
  void on_item_error(std::size_t item, const std::string& why) override;
  void on_connected() override;
  void on_disconnected(const Error& why) override;

  Result<std::vector<ChannelArray>> split(const Machine& machine, const opcua::DataValue& value, WallTime time) const;
  void pass_on(const Machine& machine, const std::vector<ChannelArray>& arrays);
  void bad(const Node& node, const std::string& why);

  const config::WaveformSourceSettings settings_;
  Intake intake_;
  std::vector<Machine> machines_;
  std::vector<Node> nodes_;  // by item
  std::vector<opcua::Item> items_;
  std::unique_ptr<opcua::Session> session_;
};

}  // namespace lineside::gateway
