#include "plant/plant.h"

#include <sstream>

#include "base/log.h"
#include "plant/bottling_line.h"
#include "plant/machine.h"
#include "plant/tag_plant.h"

namespace lineside::plant {

struct Plant::State {
  // Destroyed from the last to the first: lines stop before their streams and the truth file go.
  std::unique_ptr<TruthLog> truth;
  std::map<int, std::unique_ptr<RtspServer>> servers;  // by port
  std::vector<std::unique_ptr<BottlingLine>> lines;
  std::unique_ptr<opcua::Server> opcua;
  std::vector<std::unique_ptr<Machine>> machines;
  std::unique_ptr<TagPlant> instruments;
};

Plant::Plant(std::unique_ptr<State> state) : state_(std::move(state)) {}

Plant::~Plant() {
  for (auto& line : state_->lines) line->stop();
}

Result<std::unique_ptr<Plant>> Plant::start(const config::PlantSettings& settings, Clock& clock) {
  auto state = std::make_unique<State>();
  LINESIDE_ASSIGN(state->truth, TruthLog::open(settings.truth_file));
  std::uint64_t number = 0;
  for (const auto& line : settings.lines) {
    auto& server = state->servers[line.rtsp_port];
    if (!server) {
      LINESIDE_ASSIGN(server, RtspServer::start(settings.address, line.rtsp_port));
    }
    const VideoCodec codec = line.codec == "mjpeg" ? VideoCodec::mjpeg : VideoCodec::h264;
    LINESIDE_ASSIGN(VideoStream * stream, server->add_stream(line.name, codec, line.items_per_minute / 60));
    LINESIDE_ASSIGN(auto made, BottlingLine::create(line, settings.address, settings.seed * 1000 + number++, *stream,
                                                    *state->truth, clock));
    log(LogLevel::info, "plant", "line is up",
        {{"line", line.name},
         {"camera", std::format("rtsp://{}:{}/{}", settings.address, line.rtsp_port, line.name)},
         {"rejector", std::format("{}:{}", settings.address, line.modbus_port)}});
    state->lines.push_back(std::move(made));
  }
  for (const auto& machine : settings.machines) {
    if (machine.opcua && state->opcua == nullptr) {
      LINESIDE_ASSIGN(state->opcua, opcua::Server::start({.address = settings.address, .port = settings.opcua_port}));
      log(LogLevel::info, "plant", "OPC UA server is up", {{"endpoint", state->opcua->url()}});
    }
    LINESIDE_ASSIGN(auto made, Machine::start(machine, settings.seed * 1000 + 500 + number++, *state->truth,
                                              machine.opcua ? state->opcua.get() : nullptr, clock));
    log(LogLevel::info, "plant", "machine is up",
        {{"machine", machine.name},
         {"waveforms", std::format("mqtt://{}:{} {}", machine.broker_host, machine.broker_port, machine.topic)}});
    state->machines.push_back(std::move(made));
  }
  if (settings.instruments.count > 0) {
    LINESIDE_ASSIGN(state->instruments, TagPlant::start(settings.instruments, settings.address, settings.seed, clock));
    log(LogLevel::info, "plant", "simulated instruments are up",
        {{"tags", std::to_string(settings.instruments.count)}});
  }
  const MonoTime first = clock.mono() + std::chrono::milliseconds{200};
  for (std::size_t i = 0; i < state->lines.size(); ++i) {
    const double period_ns = 60e9 / settings.lines[i].items_per_minute;
    const double phase_ns = period_ns * static_cast<double>(i) / static_cast<double>(state->lines.size());
    state->lines[i]->start(first + nanoseconds{static_cast<std::int64_t>(phase_ns)});
  }
  return std::unique_ptr<Plant>(new Plant(std::move(state)));
}

namespace {

std::optional<CameraTrouble> camera_trouble(std::string_view word) {
  if (word == "ok") return CameraTrouble::none;
  if (word == "freeze") return CameraTrouble::freeze;
  if (word == "off") return CameraTrouble::off;
  if (word == "resize") return CameraTrouble::resize;
  return std::nullopt;
}

std::optional<ModbusMode> modbus_mode(std::string_view word) {
  if (word == "ok") return ModbusMode::serving;
  if (word == "silent") return ModbusMode::silent;
  if (word == "gone") return ModbusMode::gone;
  return std::nullopt;
}

}  // namespace

// `machine NAME FAULT [SEVERITY]` and `sensor NAME TROUBLE`; false: it is no such order.
Result<bool> Plant::order_machine(std::string_view text) {
  std::istringstream words{std::string(text)};
  std::string device, name, what, more;
  double severity = 1;
  words >> device >> name >> what;
  const auto fault = device == "machine" ? machine_fault(what) : std::nullopt;
  const auto trouble = device == "sensor" ? sensor_trouble(what) : std::nullopt;
  if (!fault && !trouble) return false;
  if (fault && !(words >> severity)) words.clear(), severity = 1;
  if (words >> more) return false;
  bool found = false;
  for (auto& machine : state_->machines) {
    if (name != "all" && machine->name() != name) continue;
    found = true;
    if (fault) machine->set_fault(*fault, severity);
    if (trouble) machine->set_sensor(*trouble);
  }
  if (!found) return fail(ErrorCode::usage, std::format("there is no machine '{}'", name));
  return true;
}

Result<void> Plant::order(std::string_view text) {
  LINESIDE_ASSIGN(const bool of_machine, order_machine(text));
  if (of_machine) {
    log(LogLevel::info, "plant", "order carried out", {{"order", std::string(text)}});
    return {};
  }
  std::istringstream words{std::string(text)};
  std::string device, line_name, what, more;
  words >> device >> line_name >> what;
  const auto trouble = device == "instruments" && what.empty() ? tag_trouble(line_name) : std::nullopt;
  if (trouble && state_->instruments != nullptr) {
    state_->instruments->set_trouble(*trouble);
    log(LogLevel::info, "plant", "order carried out", {{"order", std::string(text)}});
    return {};
  }
  const auto camera = device == "camera" ? camera_trouble(what) : std::nullopt;
  const auto mode = device == "rejector" ? modbus_mode(what) : std::nullopt;
  if ((!camera && !mode) || words >> more)
    return fail(ErrorCode::usage, std::format("'{}' is no order; say `camera LINE ok|freeze|off|resize`, "
                                              "`rejector LINE ok|silent|gone`, `machine NAME FAULT [SEVERITY]`, "
                                              "`sensor NAME ok|gone|flat|clip|gain|gap|rate|backwards|nan` or "
                                              "`instruments ok|freeze|garbage|gone`",
                                              text));
  bool found = false;
  for (auto& line : state_->lines) {
    if (line_name != "all" && line->name() != line_name) continue;
    found = true;
    if (camera) line->set_camera(*camera);
    if (mode) line->set_rejector(*mode);
  }
  if (!found) return fail(ErrorCode::usage, std::format("there is no line '{}'", line_name));
  log(LogLevel::info, "plant", "order carried out", {{"order", std::string(text)}});
  return {};
}

}  // namespace lineside::plant
