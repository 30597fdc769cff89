#include <gpiod.h>

#include <cerrno>
#include <cstring>
#include <format>

#include "base/owned.h"
#include "gateway/act/output_line.h"

namespace lineside::gateway {
namespace {

class GpiodOutputLine final : public OutputLine {
 public:
  explicit GpiodOutputLine(const config::ActuatorSettings& settings) : settings_(settings) {}
  ~GpiodOutputLine() override {
    if (request_) static_cast<void>(set(false));
  }

  Result<void> open() override {
    request_.reset();
    const std::string path = settings_.chip.starts_with('/') ? settings_.chip : "/dev/" + settings_.chip;
    const Owned<gpiod_chip, gpiod_chip_close> chip(gpiod_chip_open(path.c_str()));
    if (!chip) return failed(std::format("{} can't be opened", path));
    const Owned<gpiod_line_settings, gpiod_line_settings_free> line(gpiod_line_settings_new());
    const Owned<gpiod_line_config, gpiod_line_config_free> lines(gpiod_line_config_new());
    const Owned<gpiod_request_config, gpiod_request_config_free> request(gpiod_request_config_new());
    if (!line || !lines || !request) return failed("no memory");
    gpiod_line_settings_set_direction(line.get(), GPIOD_LINE_DIRECTION_OUTPUT);
    gpiod_line_settings_set_active_low(line.get(), settings_.active_low);
    gpiod_line_settings_set_output_value(line.get(), GPIOD_LINE_VALUE_INACTIVE);
    gpiod_request_config_set_consumer(request.get(), "lineside rejector");
    if (gpiod_line_config_add_line_settings(lines.get(), &offset_, 1, line.get()) != 0)
      return failed("its settings are refused");
    request_.reset(gpiod_chip_request_lines(chip.get(), request.get(), lines.get()));
    if (!request_) return failed("it can't be claimed");
    return {};
  }

  Result<void> set(bool on) override {
    if (!request_) return fail(ErrorCode::actuator_unreachable, where() + " has not been claimed");
    if (gpiod_line_request_set_value(request_.get(), offset_,
                                     on ? GPIOD_LINE_VALUE_ACTIVE : GPIOD_LINE_VALUE_INACTIVE) != 0)
      return failed("it can't be switched");
    return {};
  }

  Result<bool> get() override {
    if (!request_) return fail(ErrorCode::actuator_unreachable, where() + " has not been claimed");
    const gpiod_line_value value = gpiod_line_request_get_value(request_.get(), offset_);
    if (value == GPIOD_LINE_VALUE_ERROR) return failed("it can't be read");
    return value == GPIOD_LINE_VALUE_ACTIVE;
  }

 private:
  std::string where() const { return std::format("output line {} of {}", settings_.line, settings_.chip); }
  std::unexpected<Error> failed(const std::string& what) const {
    return fail(ErrorCode::actuator_unreachable, std::format("{}: {}: {}", where(), what, std::strerror(errno)));
  }

  const config::ActuatorSettings settings_;
  const unsigned offset_ = static_cast<unsigned>(settings_.line);
  Owned<gpiod_line_request, gpiod_line_request_release> request_;
};

}  // namespace

std::unique_ptr<OutputLine> make_gpiod_output_line(const config::ActuatorSettings& settings) {
  return std::make_unique<GpiodOutputLine>(settings);
}

}  // namespace lineside::gateway
