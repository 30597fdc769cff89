#include "config/asset_schema.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <set>

#include "config/broker_table.h"
#include "config/opcua_table.h"
#include "model/record.h"

namespace lineside::config {
namespace {

constexpr double kHourMs = 3'600'000, kWindowS = 0.5;
constexpr std::size_t kChannelsMax = 64;
constexpr double kRecordingValuesMax = 8e6;  // held in memory, twice as floats and once as text
constexpr double kTextBytesOfValue = 10;

Table<ChannelSettings> channel_table() {
  return Table<ChannelSettings>("A channel")
      .text("name", &ChannelSettings::name, TextRule::any, "What it is called, also in the model: x, y, current ...")
      .required()
      .text("unit", &ChannelSettings::unit, TextRule::any,
            "Unit of the values after division by the sensitivity: m/s2, g, mm/s, A ...")
      .number("sensitivity", &ChannelSettings::sensitivity, "", -1e12, 1e12,
              "What the source gives for one unit (0.1 for 100 mV per g): values are divided by it.")
      .text("position", &ChannelSettings::position, TextRule::any, "Where the sensor sits, for people.")
      .text("node", &ChannelSettings::node, TextRule::any,
            "opcua: node of this channel's array, `ns=2;s=Motor1.X`; all channels have one, or the asset has.");
}

Table<RunningWhen> running_table() {
  constexpr double kAny = 1e300;
  return Table<RunningWhen>("What says that a machine runs")
      .text("tag", &RunningWhen::tag, TextRule::any, "A tag of this gateway: speed, load, a contact (0 or 1).")
      .required()
      .number("min", &RunningWhen::min, "", -kAny, kAny, "It runs from this value on, in the tag's unit.")
      .number("max", &RunningWhen::max, "", -kAny, kAny, "And up to this one.");
}

Table<LearningSettings> learning_table() {
  return Table<LearningSettings>("How an asset is learned")
      .number("minutes", &LearningSettings::minutes, "min", 0.01, 1e6, "Recordings are taken over so long.")
      .integer("recordings", &LearningSettings::recordings, "", 4, 10'000, "So many recordings, evenly spread.")
      .number("recording_s", &LearningSettings::recording_s, "s", 0.5, 600, "Length of each recording.")
      .number("shadow_minutes", &LearningSettings::shadow_minutes, "min", 0, 1e6,
              "The new model scores for so long without events before it counts.")
      .number("shadow_anomalies", &LearningSettings::shadow_anomalies, "", 0, 1,
              "With a larger share of anomalies in that time the model is not taken, and learning begins anew.")
      .number("outliers_max", &LearningSettings::outliers_max, "", 0, 0.5,
              "Recordings that differ from all others are left out; with a larger share of them nothing is learned and "
              "recording begins anew.")
      .text("program", &LearningSettings::program, TextRule::path,
            "Path of lineside-train; empty: the one beside this gateway's program.")
      .integer("disk_bytes_max", &LearningSettings::disk_bytes_max, "bytes", 1e6, 1e13,
               "Disk budget of the recordings. When it is used up, it is learned from those that are there.")
      .integer("memory_bytes_max", &LearningSettings::memory_bytes_max, "bytes", 2e8, 1e12,
               "The training ends when it needs more data memory.")
      .number("time_max_minutes", &LearningSettings::time_max_minutes, "min", 0.1, 1e5,
              "A training that takes longer is ended.");
}

}  // namespace

Table<WaveformSourceSettings> waveform_source_table() {
  using From = WaveformSourceSettings::Kind;
  return Table<WaveformSourceSettings>("A source of waveforms")
      .text("name", &WaveformSourceSettings::name, TextRule::name, "What assets call it.")
      .required()
      .choice(
          "kind", &WaveformSourceSettings::kind,
          {{"mqtt", From::mqtt},
           {"tcp", From::tcp},
           {"udp", From::udp},
           {"opcua", From::opcua},
           {"files", From::files}},
          "MQTT messages, a TCP or UDP stream of blocks (docs/waveforms.md), arrays of an OPC UA server, or recordings "
          "as a replay. TCP and UDP "
          "are not authenticated: on a network of their own only.")
      .beside("", &WaveformSourceSettings::at,
              broker_table(WaveformSourceSettings{}.at,
                           {.of_kind = "mqtt: ",
                            .host = "mqtt, tcp: host name or address to connect to. udp: address to listen on.",
                            .port = "mqtt, tcp, udp: port.",
                            .without_tls = "Without it the broker must be on this machine, or `plain` set.",
                            .certificate = "certificate for this broker (PEM)."}))
      .flag(
          "plain", &WaveformSourceSettings::plain,
          "mqtt: allow a broker on another machine without TLS. Whoever is on that network can then make up waveforms.")
      .object("opcua", &WaveformSourceSettings::opcua, opcua_table(), "opcua: the server.")
      .text("path", &WaveformSourceSettings::path, TextRule::path,
            "files: a recording (.csv, .wav, .npy, .mat ...) or a folder of them, taken in name order.")
      .number("speed", &WaveformSourceSettings::speed, "", 0, 1e6, "files: times real speed; 0 goes as fast as taken.")
      .flag("loop", &WaveformSourceSettings::loop, "files: start again after the last recording.")
      .integer("block_ms", &WaveformSourceSettings::block_ms, "ms", 1, 10'000,
               "files: length of the blocks made of them.")
      .milliseconds("reconnect_min_ms", &WaveformSourceSettings::reconnect_min, 10, kHourMs,
                    "Wait before the first attempt to connect again; doubles with each failure.")
      .milliseconds("reconnect_max_ms", &WaveformSourceSettings::reconnect_max, 10, kHourMs,
                    "Longest wait between attempts.");
}

Table<AssetSettings> asset_table() {
  using Mode = AssetSettings::Mode;
  return Table<AssetSettings>("An asset")
      .text("name", &AssetSettings::name, TextRule::name, "Unique in this gateway, also among the stations.")
      .required()
      .text("source", &AssetSettings::source, TextRule::any, "Name of the source that its waveforms come from.")
      .required()
      .text("topic", &AssetSettings::topic, TextRule::any, "mqtt: topic of its blocks.")
      .text("node", &AssetSettings::node, TextRule::any,
            "opcua: node of an array with all channels: first sample of each, second of each, and so on.")
      .number("rate_hz", &AssetSettings::rate_hz, "Hz", 1e-4, 1e7,
              "Samples a second. Blocks that say another rate are a sensor's fault.")
      .required()
      .list("channels", &AssetSettings::channels, channel_table(), "The channels, in the order of the source's.")
      .choice("mode", &AssetSettings::mode, {{"bundle", Mode::bundle}, {"learning", Mode::learning}},
              "bundle: score with the model of `bundle`. learning: learn from what comes, then score.")
      .text("bundle", &AssetSettings::bundle, TextRule::path, "mode bundle: the signed model bundle, an .lsb file.")
      .text("machine", &AssetSettings::machine, TextRule::path,
            "mode learning: a file with the machine's speed, bearings, gears and unit (docs/condition.md), so that "
            "faults are named by their part. A bundle has it in it.")
      .text_list("states", &AssetSettings::states, TextRule::any,
                 "Operating states of the model in which windows count; empty: all.")
      .list("running_when", &AssetSettings::running_when, running_table(),
            "Windows are learned and judged only while all these tags are good and in their range; empty: always.")
      .milliseconds("settle_ms", &AssetSettings::settle, 0, kHourMs,
                    "running_when: and only so long after it began to be so; longer than a tag's poll takes.")
      .integer("anomalies_needed", &AssetSettings::anomalies_needed, "", 1, 1000,
               "So many of the last `anomalies_of` windows must be anomalies for an event.")
      .integer("anomalies_of", &AssetSettings::anomalies_of, "", 1, 1000, "Windows that are looked at for it.")
      .number(
          "clear_below", &AssetSettings::clear_below, "", 0.01, 1,
          "The event ends when none of the last `anomalies_of` windows was an anomaly and `anomalies_needed` of them "
          "were below this share of the threshold, or none of the last five times as many was an anomaly.")
      .milliseconds("stall_max_ms", &AssetSettings::stall_max, 100, kHourMs,
                    "Without a block for so long, and for three blocks' time, the sensors count as silent.")
      .milliseconds("summary_period_ms", &AssetSettings::summary_period, 1000, 24 * kHourMs,
                    "How often the scores go to the hub, summarised.")
      .milliseconds("spectrum_period_ms", &AssetSettings::spectrum_period, 1000, 24 * kHourMs,
                    "How often the spectrum goes with them; with an event it goes at once.")
      .integer("queue_blocks", &AssetSettings::queue_blocks, "", 2, 10'000,
               "Blocks that wait for the asset's thread; more push out the oldest, counted and seen as a gap.")
      .integer(
          "queue_bytes_max", &AssetSettings::queue_bytes_max, "bytes", 1e6, 1e12,
          "Memory of the blocks that wait, 4 bytes for each value; more push out the oldest. A block that is larger "
          "is left out.")
      .object("learning", &AssetSettings::learning, learning_table(), "mode learning: how.");
}

namespace {

void check_source(const WaveformSourceSettings& source, const std::string& at, Findings& findings) {
  using From = WaveformSourceSettings::Kind;
  if (source.kind == From::mqtt)
    check_broker(at + ".", source.at, findings, source.plain, ": set tls, or plain if that network is trusted");
  if (source.kind == From::opcua) check_opcua(at + ".opcua", source.opcua, findings);
  if (source.kind == From::files && source.path.empty())
    findings.problem(at + ".path", "is missing; a source of files needs a recording or a folder");
  if (source.reconnect_min > source.reconnect_max)
    findings.problem(at + ".reconnect_min_ms", "is above reconnect_max_ms");
}

void check_channels(const AssetSettings& asset, const std::string& at, Findings& findings) {
  if (asset.channels.empty()) findings.problem(at + ".channels", "is missing; an asset needs at least one channel");
  if (asset.channels.size() > kChannelsMax)
    findings.problem(at + ".channels",
                     std::format("has {} channels; {} are the most", asset.channels.size(), kChannelsMax));
  std::set<std::string> names;
  for (std::size_t c = 0; c < asset.channels.size(); ++c) {
    const std::string key = std::format("{}.channels[{}]", at, c);
    if (!names.insert(asset.channels[c].name).second)
      findings.problem(key + ".name", std::format("'{}' is already that of another channel", asset.channels[c].name));
    if (asset.channels[c].sensitivity == 0)
      findings.problem(key + ".sensitivity", "can't be 0: values are divided by it");
  }
}

void check_running(const AssetSettings& asset, const std::string& at, const std::vector<TagSettings>& tags,
                   Findings& findings) {
  for (std::size_t i = 0; i < asset.running_when.size(); ++i) {
    const auto& [tag, min, max] = asset.running_when[i];
    const std::string key = std::format("{}.running_when[{}]", at, i);
    if (!std::ranges::contains(tags, tag, &TagSettings::name))
      findings.problem(key + ".tag", std::format("there is no tag '{}' in tags", tag));
    if (!min && !max) findings.problem(key, "says neither min nor max: any value would do");
    if (min && max && *min > *max) findings.problem(key + ".min", "is above max");
  }
}

void check_recordings(const AssetSettings& asset, const std::string& at, Findings& findings) {
  const LearningSettings& learning = asset.learning;
  const double values = learning.recording_s * asset.rate_hz * static_cast<double>(asset.channels.size());
  const double bytes = values * kTextBytesOfValue * learning.recordings;
  if (values > kRecordingValuesMax)
    findings.problem(at + ".learning.recording_s",
                     std::format("{} s of {} channels are {:.3g} values; a recording has {:.3g} at most",
                                 learning.recording_s, asset.channels.size(), values, kRecordingValuesMax));
  if (bytes > static_cast<double>(learning.disk_bytes_max))
    findings.problem(at + ".learning.disk_bytes_max",
                     std::format("{} recordings take about {:.2g} bytes: raise it, or take fewer or shorter ones",
                                 learning.recordings, bytes));
}

void check_nodes(const AssetSettings& asset, const std::string& at, Findings& findings) {
  const auto named = static_cast<std::size_t>(
      std::ranges::count_if(asset.channels, [](const ChannelSettings& channel) { return !channel.node.empty(); }));
  if (!asset.node.empty() && named > 0)
    findings.problem(at + ".node", "contradicts the channels' nodes: one array for all of them, or one for each");
  else if (asset.node.empty() && named < asset.channels.size())
    findings.problem(at + ".node", "is missing; an array for all channels, or a node for each channel");
}

void check_asset(const AssetSettings& asset, const std::string& at, const WaveformSourceSettings* source,
                 Findings& findings) {
  if (source == nullptr)
    findings.problem(at + ".source", std::format("there is no source '{}' in waveform_sources", asset.source));
  else if (source->kind == WaveformSourceSettings::Kind::mqtt && asset.topic.empty())
    findings.problem(at + ".topic", "is missing; blocks from MQTT need their topic");
  if (source != nullptr && source->kind == WaveformSourceSettings::Kind::opcua) check_nodes(asset, at, findings);
  if (asset.topic.find_first_of("+#") != std::string::npos)
    findings.problem(at + ".topic", "has a wildcard; one topic belongs to one asset");
  if (asset.mode == AssetSettings::Mode::bundle && asset.bundle.empty())
    findings.problem(at + ".bundle", "is missing; without a bundle say mode: learning");
  if (asset.mode == AssetSettings::Mode::learning && !asset.bundle.empty())
    findings.problem(at + ".bundle", "contradicts mode: learning, which makes its own");
  if (asset.anomalies_needed > asset.anomalies_of)
    findings.problem(at + ".anomalies_needed",
                     std::format("{} can't come from {} windows", asset.anomalies_needed, asset.anomalies_of));
  if (asset.learning.minutes * 60 < asset.learning.recording_s * asset.learning.recordings)
    findings.problem(at + ".learning.minutes",
                     std::format("{} recordings of {} s don't fit into {} minutes", asset.learning.recordings,
                                 asset.learning.recording_s, asset.learning.minutes));
  if (asset.mode == AssetSettings::Mode::bundle && !asset.machine.empty())
    findings.problem(at + ".machine", "contradicts mode: bundle, whose model has it from `lineside-train --asset`");
  if (asset.mode == AssetSettings::Mode::learning) check_recordings(asset, at, findings);
  if (asset.mode == AssetSettings::Mode::learning && asset.rate_hz < 1 / kWindowS * 100)
    findings.problem(at + ".rate_hz",
                     "below 200 Hz nothing is learned on the gateway yet: learn offline, name the bundle");
  check_channels(asset, at, findings);
  check_readable(asset.bundle, at + ".bundle", findings);
  check_readable(asset.machine, at + ".machine", findings);
}

}  // namespace

void check_assets(const std::vector<WaveformSourceSettings>& sources, const std::vector<AssetSettings>& assets,
                  const std::vector<TagSettings>& tags, Findings& findings) {
  if (assets.size() > kAssetsMax)
    findings.problem("assets", std::format("has {} assets; {} are the most", assets.size(), kAssetsMax));
  std::set<std::string> names, asset_names, topics;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const std::string at = std::format("waveform_sources[{}]", i);
    if (!names.insert(sources[i].name).second)
      findings.problem(at + ".name", std::format("the name '{}' is already that of another source", sources[i].name));
    check_source(sources[i], at, findings);
  }
  for (std::size_t i = 0; i < assets.size(); ++i) {
    const std::string at = std::format("assets[{}]", i);
    const auto source = std::ranges::find(sources, assets[i].source, &WaveformSourceSettings::name);
    if (!asset_names.insert(assets[i].name).second)
      findings.problem(at + ".name", std::format("the name '{}' is already that of another asset", assets[i].name));
    const bool by_topic = source == sources.end() || source->kind != WaveformSourceSettings::Kind::opcua;
    if (by_topic && !topics.insert(assets[i].source + " " + assets[i].topic).second)
      findings.problem(at + (assets[i].topic.empty() ? ".source" : ".topic"), "is already that of another asset");
    check_asset(assets[i], at, source == sources.end() ? nullptr : &*source, findings);
    check_running(assets[i], at, tags, findings);
  }
}

}  // namespace lineside::config
