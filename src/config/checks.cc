#include "config/checks.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <format>
#include <map>
#include <set>

#include "config/asset_schema.h"
#include "config/grants.h"
#include "config/sparkplug_schema.h"
#include "config/tag_schema.h"

namespace lineside::config {
namespace {

void needs(bool is_there, const std::string& key, const std::string& why, Findings& findings) {
  if (!is_there) findings.problem(key, "is missing; " + why);
}

constexpr std::string_view kGatewayItself = "gateway";
constexpr std::size_t kStationCamerasMax = 8;  // so many votes an item has room for

bool is_loopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

bool is_ip_address(const std::string& text) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, text.c_str(), bytes) == 1 || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

}  // namespace

void check_readable(const std::string& path, const std::string& key, Findings& findings, NamedFiles looked_for) {
  if (path.empty() || findings.files() > looked_for) return;
  if (!std::filesystem::exists(path)) {
    findings.problem(key, std::format("there is no file {}", path));
  } else if (std::filesystem::is_directory(path)) {
    findings.problem(key, std::format("{} is a folder, not a file", path));
  } else if (::access(path.c_str(), R_OK) != 0) {
    findings.problem(key, std::format("{} can't be read: no permission", path));
  }
}

void check_broker(const std::string& before, const BrokerAccess& broker, Findings& findings, bool plain,
                  const std::string& unless) {
  if (broker.tls) {
    needs(!broker.ca_file.empty(), before + "ca_file", "TLS needs the broker's certificate authority", findings);
  } else if (!is_loopback(broker.host) && !plain) {
    findings.problem(before + "host",
                     std::format("without TLS the broker must be on this machine, not on {}{}", broker.host, unless));
  }
  if (broker.cert_file.empty() != broker.key_file.empty())
    findings.problem(before + (broker.cert_file.empty() ? "key_file" : "cert_file"),
                     "certificate and private key go together: name both");
  if (!broker.username.empty())
    needs(!broker.password_file.empty(), before + "password_file", "the user name needs a password", findings);
  check_readable(broker.ca_file, before + "ca_file", findings);
  check_readable(broker.cert_file, before + "cert_file", findings);
  check_readable(broker.key_file, before + "key_file", findings);
  check_readable(broker.password_file, before + "password_file", findings);
}

