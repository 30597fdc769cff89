#include "config/tag_schema.h"

#include <map>
#include <string_view>

#include "config/broker_table.h"
#include "config/opcua_table.h"

namespace lineside::config {
namespace {

constexpr double kHourMs = 3'600'000, kTimeoutMsMax = 10'000, kAny = 1e300;

Table<TagSourceSettings>& add_modbus(Table<TagSourceSettings>& table) {
  using Source = TagSourceSettings;
  using Parity = TagSourceSettings::Parity;
  return table
      .text("device", &Source::device, TextRule::any,
            "modbus: serial device of an RTU line, as /dev/ttyUSB0; empty: Modbus TCP.")
      .integer("baud", &Source::baud, "Bd", 300, 4'000'000, "modbus RTU: speed of the line.")
      .choice("parity", &Source::parity, {{"even", Parity::even}, {"odd", Parity::odd}, {"none", Parity::none}},
              "modbus RTU: parity.")
      .integer("stop_bits", &Source::stop_bits, "", 0, 2,
               "modbus RTU: 0 is what the standard says, 1 with parity and 2 without; many devices want 1 always.")
      .milliseconds("period_ms", &Source::period, 10, 24 * kHourMs,
                    "modbus: between two polls of every register. file: between two rows of a recording without times.")
      .milliseconds("timeout_ms", &Source::timeout, 10, kTimeoutMsMax, "modbus: how long a device may take to answer.")
      .milliseconds("pause_ms", &Source::pause, 0, kTimeoutMsMax,
                    "modbus: between an answer and the next request, for devices that need it. RTU lines have their "
                    "3.5 characters of silence anyway.")
      .integer("gap_max", &Source::gap_max, "registers", 0, 120,
               "modbus: so many registers (or as many times 16 bits) that no tag asked for may lie between two that "
               "are read together; 0: none.")
      .integer("registers_max", &Source::registers_max, "registers", 4, 125,
               "modbus: the most in one request (of coils 16 times as many), for devices that take fewer than the "
               "standard's 125.");
}

Table<TagSourceSettings>& add_file(Table<TagSourceSettings>& table) {
  using Source = TagSourceSettings;
  using Times = TagSourceSettings::Times;
  return table.text("path", &Source::path, TextRule::path, "file: a recording, CSV or CSV.gz.")
      .text("time_column", &Source::time_column, TextRule::any, "file: its column of times; empty: found by itself.")
      .number("speed", &Source::speed, "", 0.001, 1e5, "file: times real speed.")
      .flag("loop", &Source::loop, "file: start again after the last row.")
      .choice("times", &Source::times, {{"now", Times::now}, {"recorded", Times::recorded}},
              "file: source times as if it happened now, or as recorded.");
}

Table<TagSourceSettings> tag_source_table() {
  using Source = TagSourceSettings;
  using Kind = TagSourceSettings::Kind;
  Table<Source> table("A source of tags");
  table.text("name", &Source::name, TextRule::name, "What tags call it.")
      .required()
      .choice("kind", &Source::kind,
              {{"modbus", Kind::modbus},
               {"opcua", Kind::opcua},
               {"mqtt", Kind::mqtt},
               {"file", Kind::file},
               {"sparkplug", Kind::sparkplug}},
              "Modbus TCP or RTU devices, an OPC UA server, an MQTT broker, a recording as a replay, or Sparkplug B "
              "edge nodes at an MQTT broker.")
      .required()
      .beside("", &Source::at,
              broker_table(Source{}.at, {.of_kind = "mqtt, sparkplug: ",
                                         .host = "modbus, mqtt, sparkplug: host name or address.",
                                         .port = "modbus, mqtt, sparkplug: TCP port; not set: 502, 1883, or 8883 with "
                                                 "TLS.",
                                         .without_tls = "Without it the broker must be on this machine, or `plain` "
                                                        "set.",
                                         .certificate = "certificate for this broker (PEM)."}))
      .flag("plain", &Source::plain,
            "mqtt, sparkplug: allow a broker on another machine without TLS. Whoever is on that network can then make "
            "up values.")
      .integer("message_bytes_max", &Source::message_bytes_max, "bytes", 16, 32e6,
               "mqtt, sparkplug: longer messages are left out, counted. A Sparkplug birth has all metrics of a device, "
               "about 60 bytes and the name's length for each.")
      .object("opcua", &Source::opcua,
              opcua_table({.title = "An OPC UA server of tags", .defaults = Source{}.opcua, .arrays = false}),
              "opcua: the server.");
  add_file(add_modbus(table))
      .milliseconds("reorder_timeout_ms", &Source::reorder_timeout, 0, 60'000,
                    "sparkplug: how long a message that others have overtaken may take; then it is missing, and all "
                    "of its edge node is bad until it is born again. 0: the broker keeps the order.")
      .flag("ask_for_rebirth", &Source::ask_for_rebirth,
            "sparkplug: ask edge nodes for their births where they are needed. Else they are waited for, and what is "
            "rarely born stays unknown.")
      .milliseconds("reconnect_min_ms", &Source::reconnect_min, 10, kHourMs,
                    "Wait before the first attempt to reach a source (or a silent Modbus unit) again; doubles with "
                    "each failure.")
      .milliseconds("reconnect_max_ms", &Source::reconnect_max, 10, kHourMs, "Longest wait between attempts.");
  return table;
}

Table<ModbusTagSettings> modbus_tag_table() {
  using Tag = ModbusTagSettings;
  using Area = ModbusTagSettings::Area;
  using Type = ModbusTagSettings::Type;
  return Table<Tag>("A tag's registers")
      .integer("unit", &Tag::unit, "", 0, 255, "Unit identifier of the device, on a serial line 1 to 247.")
      .choice("area", &Tag::area,
              {{"holding", Area::holding}, {"input", Area::input}, {"coil", Area::coil}, {"discrete", Area::discrete}},
              "Holding registers (4xxxx), input registers (3xxxx), coils (0xxxx) or discrete inputs (1xxxx).")
      .integer("address", &Tag::address, "", 0, 65'535,
               "The first register's address, from 0 as on the wire: a manual's 40101 is holding 100.")
      .required()
      .choice("type", &Tag::type,
              {{"uint16", Type::uint16},
               {"int16", Type::int16},
               {"uint32", Type::uint32},
               {"int32", Type::int32},
               {"uint64", Type::uint64},
               {"int64", Type::int64},
               {"float32", Type::float32},
               {"float64", Type::float64}},
              "What the registers hold, of 1, 2 or 4 registers. Whole numbers beyond 2^53 are rounded.")
      .flag("swap_words", &Tag::swap_words, "The low register comes first.")
      .flag("swap_bytes", &Tag::swap_bytes, "The low byte comes first in each register.")
      .integer("bit", &Tag::bit, "", -1, 15, "One bit of a uint16 register, 0 is the lowest; -1: the whole register.");
}

Table<MqttTagSettings> mqtt_tag_table() {
  using Tag = MqttTagSettings;
  using Unit = MqttTagSettings::TimeUnit;
  return Table<Tag>("A tag's messages")
      .text("topic", &Tag::topic, TextRule::any, "Topic, or a filter with + and #.")
      .required()
      .text("value", &Tag::value, TextRule::any,
            "JSON Pointer to the value, as /sensors/0/temperature; empty: the whole message is the number.")
      .text("time", &Tag::time, TextRule::any,
            "JSON Pointer to the time of measurement, a number since 1970 or ISO 8601; empty: time of receipt.")
      .choice("time_unit", &Tag::time_unit, {{"s", Unit::s}, {"ms", Unit::ms}, {"us", Unit::us}, {"ns", Unit::ns}},
              "Of a time that is a number.")
      .text("quality", &Tag::quality, TextRule::any,
            "JSON Pointer to the quality: good, uncertain or bad, true or false, or a number as in OPC (192 and above "
            "is good, 64 and above uncertain); empty: always good.")
      .flag("optional", &Tag::optional, "A message without the value is no fault: others of the topic have it.");
}

Table<OpcuaTagSettings> opcua_tag_table() {
  using Tag = OpcuaTagSettings;
  return Table<Tag>("A tag's node")
      .text("node", &Tag::node, TextRule::any,
            "`ns=2;s=Boiler.Feed.T`, `ns=3;i=1001`; `lineside opcua browse` lists them.")
      .required()
      .integer("element", &Tag::element, "", -1, 1e6, "Element of an array, from 0; -1: the value is no array.")
      .number("deadband", &Tag::deadband, "", 0, kAny,
              "The server keeps changes of no more than this to itself, before scale; 0: sends each.");
}

Table<SparkplugTagSettings> sparkplug_tag_table() {
  using Tag = SparkplugTagSettings;
  return Table<Tag>("A tag's metric")
      .text("group", &Tag::group, TextRule::any, "Group id.")
      .required()
      .text("edge_node", &Tag::edge_node, TextRule::any, "Edge node id.")
      .required()
      .text("device", &Tag::device, TextRule::any, "Device id; empty: a metric of the edge node itself.")
      .text("metric", &Tag::metric, TextRule::any, "The metric's name, as in the birth.")
      .required();
}

Table<TagSettings>& add_filter(Table<TagSettings>& table) {
  using Tag = TagSettings;
  return table
      .tolerance("max_error", &Tag::max_error, &Tag::max_error_of_span,
                 "The hub's value is never further from the true one: in the tag's unit, or a share of the span (1%); "
                 "0: exactly the same.")
      .number("span_low", &Tag::span_low, "", -kAny, kAny, "Lower end of the instrument's range.")
      .number("span_high", &Tag::span_high, "", -kAny, kAny, "Its upper end.")
      .milliseconds(
          "max_silence_ms", &Tag::max_silence, 0, 24 * kHourMs,
          "Without a reading for so long a rule takes the tag for unknown (not OPC UA's or Sparkplug's, which "
          "tell changes only), and one of an MQTT source is bad; 0: 60000, of an MQTT source 1800000. Every reading is "
          "sent, "
          "so none is repeated.")
      .number("low_low", &Tag::low_low, "", -kAny, kAny, "Alarm limit; crossing one is sent at once.")
      .number("low", &Tag::low, "", -kAny, kAny, "Alarm limit.")
      .number("high", &Tag::high, "", -kAny, kAny, "Alarm limit.")
      .number("high_high", &Tag::high_high, "", -kAny, kAny, "Alarm limit.")
      .number("deadband", &Tag::deadband, "", 0, kAny, "A limit is left again only by so much (hysteresis).")
      .flag("summary_only", &Tag::summary_only,
            "Send count, mean, least, largest and standard deviation of each period instead of the values.")
      .milliseconds("summary_period_ms", &Tag::summary_period, 1000, 24 * kHourMs, "Length of such a period.");
}

Table<TagSettings> tag_table() {
  using Tag = TagSettings;
  Table<Tag> table("A tag");
  table
      .text("name", &Tag::name, TextRule::any,
            "Unique in this gateway; letters, digits, `_`, `-` and `.`, in paths: boiler/feed/temperature.")
      .required()
      .text("source", &Tag::source, TextRule::any, "Name of the source that it is read from.")
      .required()
      .text("unit", &Tag::unit, TextRule::any, "Unit of the value: °C, bar, m3/h ...")
      .number("scale", &Tag::scale, "", -kAny, kAny, "value = what was read * scale + offset.")
      .number("offset", &Tag::offset, "", -kAny, kAny, "See scale.")
      .number("valid_low", &Tag::valid_low, "", -kAny, kAny,
              "Values below are a fault of the sensor (a broken wire, a fault code): of bad quality.")
      .number("valid_high", &Tag::valid_high, "", -kAny, kAny, "Likewise above.")
      .object("modbus", &Tag::modbus, modbus_tag_table(), "Where it is, for a source of kind modbus.")
      .object("mqtt", &Tag::mqtt, mqtt_tag_table(), "Where it is, for a source of kind mqtt.")
      .object("opcua", &Tag::opcua, opcua_tag_table(), "Where it is, for a source of kind opcua.")
      .object("file", &Tag::file,
              Table<FileTagSettings>("A tag's column")
                  .text("column", &FileTagSettings::column, TextRule::any, "Its column; empty: the tag's name."),
              "Where it is, for a source of kind file.")
      .object("sparkplug", &Tag::sparkplug, sparkplug_tag_table(), "Where it is, for a source of kind sparkplug.");
  return add_filter(table);
}

}  // namespace

void set_usual_silences(TelemetrySettings& telemetry) {
  std::map<std::string_view, TagSourceSettings::Kind> kinds;
  for (const TagSourceSettings& source : telemetry.sources) kinds.emplace(source.name, source.kind);
  for (TagSettings& tag : telemetry.tags)
    if (const auto kind = kinds.find(tag.source); kind != kinds.end() && tag.max_silence.count() == 0)
      tag.max_silence = usual_silence(kind->second);
}

Table<TelemetrySettings> tag_lists_table() {
  return Table<TelemetrySettings>("Tags")
      .list("tag_sources", &TelemetrySettings::sources, tag_source_table(), "Where tags are read.")
      .list("tags", &TelemetrySettings::tags, tag_table(), "The signals, and what of each is worth sending.");
}

Table<TelemetrySettings> telemetry_table() {
  return Table<TelemetrySettings>("Telemetry")
      .milliseconds(
          "block_period_ms", &TelemetrySettings::block_period, 100, kHourMs,
          "Readings are gathered for so long before they go to the hub, and what was gathered is lost when the "
          "power fails; longer costs fewer bytes. Alarms and changes of quality do not wait.")
      .integer("queue_samples", &TelemetrySettings::queue_samples, "", 1024, 1e7,
               "Readings between sources and filter; more push out the oldest, counted.");
}

}  // namespace lineside::config
