#include "config/sparkplug_schema.h"

#include <algorithm>
#include <format>

#include "config/broker_table.h"
#include "model/sparkplug_id.h"

namespace lineside::config {

void check_sparkplug_id(const std::string& key, const std::string& text, Findings& findings) {
  if (is_sparkplug_id(text)) return;
  findings.problem(key, std::format("'{}' can't be a Sparkplug id: 1 to {} bytes without + / # and control characters",
                                    text, kSparkplugIdBytesMax));
}

Table<SparkplugSettings> sparkplug_table() {
  constexpr double kHourMs = 3'600'000;
  return Table<SparkplugSettings>("Sparkplug B")
      .flag("enabled", &SparkplugSettings::enabled,
            "Publish the tags as a Sparkplug B edge node, with one device for each tag source.")
      .list("brokers", &SparkplugSettings::brokers,
            broker_table({}, {.of_kind = "",
                              .host = "The MQTT broker's host name or address.",
                              .port = "The broker's TCP port.",
                              .without_tls = "Without it the broker must be on this machine, or `plain` set.",
                              .certificate = "the gateway's certificate for this broker (PEM)."}),
            "The brokers, one used at a time: the next one is taken when the primary host is not at this one, or the "
            "connection fails.")
      .flag("plain", &SparkplugSettings::plain,
            "Allow a broker on another machine without TLS. Whoever is on that network can then read the tags.")
      .text("group", &SparkplugSettings::group, TextRule::any, "Group id, as the SCADA system sorts its edge nodes.")
      .text("edge_node", &SparkplugSettings::edge_node, TextRule::any,
            "Edge node id, one of its kind in the group. Empty: the gateway's name.")
      .text("primary_host", &SparkplugSettings::primary_host, TextRule::any,
            "Id of the host application without which nothing is published: readings wait until it is online. Empty: "
            "publish whoever listens.")
      .text_list("tags", &SparkplugSettings::tags, TextRule::any,
                 "Names of the tags to publish, or folders such as boiler/ for all in them. Empty: all tags.")
      .milliseconds("period_ms", &SparkplugSettings::period, 10, 60'000, "What changed in so long goes together.")
      .integer("buffer_samples", &SparkplugSettings::buffer_samples, "", 1000, 10'000'000,
               "Readings kept in memory (50 bytes each, and as much again for those sent within resend_ms) while the "
               "broker or the primary host is away. When it is full, the oldest one goes and is counted as lost.")
      .milliseconds("resend_ms", &SparkplugSettings::resend, 0, 600'000,
                    "What went out within so long before a connection ended is sent again as history, since nobody "
                    "knows whether it arrived.")
      .integer("backlog_samples_s", &SparkplugSettings::backlog_samples_s, "1/s", 10, 1'000'000,
               "How fast kept readings are caught up, beside the new ones.")
      .milliseconds("reconnect_min_ms", &SparkplugSettings::reconnect_min, 10, kHourMs,
                    "First pause before the next attempt to connect; doubled after each that fails.")
      .milliseconds("reconnect_max_ms", &SparkplugSettings::reconnect_max, 10, kHourMs, "Longest such pause.");
}

void check_sparkplug(const std::string& at, const SparkplugSettings& sparkplug, const std::string& gateway,
                     std::span<const TagSettings> tags, Findings& findings) {
  if (sparkplug.reconnect_min > sparkplug.reconnect_max)
    findings.problem(at + ".reconnect_min_ms", "is above reconnect_max_ms");
  if (!sparkplug.enabled) return;
  check_sparkplug_id(at + ".group", sparkplug.group, findings);
  check_sparkplug_id(at + ".edge_node", sparkplug.edge_node.empty() ? gateway : sparkplug.edge_node, findings);
  if (!sparkplug.primary_host.empty()) check_sparkplug_id(at + ".primary_host", sparkplug.primary_host, findings);
  if (tags.empty()) findings.problem(at + ".enabled", "publishes the tags, and there are none");
  for (std::size_t i = 0; i < sparkplug.tags.size() && !tags.empty(); ++i)
    if (std::ranges::none_of(tags, [&](const TagSettings& tag) { return names_tag(sparkplug.tags[i], tag.name); }))
      findings.problem(std::format("{}.tags[{}]", at, i),
                       std::format("'{}' names no tag; a folder ends with /", sparkplug.tags[i]));
  if (sparkplug.brokers.empty()) findings.problem(at + ".brokers", "names no broker to publish to");
  for (std::size_t i = 0; i < sparkplug.brokers.size(); ++i)
    check_broker(std::format("{}.brokers[{}].", at, i), sparkplug.brokers[i], findings, sparkplug.plain,
                 ": set tls, or plain if that network is trusted");
}

}  // namespace lineside::config
