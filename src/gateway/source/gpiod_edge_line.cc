#include <gpiod.h>

#include <cerrno>
#include <cstring>
#include <format>

#include "base/owned.h"
#include "gateway/source/edge_line.h"

namespace lineside::gateway {
namespace {

constexpr std::size_t kEventBuffer = 64;

using Chip = Owned<gpiod_chip, gpiod_chip_close>;
using Settings = Owned<gpiod_line_settings, gpiod_line_settings_free>;
using LineConfig = Owned<gpiod_line_config, gpiod_line_config_free>;
using RequestConfig = Owned<gpiod_request_config, gpiod_request_config_free>;
using Request = Owned<gpiod_line_request, gpiod_line_request_release>;
using EventBuffer = Owned<gpiod_edge_event_buffer, gpiod_edge_event_buffer_free>;

class GpiodEdgeLine final : public EdgeLine {
 public:
  GpiodEdgeLine(const config::TriggerSettings& settings, std::string consumer)
      : settings_(settings), consumer_(std::move(consumer)) {}

  Result<void> open() override {
    request_.reset();
    const std::string path = settings_.chip.starts_with('/') ? settings_.chip : "/dev/" + settings_.chip;
    const Chip chip(gpiod_chip_open(path.c_str()));
    if (!chip) return failed(std::format("{} can't be opened", path));
    const Settings line(gpiod_line_settings_new());
    const LineConfig lines(gpiod_line_config_new());
    const RequestConfig request(gpiod_request_config_new());
    buffer_.reset(gpiod_edge_event_buffer_new(kEventBuffer));
    if (!line || !lines || !request || !buffer_) return failed("no memory");
    const auto offset = static_cast<unsigned>(settings_.line);
    const bool rising = settings_.edge == config::TriggerSettings::Edge::rising;
    gpiod_line_settings_set_direction(line.get(), GPIOD_LINE_DIRECTION_INPUT);
    gpiod_line_settings_set_edge_detection(line.get(), rising ? GPIOD_LINE_EDGE_RISING : GPIOD_LINE_EDGE_FALLING);
    gpiod_line_settings_set_event_clock(line.get(), GPIOD_LINE_CLOCK_MONOTONIC);
    gpiod_request_config_set_consumer(request.get(), consumer_.c_str());
    gpiod_request_config_set_event_buffer_size(request.get(), 4 * kEventBuffer);
    if (gpiod_line_config_add_line_settings(lines.get(), &offset, 1, line.get()) != 0)
      return failed("its settings are refused");
    request_.reset(gpiod_chip_request_lines(chip.get(), request.get(), lines.get()));
    if (!request_) return failed(std::format("line {} of {} can't be claimed", settings_.line, path));
    return {};
  }

  Result<void> wait(nanoseconds wait_max, std::vector<Edge>& edges) override {
    edges.clear();
    const int ready = gpiod_line_request_wait_edge_events(request_.get(), wait_max.count());
    if (ready == 0 || (ready < 0 && errno == EINTR)) return {};
    if (ready < 0) return failed("waiting for edges fails");
    const int count = gpiod_line_request_read_edge_events(request_.get(), buffer_.get(), kEventBuffer);
    if (count < 0) return failed("reading edges fails");
    for (int i = 0; i < count; ++i) {
      gpiod_edge_event* event = gpiod_edge_event_buffer_get_event(buffer_.get(), static_cast<unsigned long>(i));
      edges.push_back({MonoTime{nanoseconds{static_cast<std::int64_t>(gpiod_edge_event_get_timestamp_ns(event))}},
                       gpiod_edge_event_get_line_seqno(event)});
    }
    return {};
  }

 private:
  std::unexpected<Error> failed(const std::string& what) const {
    return fail(ErrorCode::trigger_unavailable, std::format("trigger line {} of {}: {}: {}", settings_.line,
                                                            settings_.chip, what, std::strerror(errno)));
  }

  const config::TriggerSettings settings_;
  const std::string consumer_;
  Request request_;
  EventBuffer buffer_;
};

}  // namespace

std::unique_ptr<EdgeLine> make_gpiod_edge_line(const config::TriggerSettings& settings, const std::string& consumer) {
  return std::make_unique<GpiodEdgeLine>(settings, consumer);
}

}  // namespace lineside::gateway
