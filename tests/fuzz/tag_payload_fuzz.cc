// Fuzz target of MQTT messages of tags: whatever comes, a reading is a finite number with a quality, or says why it is
// none.
#include <cmath>

#include "fuzz.h"
#include "gateway/tags/mqtt_payload.h"

namespace lineside::fuzz {
namespace {

using namespace lineside::gateway;

const std::vector<PayloadReader>& readers() {
  static const std::vector<PayloadReader> all = [] {
    std::vector<PayloadReader> made;
    for (const char* value : {"", "/v", "/a/0/b~1c", "/"})
      for (const auto unit : {config::MqttTagSettings::TimeUnit::s, config::MqttTagSettings::TimeUnit::ns}) {
        config::MqttTagSettings settings{.topic = "t", .value = value, .time = "/t", .time_unit = unit};
        settings.quality = unit == config::MqttTagSettings::TimeUnit::s ? "/q" : "";
        settings.optional = unit == config::MqttTagSettings::TimeUnit::ns;
        made.push_back(PayloadReader::create(settings).value());
      }
    return made;
  }();
  return all;
}

Bytes bytes(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace

std::vector<Bytes> seeds() {
  return {bytes("21.5"),
          bytes("-3e2"),
          bytes("true"),
          bytes(R"({"v": 21.5, "t": 1700000000000, "q": "good"})"),
          bytes(R"({"v": "21.5", "t": "2026-11-22T15:04:05.123+01:00", "q": 192})"),
          bytes(R"({"a": [{"b/c": -1e-3}], "t": 1700000000.25, "q": true})"),
          bytes(R"({"": 7, "v": null, "t": {}, "q": []})"),
          bytes(R"([{"v": 1}, "é😀"])")};
}

}  // namespace lineside::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lineside;
  using Kind = gateway::PayloadReading::Kind;
  const gateway::Payload payload({data, size});
  for (const auto& reader : fuzz::readers()) {
    const gateway::PayloadReading reading = reader.read(payload);
    fuzz::require(reading.time >= WallTime{});
    if (reading.kind == Kind::value)
      fuzz::require(std::isfinite(reading.value) && reading.quality != Quality::bad);
    else
      fuzz::require(reading.quality == Quality::bad && (reading.kind == Kind::absent) == reading.why.empty());
    fuzz::require(reading.why.size() < 200);
  }
  return 0;
}
