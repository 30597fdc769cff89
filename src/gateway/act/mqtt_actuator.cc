#include "gateway/act/mqtt_actuator.h"

#include <condition_variable>
#include <format>
#include <mutex>
#include <set>

#include "mqtt/mqtt_client.h"

namespace lineside::gateway {

using namespace std::chrono_literals;
using SafeState = config::ActuatorSettings::SafeState;

namespace {

mqtt::ClientOptions client_options(const config::ActuatorSettings& settings) {
  mqtt::ClientOptions options;
  options.broker = settings.at;
  options.keep_alive = 10s;
  options.reconnect = false;
  return options;
}

}  // namespace

// One connection, from connecting to its first failure.
class MqttActuator::Connection final : public mqtt::Handler {
 public:
  explicit Connection(const config::ActuatorSettings& settings) {
    auto started = mqtt::Client::start(client_options(settings), *this);
    if (started) client_ = std::move(*started);
    if (!started) on_disconnected(started.error().message);
  }

  bool wait_connected(nanoseconds wait_max) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, wait_max, [&] { return connected_ || ended_; });
    return connected_ && !ended_;
  }

  // True once the broker has acknowledged the message.
  bool publish(const std::string& topic, const std::string& payload, nanoseconds wait_max) {
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size());
    const auto message = client_->publish(topic, bytes, 1);
    if (!message) {
      on_disconnected(message.error().message);
      return false;
    }
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, wait_max, [&] { return acknowledged_.contains(*message) || ended_; }) &&
           acknowledged_.erase(*message) > 0;
  }

  bool ended() const {
    const std::lock_guard lock(mutex_);
    return ended_;
  }

  // Why nothing goes over it.
  std::string why() const {
    const std::lock_guard lock(mutex_);
    if (ended_) return why_;
    return client_->looking_up() ? "the name server has not answered for its host name yet" : "no answer in time";
  }

  void on_connected() override {
    const std::lock_guard lock(mutex_);
    connected_ = true;
    changed_.notify_all();
  }

  void on_disconnected(const std::string& why) override {
    const std::lock_guard lock(mutex_);
    if (!ended_) why_ = why;
    ended_ = true;
    changed_.notify_all();
  }

  void on_acknowledged(int message) override {
    const std::lock_guard lock(mutex_);
    acknowledged_.insert(message);
    changed_.notify_all();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool connected_ = false, ended_ = false;
  std::string why_;
  std::set<int> acknowledged_;
  std::unique_ptr<mqtt::Client> client_;  // goes first: it calls the others
};

MqttActuator::MqttActuator(const config::ActuatorSettings& settings, Clock& clock)
    : settings_(settings), clock_(clock) {}

MqttActuator::~MqttActuator() = default;

std::string MqttActuator::broker() const {
  return std::format("MQTT broker {}:{}", settings_.at.host, settings_.at.port);
}

Result<void> MqttActuator::connect(MonoTime deadline) {
  if (connection_ && connection_->ended()) connection_.reset();
  if (!connection_) connection_ = std::make_unique<Connection>(settings_);
  if (connection_->wait_connected(std::max<nanoseconds>(deadline - clock_.mono(), 0ns))) return {};
  return fail(ErrorCode::actuator_unreachable, std::format("{}: {}", broker(), connection_->why()));
}

Result<void> MqttActuator::publish(const std::string& payload, MonoTime deadline) {
  LINESIDE_TRY(connect(deadline));
  if (connection_->publish(settings_.topic, payload, std::max<nanoseconds>(deadline - clock_.mono(), 0ns))) return {};
  const std::string why = connection_->why();
  connection_.reset();
  return fail(ErrorCode::actuator_unreachable,
              std::format("{} has not acknowledged a message on {}: {}", broker(), settings_.topic, why));
}

Result<void> MqttActuator::open(MonoTime deadline) { return connect(deadline); }

Result<void> MqttActuator::fire(const ActuationCommand& command) {
  const MonoTime now = clock_.mono();
  if (now > command.give_up)
    return fail(ErrorCode::timeout, std::format("item {} had gone by before the message was sent", command.item));
  const MonoTime deadline = std::min(command.give_up, now + settings_.timeout);
  return publish(std::format(R"({{"do":"reject","item":{},"pulse_ms":{},"expires":"{}"}})", command.item,
                             settings_.pulse.count(), to_rfc3339(clock_.wall() + (command.give_up - now))),
                 deadline);
}

Result<void> MqttActuator::probe(MonoTime deadline) {
  return connect(std::min(deadline, clock_.mono() + settings_.timeout));
}

Result<void> MqttActuator::go_safe(MonoTime deadline) {
  if (settings_.safe_state == SafeState::hold) return {};
  const char* what = settings_.safe_state == SafeState::reject_all ? "reject_all" : "pass_all";
  return publish(std::format(R"({{"do":"{}"}})", what), deadline);
}

}  // namespace lineside::gateway
