#include "gateway/waveform/file_waveforms.h"

#include <algorithm>

#include "condition/recording.h"
#include "gateway/waveform/make_waveform_source.h"
#include "gateway/waveform/mqtt_waveforms.h"
#include "gateway/waveform/opcua_waveforms.h"
#include "gateway/waveform/stream_waveforms.h"

namespace lineside::gateway {

using std::chrono::milliseconds;

Result<std::unique_ptr<FileWaveforms>> FileWaveforms::create(const config::WaveformSourceSettings& settings,
                                                             double rate_hz, Clock& clock, MetricsRegistry& metrics) {
  const std::vector<std::string> inputs{settings.path};
  LINESIDE_ASSIGN(auto files, condition::list_inputs(inputs));
  return std::make_unique<FileWaveforms>(settings, std::move(files), rate_hz, clock, metrics);
}

FileWaveforms::FileWaveforms(const config::WaveformSourceSettings& settings, std::vector<std::filesystem::path> files,
                             double rate_hz, Clock& clock, MetricsRegistry& metrics)
    : settings_(settings),
      files_(std::move(files)),
      rate_hz_(rate_hz),
      clock_(clock),
      intake_(settings.name, clock, metrics) {}

FileWaveforms::~FileWaveforms() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

Result<void> FileWaveforms::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  return {};
}

void FileWaveforms::run(const std::stop_token& stop) {
  intake_.tell(true, "");
  next_ = clock_.mono();
  bool any = true;
  for (bool again = true; again && any && !stop.stop_requested(); again = settings_.loop) {
    any = false;
    for (const auto& file : files_)
      if (!stop.stop_requested()) any = play(file, stop) || any;
  }
  if (!stop.stop_requested())
    intake_.tell(false, any ? "the recordings have come to their end" : "none of the recordings can be read");
}

bool FileWaveforms::play(const std::filesystem::path& file, const std::stop_token& stop) {
  auto recording = condition::read_recording(file, {});
  if (!recording) {
    intake_.take("", std::unexpected(recording.error()));
    return false;
  }
  const double rate = recording->stated_rate_hz > 0 ? recording->stated_rate_hz : rate_hz_;
  const auto length = static_cast<std::size_t>(std::max(1.0, rate * settings_.block_ms / 1000));
  for (std::size_t first = 0; first < recording->samples() && !stop.stop_requested(); first += length) {
    WaveformBlock block{.rate_hz = rate,
                        .channels = recording->channels.size(),
                        .samples = std::min(length, recording->samples() - first),
                        .sequence = ++sequence_};
    for (const auto& channel : recording->channels)
      block.values.insert(block.values.end(), channel.begin() + static_cast<std::ptrdiff_t>(first),
                          channel.begin() + static_cast<std::ptrdiff_t>(first + block.samples));
    block.raw_bytes = block.values.size() * sizeof(float);
    if (settings_.speed > 0) {
      next_ +=
          nanoseconds{static_cast<std::int64_t>(static_cast<double>(block.samples) / rate / settings_.speed * 1e9)};
      while (!stop.stop_requested() && clock_.mono() < next_)
        clock_.sleep_until(std::min(next_, clock_.mono() + milliseconds{100}));
    }
    intake_.take("", std::move(block));
  }
  return true;
}

Result<std::unique_ptr<WaveformSource>> make_waveform_source(const config::WaveformSourceSettings& settings,
                                                             double rate_hz, Clock& clock, MetricsRegistry& metrics,
                                                             std::span<const config::AssetSettings> assets) {
  using Kind = config::WaveformSourceSettings::Kind;
  if (settings.kind == Kind::files) return FileWaveforms::create(settings, rate_hz, clock, metrics);
  if (settings.kind == Kind::mqtt) return std::make_unique<MqttWaveforms>(settings, clock, metrics);
  if (settings.kind == Kind::opcua) return std::make_unique<OpcuaWaveforms>(settings, assets, clock, metrics);
  return std::make_unique<StreamWaveforms>(settings, clock, metrics);
}

}  // namespace lineside::gateway
