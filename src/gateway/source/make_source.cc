#include "gateway/source/make_source.h"

#include "gateway/source/camera_pipeline.h"
#include "gateway/source/camera_source.h"
#include "gateway/source/folder_source.h"
#include "gateway/source/gpio_trigger.h"

namespace lineside::gateway {

Result<std::unique_ptr<FrameSource>> make_frame_source(const config::CameraSettings& settings, Clock& clock,
                                                       MetricsRegistry& metrics) {
  if (settings.kind == config::CameraSettings::Kind::folder) return FolderSource::create(settings, clock, metrics);
  LINESIDE_TRY(check_gstreamer(settings));
  return std::make_unique<CameraSource>(settings, clock, metrics);
}

Result<std::unique_ptr<TriggerSource>> make_trigger_source(const config::TriggerSettings& settings,
                                                           const std::string& station, Clock&,
                                                           MetricsRegistry& metrics) {
  if (settings.kind == config::TriggerSettings::Kind::every_frame) return nullptr;
  return std::make_unique<GpioTrigger>(make_gpiod_edge_line(settings, "lineside:" + station), settings.debounce,
                                       station, metrics);
}

}  // namespace lineside::gateway
