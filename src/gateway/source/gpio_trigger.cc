#include "gateway/source/gpio_trigger.h"

#include <format>

#include "base/backoff.h"

namespace lineside::gateway {

using namespace std::chrono_literals;

GpioTrigger::GpioTrigger(std::unique_ptr<EdgeLine> line, nanoseconds debounce, const std::string& station,
                         MetricsRegistry& metrics)
    : line_(std::move(line)),
      debounce_(debounce),
      station_(station),
      edges_(metrics.counter("lineside_trigger_edges_total", "Edges of the trigger input", {{"station", station}})),
      bounces_(metrics.counter("lineside_trigger_bounces_total", "Edges within the debounce time, not items",
                               {{"station", station}})),
      lost_(metrics.counter("lineside_trigger_lost_total", "Edges that the kernel's queue could not hold",
                            {{"station", station}})) {}

GpioTrigger::~GpioTrigger() { stop(); }

Result<void> GpioTrigger::start(TriggerSink& sink) {
  stop();
  LINESIDE_TRY(line_->open());
  sink_ = &sink;
  last_trigger_ = {};
  last_sequence_ = 0;
  thread_ = std::jthread([this](const std::stop_token& stop_token) { run(stop_token); });
  return {};
}

void GpioTrigger::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void GpioTrigger::run(const std::stop_token& stop) {
  std::vector<Edge> edges;
  edges.reserve(64);
  while (!stop.stop_requested()) {
    if (const auto waited = line_->wait(100ms, edges); !waited) {
      limiter_.log(LogLevel::error, "trigger", waited.error().message, {{"station", station_}});
      sink_->on_trigger_lost(waited.error());
      if (!reopen(stop)) return;
      continue;
    }
    for (const Edge& edge : edges) handle(edge);
  }
}

void GpioTrigger::handle(const Edge& edge) {
  edges_.add();
  if (last_sequence_ != 0 && edge.sequence > last_sequence_ + 1) {
    const auto missing = edge.sequence - last_sequence_ - 1;
    lost_.add(missing);
    Error error{ErrorCode::limit_reached,
                std::format("station '{}': {} trigger edges came faster than they were read", station_, missing)};
    limiter_.log(LogLevel::error, "trigger", error.message, {{"station", station_}});
    sink_->on_trigger_lost(error);
  }
  last_sequence_ = edge.sequence;
  if (last_trigger_ != MonoTime{} && edge.time - last_trigger_ < debounce_) return bounces_.add();
  last_trigger_ = edge.time;
  sink_->on_trigger(edge.time);
}

bool GpioTrigger::reopen(const std::stop_token& stop) {
  last_sequence_ = 0;
  while (!wait_or_stop(stop, 1s)) {
    if (const auto opened = line_->open()) {
      limiter_.log(LogLevel::info, "trigger", "the trigger input is back", {{"station", station_}});
      return true;
    }
  }
  return false;
}

}  // namespace lineside::gateway
