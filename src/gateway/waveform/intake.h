#pragma once
// What all sources share: from bytes to a block in the right sink, counted.
#include <map>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "gateway/api/waveform_source.h"

namespace lineside::gateway {

class Intake {
 public:
  Intake(const std::string& source, Clock& clock, MetricsRegistry& metrics)
      : clock_(clock),
        blocks_(
            metrics.counter("lineside_waveform_blocks_total", "Blocks of waveforms taken in.", {{"source", source}})),
        bad_(metrics.counter("lineside_waveform_bad_blocks_total", "Messages that are no block of waveforms.",
                             {{"source", source}})),
        bytes_(metrics.counter("lineside_waveform_bytes_total", "Bytes of blocks taken in.", {{"source", source}})),
        connects_(metrics.counter("lineside_waveform_connects_total", "Times the source was reached.",
                                  {{"source", source}})) {}

  void add(const std::string& topic, WaveformSink& sink) { sinks_[topic] = &sink; }
  const std::map<std::string, WaveformSink*>& sinks() const { return sinks_; }

  void take(const std::string& topic, Result<WaveformBlock> block) {
    const auto sink = sinks_.find(topic);
    if (!block || sink == sinks_.end()) {
      bad_.add();
      if (sink != sinks_.end()) sink->second->on_bad_block(block.error().message);
      return;
    }
    blocks_.add();
    bytes_.add(block->raw_bytes);
    block->received = clock_.mono();
    sink->second->on_block(std::move(*block));
  }

  void tell(bool up, const std::string& why) {
    if (up) connects_.add();
    for (const auto& [topic, sink] : sinks_) sink->on_source(up, why);
  }

 private:
  Clock& clock_;
  Counter &blocks_, &bad_, &bytes_, &connects_;
  std::map<std::string, WaveformSink*> sinks_;
};

}  // namespace lineside::gateway
