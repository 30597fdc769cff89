#include "gateway/tags/make_tag_source.h"

#include "gateway/tags/file_tags.h"
#include "gateway/tags/modbus_tags.h"
#include "gateway/tags/mqtt_tags.h"
#include "gateway/tags/opcua_tags.h"
#include "gateway/tags/sparkplug_tags.h"

namespace lineside::gateway {

Result<std::unique_ptr<TagSource>> make_tag_source(const config::TagSourceSettings& settings,
                                                   std::span<const config::TagSettings> tags, Clock& clock,
                                                   MetricsRegistry& metrics) {
  using Kind = config::TagSourceSettings::Kind;
  switch (settings.kind) {
    case Kind::modbus:
      return std::make_unique<ModbusTags>(settings, tags, clock, metrics);
    case Kind::opcua:
      return std::make_unique<OpcuaTags>(settings, tags, clock, metrics);
    case Kind::mqtt:
      return MqttTags::create(settings, tags, clock, metrics);
    case Kind::file:
      return FileTags::create(settings, tags, clock, metrics);
    case Kind::sparkplug:
      return std::make_unique<SparkplugTags>(settings, tags, clock, metrics);
  }
  return fail(ErrorCode::internal, "a kind of tag source that nobody knows");
}

}  // namespace lineside::gateway
