#include "gateway/act/mqtt_actuator.h"

#include <mosquitto.h>

#include <cerrno>
#include <cstring>
#include <format>
#include <set>

namespace lineside::gateway {

using namespace std::chrono_literals;
using SafeState = config::ActuatorSettings::SafeState;

namespace {

constexpr int kKeepAliveS = 10;
constexpr int kPollMs = 100;

void start_mosquitto() {
  static const int started = mosquitto_lib_init();
  static_cast<void>(started);
}

}  // namespace

// One connection, from connecting to its first failure.
class MqttActuator::Client {
 public:
  explicit Client(const config::ActuatorSettings& settings) {
    start_mosquitto();
    handle_.reset(mosquitto_new(nullptr, true, this));
    if (!handle_) {
      end("no memory");
      return;
    }
    mosquitto_threaded_set(handle_.get(), true);
    mosquitto_int_option(handle_.get(), MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_callback_set(
        handle_.get(), [](mosquitto*, void* self, int code) { static_cast<Client*>(self)->on_connect(code); });
    mosquitto_publish_callback_set(handle_.get(), [](mosquitto*, void* self, int message) {
      static_cast<Client*>(self)->on_acknowledged(message);
    });
    const int code = mosquitto_connect_async(handle_.get(), settings.host.c_str(), settings.port, kKeepAliveS);
    if (code != MOSQ_ERR_SUCCESS) {
      end(text(code));
      return;
    }
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  ~Client() {
    thread_.request_stop();
    if (handle_) mosquitto_disconnect(handle_.get());  // also wakes the thread
    if (thread_.joinable()) thread_.join();
  }

  bool wait_connected(nanoseconds wait_max) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, wait_max, [&] { return connected_ || ended_; });
    return connected_ && !ended_;
  }

  // True once the broker has acknowledged the message.
  bool publish(const std::string& topic, const std::string& payload, bool retain, nanoseconds wait_max) {
    int message = 0;
    const int code = mosquitto_publish(handle_.get(), &message, topic.c_str(), static_cast<int>(payload.size()),
                                       payload.data(), 1, retain);
    if (code != MOSQ_ERR_SUCCESS) {
      end(text(code));
      return false;
    }
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, wait_max, [&] { return acknowledged_.contains(message) || ended_; }) &&
           acknowledged_.erase(message) > 0;
  }

  // Why the connection has ended; empty while it has not.
  std::string why() const {
    const std::lock_guard lock(mutex_);
    return ended_ ? why_ : "";
  }

 private:
  struct Free {
    void operator()(mosquitto* handle) const { mosquitto_destroy(handle); }
  };

  static std::string text(int code) { return code == MOSQ_ERR_ERRNO ? std::strerror(errno) : mosquitto_strerror(code); }

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const int code = mosquitto_loop(handle_.get(), kPollMs, 1);
      if (code != MOSQ_ERR_SUCCESS) return end(text(code));
    }
  }

  void on_connect(int code) {
    if (code != 0) return end(std::format("the broker refuses: {}", mosquitto_connack_string(code)));
    const std::lock_guard lock(mutex_);
    connected_ = true;
    changed_.notify_all();
  }

  void on_acknowledged(int message) {
    const std::lock_guard lock(mutex_);
    acknowledged_.insert(message);
    changed_.notify_all();
  }

  void end(std::string why) {
    const std::lock_guard lock(mutex_);
    if (!ended_) why_ = std::move(why);
    ended_ = true;
    changed_.notify_all();
  }

  std::unique_ptr<mosquitto, Free> handle_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool connected_ = false, ended_ = false;
  std::string why_;
  std::set<int> acknowledged_;
  std::jthread thread_;
};

MqttActuator::MqttActuator(const config::ActuatorSettings& settings, Clock& clock)
    : settings_(settings), clock_(clock) {}

MqttActuator::~MqttActuator() = default;

Result<void> MqttActuator::connect(MonoTime deadline) {
  if (client_ && !client_->why().empty()) client_.reset();
  if (!client_) client_ = std::make_unique<Client>(settings_);
  if (client_->wait_connected(std::max<nanoseconds>(deadline - clock_.mono(), 0ns))) return {};
  const std::string why = client_->why();
  return fail(ErrorCode::actuator_unreachable,
              std::format("MQTT broker {}:{}: {}", settings_.host, settings_.port, why.empty() ? "no answer" : why));
}

Result<void> MqttActuator::publish(const std::string& payload, bool retain, MonoTime deadline) {
  LINESIDE_TRY(connect(deadline));
  if (client_->publish(settings_.topic, payload, retain, std::max<nanoseconds>(deadline - clock_.mono(), 0ns)))
    return {};
  const std::string why = client_->why();
  client_.reset();
  return fail(ErrorCode::actuator_unreachable,
              std::format("MQTT broker {}:{} has not acknowledged a message on {}: {}", settings_.host, settings_.port,
                          settings_.topic, why.empty() ? "no answer in time" : why));
}

Result<void> MqttActuator::open(MonoTime deadline) { return connect(deadline); }

Result<void> MqttActuator::fire(const ActuationCommand& command) {
  const MonoTime now = clock_.mono();
  if (now > command.give_up)
    return fail(ErrorCode::timeout, std::format("item {} had gone by before the message was sent", command.item));
  const MonoTime deadline = std::min(command.give_up, now + settings_.timeout);
  return publish(std::format(R"({{"do":"reject","item":{},"pulse_ms":{},"expires":"{}"}})", command.item,
                             settings_.pulse.count(), to_rfc3339(clock_.wall() + (command.give_up - now))),
                 false, deadline);
}

Result<void> MqttActuator::probe(MonoTime deadline) {
  return connect(std::min(deadline, clock_.mono() + settings_.timeout));
}

Result<void> MqttActuator::go_safe(MonoTime deadline) {
  if (settings_.safe_state == SafeState::hold) return {};
  const char* what = settings_.safe_state == SafeState::reject_all ? "reject_all" : "pass_all";
  return publish(std::format(R"({{"do":"{}"}})", what), false, deadline);
}

}  // namespace lineside::gateway