namespace {

void check_kind_of_camera(const CameraSettings& camera, const std::string& at, Findings& findings) {
  using Kind = CameraSettings::Kind;
  switch (camera.kind) {
    case Kind::rtsp:
      needs(!camera.url.empty(), at + ".url", "an rtsp camera needs its address", findings);
      if (!camera.url.empty() && !camera.url.starts_with("rtsp://") && !camera.url.starts_with("rtsps://"))
        findings.problem(at + ".url", std::format("must begin with rtsp:// or rtsps://, not '{}'", camera.url));
      break;
    case Kind::v4l2:
      needs(!camera.device.empty(), at + ".device", "a v4l2 camera needs its device file, e.g. /dev/video0", findings);
      break;
    case Kind::gige:
      break;
    case Kind::pipeline:
      needs(!camera.pipeline.empty(), at + ".pipeline", "a pipeline camera needs its elements", findings);
      break;
    case Kind::folder:
      needs(!camera.path.empty(), at + ".path", "a folder camera needs its folder", findings);
      if (!camera.path.empty() && findings.files() == NamedFiles::here && !std::filesystem::is_directory(camera.path))
        findings.problem(at + ".path", std::format("there is no folder {}", camera.path));
      break;
  }
}

void check_camera(const CameraSettings& camera, const std::string& at, Findings& findings) {
  if (!findings.failed(at + ".kind")) check_kind_of_camera(camera, at, findings);
  if ((camera.width == 0) != (camera.height == 0))
    findings.problem(camera.width == 0 ? at + ".height" : at + ".width", "width and height go together: give both");
  if (camera.reconnect_min > camera.reconnect_max)
    findings.problem(at + ".reconnect_min_ms", "is above reconnect_max_ms");
}

// What the actuator drives, as text; empty: nothing.
std::string output_of(const ActuatorSettings& actuator) {
  using Kind = ActuatorSettings::Kind;
  switch (actuator.kind) {
    case Kind::none:
      return {};
    case Kind::gpio:
      return std::format("line {} of {}", actuator.line, actuator.chip);
    case Kind::modbus:
      return std::format("coil {} of unit {} at {}:{}", actuator.coil, actuator.unit, actuator.at.host,
                         actuator.at.port);
    case Kind::mqtt:
      return std::format("topic {} at {}:{}", actuator.topic, actuator.at.host, actuator.at.port);
  }
  return {};
}

void check_mqtt_actuator(const ActuatorSettings& actuator, const std::string& at, Findings& findings) {
  needs(!actuator.topic.empty(), at + ".topic", "an mqtt actuator needs its topic", findings);
  if (actuator.at.tls && actuator.plain) findings.problem(at + ".plain", "contradicts tls: choose one");
  check_broker(at + ".", actuator.at, findings, actuator.plain, ": set tls, or plain if that network is trusted");
}

void check_actuator(const StationSettings& station, const std::string& at, Findings& findings) {
  using Kind = ActuatorSettings::Kind;
  const ActuatorSettings& actuator = station.actuator;
  if (actuator.kind == Kind::none) return;
  if (actuator.kind == Kind::gpio)
    needs(!actuator.chip.empty(), at + ".actuator.chip", "a gpio actuator needs its chip", findings);
  if (actuator.kind == Kind::mqtt) check_mqtt_actuator(actuator, at + ".actuator", findings);
  if (station.deadline >= actuator.delay)
    findings.problem(
        at + ".deadline_ms",
        std::format("{} ms must be below the actuator's delay_ms of {} ms: the verdict must be there before "
                    "the item is in front of the rejector",
                    station.deadline.count(), actuator.delay.count()));
  if (actuator.kind == Kind::modbus && actuator.safe_coil == actuator.coil)
    findings.problem(at + ".actuator.safe_coil", "is the same coil as the reject coil");
}

void check_station(const StationSettings& station, const std::string& at, const std::set<std::string>& cameras,
                   Findings& findings) {
  if (station.cameras.empty() && findings.has(at + ".cameras"))
    findings.problem(at + ".cameras", "names no camera; a station needs at least one");
  if (station.cameras.size() > kStationCamerasMax)
    findings.problem(at + ".cameras", std::format("names {} cameras; at most {} can look at one item",
                                                  station.cameras.size(), kStationCamerasMax));
  std::set<std::string> used;
  for (std::size_t i = 0; i < station.cameras.size(); ++i) {
    const std::string key = std::format("{}.cameras[{}]", at, i);
    if (!cameras.contains(station.cameras[i]))
      findings.problem(key, std::format("there is no camera '{}'", station.cameras[i]));
    if (!used.insert(station.cameras[i]).second)
      findings.problem(key, std::format("camera '{}' stands here twice", station.cameras[i]));
  }
  if (!station.cameras.empty() && station.votes_needed > static_cast<int>(station.cameras.size()))
    findings.problem(at + ".votes_needed", std::format("{} votes can't come from {} camera(s)", station.votes_needed,
                                                       station.cameras.size()));
  if (station.trigger.kind == TriggerSettings::Kind::gpio)
    needs(!station.trigger.chip.empty(), at + ".trigger.chip", "a gpio trigger needs its chip", findings);
  check_readable(station.bundle, at + ".bundle", findings);
  check_actuator(station, at, findings);
}

// Adds a problem to each of `keys` whose value was there before.
class Unique {
 public:
  Unique(std::string what, Findings& findings) : what_(std::move(what)), findings_(findings) {}
  void add(const std::string& value, const std::string& key) {
    if (value.empty()) return;
    const auto [it, fresh] = first_.try_emplace(value, key);
    if (!fresh) findings_.problem(key, std::format("{} '{}' is already that of {}", what_, value, it->second));
  }

 private:
  std::string what_;
  Findings& findings_;
  std::map<std::string, std::string> first_;
};

}  // namespace

