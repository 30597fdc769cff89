#include "plant/machine.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <format>

#include "base/log.h"

namespace lineside::plant {
namespace {

constexpr std::array<std::string_view, 9> kTroubles{"ok",  "gone", "flat",      "clip", "gain",
                                                    "gap", "rate", "backwards", "nan"};
constexpr double kFullScale = 50;  // m/s2, of 16 and 24 bits
constexpr std::size_t kHeaderBytes = 48;

template <class T>
void put(std::vector<std::uint8_t>& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

MachineSpec spec_of(const config::MachineSettings& settings, std::uint64_t seed) {
  return {.rate_hz = settings.rate_hz,
          .axes = settings.axes,
          .speed_hz = settings.speed_hz,
          .pump = settings.kind == "pump",
          .seed = seed};
}

}  // namespace

std::optional<SensorTrouble> sensor_trouble(std::string_view name) {
  const auto found = std::ranges::find(kTroubles, name);
  if (found == kTroubles.end()) return std::nullopt;
  return static_cast<SensorTrouble>(found - kTroubles.begin());
}

Machine::Machine(const config::MachineSettings& settings, std::uint64_t seed, TruthLog& truth, opcua::Server* opcua,
                 Clock& clock)
    : settings_(settings),
      truth_(truth),
      opcua_(opcua),
      clock_(clock),
      signal_(spec_of(settings, seed)),
      began_(clock.mono()) {}

Result<std::unique_ptr<Machine>> Machine::start(const config::MachineSettings& settings, std::uint64_t seed,
                                                TruthLog& truth, opcua::Server* opcua, Clock& clock) {
  auto machine = std::unique_ptr<Machine>(new Machine(settings, seed, truth, opcua, clock));
  mqtt::ClientOptions options;
  options.broker = {.host = settings.broker_host, .port = settings.broker_port, .tls = false};
  options.reconnect_max = std::chrono::milliseconds{2000};
  LINESIDE_ASSIGN(machine->client_, mqtt::Client::start(options, *machine));
  machine->thread_ = std::jthread([m = machine.get()](const std::stop_token& stop) { m->run(stop); });
  return machine;
}

Machine::~Machine() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Machine::set_fault(MachineFault fault, double severity) {
  fault_done_ = true;  // what is ordered takes the place of what was planned
  std::lock_guard lock(mutex_);
  signal_.set_fault(fault, severity);
  truth_.trouble(settings_.name, std::format("machine {} {:.2f}", to_string(fault), severity), clock_.wall());
}

void Machine::set_sensor(SensorTrouble trouble) {
  trouble_ = trouble;
  truth_.trouble(settings_.name, std::format("sensor {}", kTroubles[static_cast<std::size_t>(trouble)]), clock_.wall());
}

// The fault of the settings begins small and grows to its severity.
void Machine::planned_fault(MonoTime now) {
  const auto fault = machine_fault(settings_.fault);
  if (!fault || *fault == MachineFault::none) return;
  const double after_s = static_cast<double>((now - began_).count()) / 1e9 - settings_.fault_after_s;
  if (after_s < 0) return;
  const double share = settings_.fault_grows_s > 0 ? std::min(1.0, after_s / settings_.fault_grows_s) : 1;
  if (!fault_began_)
    log(LogLevel::info, "plant", "a machine gets a fault", {{"machine", settings_.name}, {"fault", settings_.fault}});
  if (!fault_began_) truth_.trouble(settings_.name, "machine " + settings_.fault, clock_.wall());
  fault_began_ = true;
  std::lock_guard lock(mutex_);
  signal_.set_fault(*fault, settings_.severity * std::max(0.1, share));
  if (share >= 1) fault_done_ = true;
}

void Machine::run(const std::stop_token& stop) {
  const auto samples = static_cast<std::size_t>(std::max(1.0, settings_.rate_hz * settings_.block_ms / 1000));
  const nanoseconds length{static_cast<std::int64_t>(static_cast<double>(samples) / settings_.rate_hz * 1e9)};
  std::vector<float> values(samples * static_cast<std::size_t>(settings_.axes));
  MonoTime due = clock_.mono();
  while (!stop.stop_requested()) {
    if (!fault_done_) planned_fault(due);
    {
      std::lock_guard lock(mutex_);
      signal_.next(values);
    }
    due += length;
    clock_.sleep_until(due);
    publish(values, clock_.wall() - (clock_.mono() - due) - length);
  }
}

void Machine::publish(std::span<const float> values, WallTime first) {
  const SensorTrouble trouble = trouble_;
  ++sequence_;
  if (trouble == SensorTrouble::gone || (trouble == SensorTrouble::gap && sequence_ % 10 == 0)) return;
  const auto axes = static_cast<std::size_t>(settings_.axes);
  const std::size_t samples = values.size() / axes;
  const bool floats = settings_.format == "float32";
  const std::size_t width = floats ? 4 : settings_.format == "int24" ? 3 : 2;
  const double full = floats ? 1 : width == 3 ? 8'388'607 : 32'767, scale = floats ? 1 : kFullScale / full;
  std::vector<std::uint8_t> bytes(kHeaderBytes + values.size() * width);
  std::memcpy(bytes.data(), "LSWB", 4);
  bytes[4] = 1;
  bytes[5] = floats ? 1 : width == 3 ? 3 : 2;
  put(bytes, 6, static_cast<std::uint16_t>(axes));
  put(bytes, 8, static_cast<std::uint32_t>(samples));
  put(bytes, 12, sequence_);
  put(bytes, 16, settings_.rate_hz * (trouble == SensorTrouble::rate ? 2 : 1));
  if (trouble == SensorTrouble::backwards && sequence_ % 5 == 0) first -= std::chrono::seconds{1};
  put(bytes, 24, static_cast<std::int64_t>(first.time_since_epoch().count()));
  put(bytes, 32, scale);
  std::uint8_t* to = bytes.data() + kHeaderBytes;
  if (trouble != SensorTrouble::flat || last_.size() != axes) last_.assign(axes, 0);
  std::vector<std::vector<float>> offered(axes);
  for (std::size_t i = 0; i < samples; ++i)
    for (std::size_t axis = 0; axis < axes; ++axis, to += width) {
      float value = values[axis * samples + i];
      if (trouble == SensorTrouble::flat) value = last_[axis];
      if (trouble == SensorTrouble::gain) value *= 10;
      if (trouble == SensorTrouble::clip) value = std::clamp(value, -0.4F, 0.4F);
      if (trouble == SensorTrouble::nan && i % 3 == 0) value = std::nanf("");
      last_[axis] = value;
      if (opcua_ != nullptr) offered[axis].push_back(value);
      if (floats) {
        std::memcpy(to, &value, 4);
        continue;
      }
      const double counts = std::isfinite(value) ? std::clamp(std::round(value / scale), -full, full) : 0;
      const auto number = static_cast<std::int32_t>(counts);
      std::memcpy(to, &number, width);
    }
  static_cast<void>(client_->publish(settings_.topic, bytes));  // without a broker it is lost
  if (opcua_ != nullptr) offer(offered, first);
}

// The source time is that of the last sample.
void Machine::offer(const std::vector<std::vector<float>>& axes, WallTime first) {
  const double length_s = static_cast<double>(axes.front().size() - 1) / settings_.rate_hz;
  const WallTime last = first + nanoseconds{static_cast<std::int64_t>(length_s * 1e9)};
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    const std::string name = axis < 3 ? std::string(1, static_cast<char>('x' + axis)) : std::format("a{}", axis + 1);
    const auto set = opcua_->set(settings_.name + "." + name, axes[axis], last);
    if (!set) log(LogLevel::warning, "plant", set.error().message, {{"machine", settings_.name}});
  }
}

}  // namespace lineside::plant
