#include "gateway/waveform/opcua_waveforms.h"

#include <algorithm>
#include <cmath>
#include <format>

#include "gateway/waveform/block_format.h"

namespace lineside::gateway {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kBadWaitingForInitialData = 0x8032'0000U;
// Less than a sensor's fault needs to end, so that a missing node is one fault and not many.
constexpr milliseconds kRetryItems{5000};
constexpr std::uint32_t kKeepAlive = 10;
constexpr double kApartSamples = 2;

nanoseconds time_of(double samples, double rate_hz) {
  return nanoseconds{static_cast<std::int64_t>(std::clamp(samples / rate_hz * 1e9, -9e18, 9e18))};
}

std::size_t width_of(std::string_view type) {
  if (type == "Double" || type == "Int64" || type == "UInt64") return 8;
  if (type == "Int16" || type == "UInt16") return 2;
  if (type == "Byte" || type == "SByte" || type == "Boolean") return 1;
  return 4;
}

// The server's time where the source has none; zero where neither makes sense.
WallTime stamp_of(const opcua::DataValue& value) {
  const WallTime time = value.source_time != WallTime{} ? value.source_time : value.server_time;
  return time > kBlockTimeMax ? WallTime{} : time;
}

}  // namespace

OpcuaWaveforms::OpcuaWaveforms(const config::WaveformSourceSettings& settings,
                               std::span<const config::AssetSettings> assets, Clock& clock, MetricsRegistry& metrics)
    : settings_(settings), intake_(settings.name, clock, metrics) {
  const auto watch = [this](const std::string& node, std::size_t channel, std::string what) {
    nodes_.push_back({machines_.size() - 1, channel, std::move(what), {}, false});
    items_.push_back({.node = node,
                      .sampling = settings_.opcua.sampling,
                      .queue = static_cast<std::uint32_t>(settings_.opcua.queue),
                      .each_time = true});
  };
  for (const auto& asset : assets) {
    if (asset.source != settings.name) continue;
    const bool interleaved = !asset.node.empty();
    machines_.push_back({asset.name, asset.rate_hz, asset.channels.size(), interleaved,
                         ChannelJoiner(asset.channels.size(), time_of(kApartSamples, asset.rate_hz))});
    if (interleaved) watch(asset.node, 0, asset.node);
    for (std::size_t c = 0; !interleaved && c < asset.channels.size(); ++c)
      watch(asset.channels[c].node, c, std::format("{} (channel {})", asset.channels[c].node, asset.channels[c].name));
  }
}

OpcuaWaveforms::~OpcuaWaveforms() { session_.reset(); }

Result<void> OpcuaWaveforms::start() {
  opcua::SessionOptions options;
  options.server = settings_.opcua.server;
  options.publishing = {.interval = settings_.opcua.publishing, .keep_alive = kKeepAlive};
  options.reconnect_min = settings_.reconnect_min;
  options.reconnect_max = settings_.reconnect_max;
  options.retry_items = kRetryItems;
  LINESIDE_ASSIGN(session_, opcua::Session::start(options, items_, *this));
  return {};
}

void OpcuaWaveforms::ask_to_stop() {
  if (session_ != nullptr) session_->ask_to_stop();
}

void OpcuaWaveforms::on_connected() { intake_.tell(true, ""); }

void OpcuaWaveforms::on_disconnected(const Error& why) {
  for (Node& node : nodes_) node.repeated = true;
  for (Machine& machine : machines_) machine.joiner.clear();
  intake_.tell(false, std::format("the OPC UA server of '{}': {}", settings_.name, why.message));
}

void OpcuaWaveforms::on_item_error(std::size_t item, const std::string& why) { bad(nodes_[item], why); }

void OpcuaWaveforms::bad(const Node& node, const std::string& why) {
  intake_.take(machines_[node.machine].name, fail(ErrorCode::wire_invalid, why));
}

void OpcuaWaveforms::on_value(std::size_t item, const opcua::DataValue& value) {
  Node& node = nodes_[item];
  Machine& machine = machines_[node.machine];
  const WallTime time = stamp_of(value);
  const bool again = std::exchange(node.repeated, false) && time == node.last;
  if (again || value.status == kBadWaitingForInitialData) return;
  node.last = time;
  if (!value.good()) return bad(node, std::format("{}: {}", node.what, opcua::status_name(value.status)));
  if (value.overflow)
    bad(node, std::format("{}: the server's queue overflowed, arrays are lost (queue, publishing_ms)", node.what));
  auto arrays = split(machine, value, time);
  if (!arrays) return bad(node, std::format("{}: {}", node.what, arrays.error().message));
  if (machine.interleaved) return pass_on(machine, *arrays);
  machine.joiner.add(node.channel, std::move(arrays->front()));
  while (const auto block = machine.joiner.next()) pass_on(machine, *block);
  if (const std::size_t unmatched = machine.joiner.take_unmatched(); unmatched > 0)
    bad(node, std::format("{} arrays have no array of the same time in every other channel", unmatched));
}

Result<std::vector<ChannelArray>> OpcuaWaveforms::split(const Machine& machine, const opcua::DataValue& value,
                                                        WallTime time) const {
  const auto nonsense = [](std::string why) { return fail(ErrorCode::wire_invalid, std::move(why)); };
  if (value.numbers.empty())
    return nonsense(value.type.empty()
                        ? "has no value"
                        : std::format("is {} {}, not numbers", value.array ? "an array of" : "a", value.type));
  const std::size_t channels = machine.interleaved ? machine.channels : 1, count = value.numbers.size();
  if (count % channels != 0) return nonsense(std::format("{} numbers are not those of {} channels", count, channels));
  const std::size_t samples = count / channels;
  if (samples > kBlockSamplesMax)
    return nonsense(std::format("{} samples are more than {}", samples, kBlockSamplesMax));
  // A matrix may hold channel after channel instead.
  const auto& size = value.dimensions;
  const bool rows_are_channels = size.size() == 2 && size[0] == channels && size[1] != channels;
  const std::size_t sample_step = rows_are_channels ? 1 : channels, channel_step = rows_are_channels ? samples : 1;
  std::vector<ChannelArray> arrays(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    arrays[c].time = time;
    arrays[c].samples.resize(samples);
    for (std::size_t i = 0; i < samples; ++i) arrays[c].samples[i] = value.numbers[c * channel_step + i * sample_step];
  }
  arrays[0].bytes = count * width_of(value.type);
  return arrays;
}

void OpcuaWaveforms::pass_on(const Machine& machine, const std::vector<ChannelArray>& arrays) {
  WaveformBlock block;
  block.channels = arrays.size();
  block.samples = arrays.front().samples.size();
  block.values.reserve(block.channels * block.samples);
  for (const ChannelArray& array : arrays) {
    if (array.samples.size() != block.samples)
      return intake_.take(machine.name,
                          fail(ErrorCode::wire_invalid, std::format("arrays of the same time have {} and {} samples",
                                                                    block.samples, array.samples.size())));
    block.raw_bytes += array.bytes;
    for (const double sample : array.samples) block.values.push_back(static_cast<float>(sample));
  }
  block.first = arrays.front().time;
  const bool last = settings_.opcua.stamp == config::OpcuaSettings::Stamp::last_sample;
  if (last && block.first != WallTime{})
    block.first -= time_of(static_cast<double>(block.samples) - 1, machine.rate_hz);
  if (block.first < WallTime{}) block.first = {};
  intake_.take(machine.name, std::move(block));
}

}  // namespace lineside::gateway
