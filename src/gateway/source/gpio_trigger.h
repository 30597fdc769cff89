#pragma once
// Item triggers from a GPIO line. The first edge is the trigger, with the kernel's time stamp; edges within the
// debounce time after it are bounces and counted. (The kernel's own debouncing would delay the stamp by the debounce
// time.)
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "base/log.h"
#include "base/metrics.h"
#include "config/gateway_settings.h"
#include "gateway/api/trigger_source.h"
#include "gateway/source/edge_line.h"

namespace lineside::gateway {

// One thread waits for edges and calls the sink. A line that fails later is reported once by on_trigger_lost() and
// claimed again every second; edges that the kernel's queue could not hold are reported by on_trigger_lost() as well.
class GpioTrigger final : public TriggerSource {
 public:
  GpioTrigger(std::unique_ptr<EdgeLine> line, nanoseconds debounce, const std::string& station,
              MetricsRegistry& metrics);
  ~GpioTrigger() override;
  Result<void> start(TriggerSink& sink) override;
  void stop() override;

 private:
  void run(const std::stop_token& stop);
  void handle(const Edge& edge);
  bool reopen(const std::stop_token& stop);

  const std::unique_ptr<EdgeLine> line_;
  const nanoseconds debounce_;
  const std::string station_;
  Counter& edges_;
  Counter& bounces_;
  Counter& lost_;
  LogLimiter limiter_;
  TriggerSink* sink_ = nullptr;
  MonoTime last_trigger_{};
  std::uint64_t last_sequence_ = 0;  // 0: none yet; the kernel counts from 1
  std::jthread thread_;
};

}  // namespace lineside::gateway