void check_gateway(const GatewaySettings& settings, Findings& findings) {
  std::set<std::string> cameras;
  Unique camera_names("the name", findings), station_names("the name", findings), outputs("the output", findings);
  for (std::size_t i = 0; i < settings.cameras.size(); ++i) {
    const std::string at = std::format("cameras[{}]", i);
    cameras.insert(settings.cameras[i].name);
    camera_names.add(settings.cameras[i].name, at + ".name");
    check_camera(settings.cameras[i], at, findings);
  }
  for (std::size_t i = 0; i < settings.stations.size(); ++i) {
    const std::string at = std::format("stations[{}]", i);
    station_names.add(settings.stations[i].name, at + ".name");
    outputs.add(output_of(settings.stations[i].actuator), at + ".actuator");
    check_station(settings.stations[i], at, cameras, findings);
  }
  check_assets(settings.waveform_sources, settings.assets, settings.telemetry.tags, findings);
  for (std::size_t i = 0; i < settings.assets.size(); ++i)
    if (std::ranges::contains(settings.stations, settings.assets[i].name, &StationSettings::name))
      findings.problem(std::format("assets[{}].name", i),
                       std::format("the name '{}' is already that of a station", settings.assets[i].name));
  check_telemetry(settings.telemetry, findings);
  check_sparkplug("sparkplug", settings.sparkplug, settings.gateway, settings.telemetry.tags, findings);
  const auto not_the_gateway = [&](const auto& list, const char* key) {
    for (std::size_t i = 0; i < list.size(); ++i)
      if (list[i].name == kGatewayItself)
        findings.problem(
            std::format("{}[{}].name", key, i),
            std::format("'{}' stands for the gateway itself in its events: choose another", kGatewayItself));
  };
  not_the_gateway(settings.stations, "stations");
  not_the_gateway(settings.assets, "assets");
  const UplinkSettings& uplink = settings.uplink;
  if (uplink.enabled) check_broker("uplink.", uplink.broker, findings);
  if (uplink.reconnect_min > uplink.reconnect_max)
    findings.problem("uplink.reconnect_min_ms", "is above reconnect_max_ms");
  for (std::size_t i = 0; i < settings.inference.trusted_keys.size(); ++i)
    check_readable(settings.inference.trusted_keys[i], std::format("inference.trusted_keys[{}]", i), findings,
                   NamedFiles::needed_by_all);
  check_readable(settings.inference.library, "inference.library", findings, NamedFiles::needed_by_all);
  if (settings.rules.size() > kRuleFilesMax)
    findings.problem("rules", std::format("names {} files; {} are the most", settings.rules.size(), kRuleFilesMax));
  for (std::size_t i = 0; i < settings.rules.size(); ++i)
    check_readable(settings.rules[i], std::format("rules[{}]", i), findings, NamedFiles::needed_by_all);
  check_grants(settings, findings);
  if (settings.inference.providers.empty()) findings.problem("inference.providers", "is empty; name at least cpu");
}

void check_hub(const HubSettings& settings, Findings& findings) {
  check_broker("broker_", settings.broker, findings);
  if (settings.http_cert_file.empty() != settings.http_key_file.empty())
    findings.problem(settings.http_cert_file.empty() ? "http_key_file" : "http_cert_file",
                     "certificate and private key go together: name both");
  if (settings.http_cert_file.empty() && !is_loopback(settings.http_address))
    findings.problem("http_address", std::format("{} is reachable by others, and passwords would cross the network in "
                                                 "the clear: use 127.0.0.1 and put a TLS proxy in front (docs/hub.md)",
                                                 settings.http_address));
  for (std::size_t i = 0; i < settings.http_trusted_proxies.size(); ++i)
    if (!is_ip_address(settings.http_trusted_proxies[i]))
      findings.problem(std::format("http_trusted_proxies[{}]", i),
                       std::format("'{}' is not an IP address", settings.http_trusted_proxies[i]));
  check_readable(settings.http_cert_file, "http_cert_file", findings);
  check_readable(settings.http_key_file, "http_key_file", findings);
  check_readable(settings.metrics_token_file, "metrics_token_file", findings);
}

void check_plant(const PlantSettings& settings, Findings& findings) {
  Unique names("the name", findings), modbus_ports("the Modbus port", findings);
  for (std::size_t i = 0; i < settings.lines.size(); ++i) {
    const std::string at = std::format("lines[{}]", i);
    names.add(settings.lines[i].name, at + ".name");
    modbus_ports.add(std::to_string(settings.lines[i].modbus_port), at + ".modbus_port");
  }
  for (std::size_t i = 0; i < settings.machines.size(); ++i)
    names.add(settings.machines[i].name, std::format("machines[{}].name", i));
  if (settings.instruments.modbus_port > 0)
    modbus_ports.add(std::to_string(settings.instruments.modbus_port), "instruments.modbus_port");
  const bool machines_by_opcua = std::ranges::any_of(settings.machines, &MachineSettings::opcua);
  if (machines_by_opcua && settings.instruments.opcua_port == settings.opcua_port)
    findings.problem("instruments.opcua_port", "is already that of the machines, opcua_port");
}

}  // namespace lineside::config
