#include "plant/tag_plant.h"

#include <algorithm>
#include <array>
#include <bit>
#include <format>
#include <limits>
#include <utility>

#include "base/backoff.h"
#include "base/log.h"

namespace lineside::plant {
namespace {

constexpr std::array<std::string_view, 4> kTroubles{"ok", "freeze", "garbage", "gone"};
constexpr std::uint32_t kBadSensorFailure = 0x808C'0000U;
constexpr int kRegistersOfTag = 2, kSpareRegisters = 16;
constexpr double kTrifle = 1e-3;  // of instruments whose steps are 0.1 and more

}  // namespace

std::optional<TagTrouble> tag_trouble(std::string_view word) {
  for (std::size_t i = 0; i < kTroubles.size(); ++i)
    if (word == kTroubles[i]) return static_cast<TagTrouble>(i);
  return std::nullopt;
}

TagPlant::TagPlant(const config::TagPlantSettings& settings, std::string address, std::uint64_t seed, Clock& clock)
    : settings_(settings), address_(std::move(address)), clock_(clock) {
  for (int i = 0; i < settings.count; ++i)
    signals_.emplace_back(kind_of_tag(i), seed * 1'000'003 + static_cast<std::uint64_t>(i));
}

TagPlant::~TagPlant() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

Result<std::unique_ptr<TagPlant>> TagPlant::start(const config::TagPlantSettings& settings, const std::string& address,
                                                  std::uint64_t seed, Clock& clock) {
  std::unique_ptr<TagPlant> plant(new TagPlant(settings, address, seed, clock));
  if (settings.opcua_port > 0) LINESIDE_TRY(plant->serve_opcua());
  if (settings.modbus_port > 0) {
    LINESIDE_ASSIGN(plant->modbus_,
                    ModbusServer::start(address, settings.modbus_port, {}, clock,
                                        std::min(settings.count * kRegistersOfTag + kSpareRegisters, 65'536)));
  }
  if (!settings.topic.empty()) {
    mqtt::ClientOptions options;
    options.broker = {.host = settings.broker_host, .port = settings.broker_port, .tls = false};
    options.reconnect_max = std::chrono::milliseconds{2000};
    LINESIDE_ASSIGN(plant->mqtt_, mqtt::Client::start(options, *plant));
  }
  plant->thread_ = std::jthread([p = plant.get()](const std::stop_token& stop) { p->run(stop); });
  return plant;
}

Result<void> TagPlant::serve_opcua() {
  LINESIDE_ASSIGN(opcua_, opcua::Server::start({.address = address_, .port = settings_.opcua_port}));
  return {};
}

void TagPlant::run(const std::stop_token& stop) {
  const double period_s = std::chrono::duration<double>(settings_.period).count();
  std::vector<double> values(signals_.size());
  MonoTime due = clock_.mono();
  while (!stop.stop_requested()) {
    if (const TagTrouble wanted = trouble_; wanted != now_) change(wanted);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double before = std::exchange(values[i], signals_[i].next(period_s));
      if (settings_.always_new && values[i] == before) values[i] += kTrifle;
    }
    if (now_ == TagTrouble::none || now_ == TagTrouble::garbage) offer(values, now_ == TagTrouble::garbage);
    due = std::max(due + settings_.period, clock_.mono());
    if (wait_or_stop(stop, due - clock_.mono())) return;
  }
}

void TagPlant::change(TagTrouble to) {
  if (modbus_ != nullptr)
    modbus_->set_mode(to == TagTrouble::freeze ? ModbusMode::silent
                      : to == TagTrouble::gone ? ModbusMode::gone
                                               : ModbusMode::serving);
  if (to == TagTrouble::gone) opcua_.reset();
  if (now_ == TagTrouble::gone && settings_.opcua_port > 0)
    if (const auto served = serve_opcua(); !served) {
      log(LogLevel::warning, "plant", served.error().message);
      return;  // once more at the next period
    }
  if (opcua_ != nullptr) opcua_->freeze(to == TagTrouble::freeze);
  now_ = to;
}

void TagPlant::offer(const std::vector<double>& values, bool garbage) {
  const WallTime now = clock_.wall();
  const auto time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  std::vector<std::uint16_t> words;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string name = name_of_tag(static_cast<int>(i));
    if (opcua_ != nullptr) {
      const auto value = garbage && i % 2 == 0 ? opcua::ServerValue{std::string("###")} : opcua::ServerValue{values[i]};
      if (const auto set = opcua_->set(name, value, now, garbage ? kBadSensorFailure : 0); !set)
        log(LogLevel::warning, "plant", set.error().message);
    }
    const float sent = garbage ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(values[i]);
    const auto bits = std::bit_cast<std::uint32_t>(sent);
    words.push_back(static_cast<std::uint16_t>(bits >> 16U));
    words.push_back(static_cast<std::uint16_t>(bits));
    if (mqtt_ == nullptr || !mqtt_->connected()) continue;
    const std::string text =
        garbage ? std::string("{\"value\": ###") : std::format("{{\"value\":{},\"time\":{}}}", values[i], time_ms);
    // Without a broker it is lost, as a sensor's is.
    static_cast<void>(mqtt_->publish(std::format("{}/{}", settings_.topic, name),
                                     {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
  }
  if (modbus_ != nullptr) modbus_->write(0, words);
}

}  // namespace lineside::plant
