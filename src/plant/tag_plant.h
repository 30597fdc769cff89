#pragma once
// Many simulated instruments, served as real ones are: by OPC UA, Modbus TCP and MQTT.
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/plant_settings.h"
#include "mqtt/mqtt_client.h"
#include "opcua/server.h"
#include "plant/modbus_server.h"
#include "plant/tag_signal.h"

namespace lineside::plant {

// What is wrong: nothing; nobody answers or sends; values that are none (OPC UA: texts and bad status, Modbus: NaN,
// MQTT: nonsense); connections are closed and nobody is there.
enum class TagTrouble : std::uint8_t { none, freeze, garbage, gone };

// Tag N, NAME as name_of_tag(N), each `period`: OPC UA node ns=1;s=NAME (Double); Modbus holding registers 2N and 2N +
// 1 (float32, high word first), any unit, and behind those of all tags 16 that clients may write; MQTT topic
// TOPIC/NAME, {"value": 1.5, "time": milliseconds since 1970}. Owns its thread.
class TagPlant final : private mqtt::Handler {
 public:
  // Errors: address_in_use; those of mqtt::Client::start and opcua::Server::start.
  static Result<std::unique_ptr<TagPlant>> start(const config::TagPlantSettings& settings, const std::string& address,
                                                 std::uint64_t seed, Clock& clock);
  ~TagPlant() override;
  void set_trouble(TagTrouble trouble) { trouble_ = trouble; }  // thread-safe; from the next period on

 private:
  TagPlant(const config::TagPlantSettings& settings, std::string address, std::uint64_t seed, Clock& clock);
  Result<void> serve_opcua();
  void run(const std::stop_token& stop);
  void change(TagTrouble to);
  void offer(const std::vector<double>& values, bool garbage);
  void on_connected() override {}
  void on_disconnected(const std::string&) override {}

  const config::TagPlantSettings settings_;
  const std::string address_;
  Clock& clock_;
  std::vector<TagSignal> signals_;
  std::atomic<TagTrouble> trouble_{TagTrouble::none};
  TagTrouble now_ = TagTrouble::none;
  std::unique_ptr<opcua::Server> opcua_;
  std::unique_ptr<ModbusServer> modbus_;
  std::unique_ptr<mqtt::Client> mqtt_;
  std::jthread thread_;
};

std::optional<TagTrouble> tag_trouble(std::string_view word);

}  // namespace lineside::plant
