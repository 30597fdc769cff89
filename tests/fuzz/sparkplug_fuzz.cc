// Fuzz target of Sparkplug B: payloads, topics and host states, and a reader that follows an edge node of which any
// message may be anything. What it tells must obey the promises of wire/sparkplug_reader.h.
#include <cmath>
#include <string_view>

#include "fuzz.h"
#include "wire/sparkplug_reader.h"

namespace lineside::fuzz {
namespace {

using namespace lineside::wire::sparkplug;

struct Sink final : ReaderSink {
  void on_readings(std::span<const Reading> readings) override {
    require(!readings.empty());
    for (const Reading& reading : readings) {
      require(std::isfinite(reading.value) == (reading.quality != Quality::bad));
      require(reading.path.starts_with("G/E/"));
      require(reading.why.empty() == (reading.quality != Quality::bad));
    }
  }
  void on_birth(const Topic& of) override { require(of.group == "G" && of.edge_node == "E"); }
  void on_rebirth_wanted(const std::string& topic, const Bytes& payload) override {
    require(topic == "spBv1.0/G/NCMD/E" && decode(payload).has_value());
  }
};

Payload birth() {
  const auto type = [](Type of) { return static_cast<std::uint32_t>(of); };
  return {
      .timestamp_ms = 1'486'144'502'122,
      .seq = 0,
      .metrics = {{.name = "bdSeq", .alias = 1, .type = type(Type::int64), .value = std::uint64_t{0}},
                  {.name = "a/b", .alias = 2, .type = type(Type::int16), .unit = "bar", .value = std::uint32_t{0xFFFE}},
                  {.name = "c", .alias = 3, .type = type(Type::real64), .quality = kQualityStale, .value = 2.5},
                  {.name = "d", .alias = 4, .type = type(Type::string), .value = "on"}}};
}

// Messages one behind the other: the first byte chooses the topic, the second is the length of the payload.
void follow(std::span<const std::uint8_t> bytes) {
  constexpr std::array<std::string_view, 6> kTopics{"spBv1.0/G/NBIRTH/E",   "spBv1.0/G/NDATA/E",
                                                    "spBv1.0/G/DBIRTH/E/D", "spBv1.0/G/DDATA/E/D",
                                                    "spBv1.0/G/DDEATH/E/D", "spBv1.0/G/NDEATH/E"};
  Sink sink;
  Reader reader({.nodes_max = 2, .metrics_max = 20, .held_max = 4, .bytes_max = 4000}, sink);
  MonoTime now{std::chrono::hours{1}};
  reader.follow("G", "E");
  reader.connected(now);
  while (bytes.size() >= 2) {
    const std::string_view topic = kTopics[bytes[0] % kTopics.size()];
    const std::size_t length = std::min<std::size_t>(bytes[1], bytes.size() - 2);
    reader.take(topic, bytes.subspan(2, length), now, WallTime{});
    bytes = bytes.subspan(2 + length);
    now += std::chrono::milliseconds{700};
    reader.tick(now, WallTime{});
    require(reader.metrics() <= 20 && reader.bytes() <= 4000);
  }
  reader.lost_connection(WallTime{});
  reader.take(kTopics[0], encode({.seq = 0}), now, WallTime{});
  require(reader.metrics() == 0 && reader.bytes() == 0);
}

void append(Bytes& messages, std::uint8_t topic, const Payload& payload) {
  const Bytes bytes = encode(payload);
  messages.push_back(topic);
  messages.push_back(static_cast<std::uint8_t>(bytes.size()));
  messages.insert(messages.end(), bytes.begin(), bytes.end());
}

}  // namespace

std::vector<Bytes> seeds() {
  Bytes messages;
  append(messages, 0, birth());
  append(messages, 2, {.seq = 1, .metrics = {{.name = "t", .alias = 9, .type = 10, .value = 1.0}}});
  append(messages, 3, {.seq = 3, .metrics = {{.alias = 9, .value = 2.0}}});
  append(messages, 3, {.seq = 2, .metrics = {{.alias = 9, .is_historical = true, .value = 3.0}}});
  append(messages, 4, {.timestamp_ms = 5, .seq = 4});
  append(messages, 5, {.metrics = {{.name = "bdSeq", .value = std::uint64_t{0}}}});
  const std::string state = encode_state({true, 5});
  const std::string topic = "spBv1.0/G/DDATA/E/D";
  return {encode(birth()), messages, Bytes(state.begin(), state.end()), Bytes(topic.begin(), topic.end())};
}

}  // namespace lineside::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lineside;
  using namespace lineside::wire::sparkplug;
  const std::span bytes(data, size);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto payload = decode(bytes)) {
    // What was taken can be sent on and taken again.
    const auto again = decode(encode(*payload));
    fuzz::require(again.has_value() && again->metrics.size() == payload->metrics.size() && again->seq == payload->seq);
    for (const Metric& metric : payload->metrics)
      for (std::uint32_t type = 0; type < 16; ++type)
        if (const auto number = number_of(type, metric.value)) fuzz::require(std::isfinite(*number));
  }
  if (const auto topic = parse_topic(text)) fuzz::require(make_topic(*topic) == text);
  (void)decode_state(bytes);
  fuzz::follow(bytes);
  return 0;
}
