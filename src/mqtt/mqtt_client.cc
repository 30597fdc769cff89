#include "mqtt/mqtt_client.h"

#include <mosquitto.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <format>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "base/file.h"

namespace lineside::mqtt {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kLoopMs = 200;
constexpr int kPacketsAtOnce = 256;  // between two looks at what is to be sent and at the time
constexpr int kRefused = 0x80;       // MQTT 3.1.1, 3.9.3
constexpr milliseconds kConnectMax{10'000};
constexpr milliseconds kGoodbyeMax{500}, kStopMax{2000};
constexpr std::chrono::seconds kStable{5};  // a connection that ends sooner counts as a failure to connect
constexpr std::size_t kPayloadBytesMax = 32u << 20;

// Once, and for as long as the process lives: the library counts its users without a lock.
void start_library() {
  static const int started = mosquitto_lib_init();
  static_cast<void>(started);
}

Result<std::string> read_password(const std::string& file) {
  if (file.empty()) return std::string{};
  LINESIDE_ASSIGN(std::string password, read_text(file, 4096));
  while (password.ends_with('\n') || password.ends_with('\r')) password.pop_back();
  return password;
}

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

Result<void> check_files(const ClientOptions& options) {
  for (const std::string& file : {options.broker.ca_file, options.broker.cert_file, options.broker.key_file})
    if (!file.empty() && !std::filesystem::is_regular_file(file))
      return fail(ErrorCode::file_not_found, std::format("there is no TLS file {}", file));
  if (options.broker.cert_file.empty() != options.broker.key_file.empty())
    return fail(ErrorCode::config_invalid, "a client certificate and its key must be given together");
  return {};
}

}  // namespace

class Client::Impl {
 public:
  Impl(ClientOptions options, Handler& handler) : options_(std::move(options)), handler_(&handler) {}

  ~Impl() { mosquitto_destroy(mosquitto_); }

  // The thread keeps `self` alive.
  Result<void> start(const std::shared_ptr<Impl>& self) {
    start_library();
    LINESIDE_ASSIGN(const std::string password, read_password(options_.broker.password_file));
    mosquitto_ = mosquitto_new(or_null(options_.client_id), true, this);
    if (mosquitto_ == nullptr) return fail(ErrorCode::internal, "libmosquitto could not make a client");
    mosquitto_threaded_set(mosquitto_, true);
    mosquitto_int_option(mosquitto_, MOSQ_OPT_TCP_NODELAY, 1);
    if (!options_.broker.username.empty())
      mosquitto_username_pw_set(mosquitto_, options_.broker.username.c_str(), or_null(password));
    if (options_.broker.tls) LINESIDE_TRY(set_tls());
    if (!options_.will_topic.empty())
      mosquitto_will_set(mosquitto_, options_.will_topic.c_str(), static_cast<int>(options_.will_payload.size()),
                         options_.will_payload.data(), 1, options_.will_retained);
    set_callbacks();
    thread_ = std::thread([self] { self->run(); });
    return {};
  }

  void ask_to_stop() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
    if (!options_.reconnect) mosquitto_disconnect(mosquitto_);  // wakes the thread
  }

  void stop() {
    ask_to_stop();
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, kStopMax, [this] { return ended_ || looking_up_; });
    const bool ended = ended_;
    lock.unlock();
    if (ended) return thread_.join();
    {
      const std::lock_guard silence(handler_mutex_);
      handler_ = nullptr;
    }
    thread_.detach();
  }

  Result<int> publish(const std::string& topic, std::span<const std::uint8_t> payload, int qos, bool retain) {
    if (payload.size() > kPayloadBytesMax) return fail(ErrorCode::limit_reached, "the MQTT message is too long");
    if (!connected_) return not_connected();
    int message = 0;
    const int code = mosquitto_publish(mosquitto_, &message, topic.c_str(), static_cast<int>(payload.size()),
                                       payload.data(), qos, retain);
    if (code != MOSQ_ERR_SUCCESS) return fail(ErrorCode::broker_unreachable, mosquitto_strerror(code));
    return message;
  }

  Result<void> subscribe(const std::string& pattern, int qos) {
    const int code = mosquitto_subscribe(mosquitto_, nullptr, pattern.c_str(), qos);
    if (code != MOSQ_ERR_SUCCESS) return fail(ErrorCode::broker_unreachable, mosquitto_strerror(code));
    return {};
  }

  bool connected() const { return connected_; }
  bool looking_up() const {
    const std::lock_guard lock(mutex_);
    return looking_up_;
  }

 private:
  // Nobody hears anything after stop().
  template <class Call>
  void tell(Call&& call) {
    const std::lock_guard lock(handler_mutex_);
    if (handler_ != nullptr) call(*handler_);
  }

  std::unexpected<Error> not_connected() const {
    return fail(ErrorCode::broker_unreachable,
                std::format("no connection to the MQTT broker {}:{}", options_.broker.host, options_.broker.port));
  }

  Result<void> set_tls() {
    LINESIDE_TRY(check_files(options_));
    const char* system_certificates = options_.broker.ca_file.empty() ? "/etc/ssl/certs" : nullptr;
    int code = mosquitto_tls_set(mosquitto_, or_null(options_.broker.ca_file), system_certificates,
                                 or_null(options_.broker.cert_file), or_null(options_.broker.key_file), nullptr);
    if (code == MOSQ_ERR_SUCCESS) code = mosquitto_tls_opts_set(mosquitto_, 1, "tlsv1.2", nullptr);
    if (code != MOSQ_ERR_SUCCESS)
      return fail(ErrorCode::config_invalid, std::format("TLS settings are not usable: {}", mosquitto_strerror(code)));
    return {};
  }

  void set_callbacks() {
    mosquitto_connect_callback_set(mosquitto_,
                                   [](mosquitto*, void* self, int code) { static_cast<Impl*>(self)->connack(code); });
    mosquitto_disconnect_callback_set(
        mosquitto_, [](mosquitto*, void* self, int code) { static_cast<Impl*>(self)->lost(mosquitto_strerror(code)); });
    mosquitto_subscribe_callback_set(
        mosquitto_, [](mosquitto*, void* self, int message, int count, const int* granted) {
          static_cast<Impl*>(self)->subscribed(message, {granted, static_cast<std::size_t>(std::max(count, 0))});
        });
    mosquitto_publish_callback_set(mosquitto_, [](mosquitto*, void* self, int message) {
      static_cast<Impl*>(self)->tell([&](Handler& handler) { handler.on_acknowledged(message); });
    });
    mosquitto_message_callback_set(mosquitto_, [](mosquitto*, void* self, const mosquitto_message* message) {
      const std::span payload(static_cast<const std::uint8_t*>(message->payload),
                              static_cast<std::size_t>(message->payloadlen));
      static_cast<Impl*>(self)->message_came_ = true;
      static_cast<Impl*>(self)->tell([&](Handler& handler) {
        message->retain ? handler.on_retained(message->topic, payload) : handler.on_message(message->topic, payload);
      });
    });
  }

  void connack(int code) {
    if (code != 0) {
      refused_ = mosquitto_connack_string(code);
      return;
    }
    connected_ = true;
    connected_at_ = steady_clock::now();
    asked_.clear();
    ask_for(options_.subscriptions);
    tell([](Handler& handler) { handler.on_connected(); });
  }

  // What to ask for instead.
  std::vector<std::string> refused(const std::string& filter) {
    std::vector<std::string> instead;
    tell([&](Handler& handler) { instead = handler.on_subscription_refused(filter); });
    return instead;
  }

  void ask_for(std::vector<std::string> filters) {
    while (!filters.empty()) {
      std::vector<std::string> instead;
      for (std::string& filter : filters) {
        int message = 0;
        if (mosquitto_subscribe(mosquitto_, &message, filter.c_str(), options_.subscription_qos) == MOSQ_ERR_SUCCESS)
          asked_[message] = std::move(filter);
        else
          std::ranges::move(refused(filter), std::back_inserter(instead));
      }
      filters = std::move(instead);
    }
  }

  void subscribed(int message, std::span<const int> granted) {
    const auto asked = asked_.extract(message);
    if (!asked.empty() && std::ranges::any_of(granted, [](int qos) { return qos >= kRefused; }))
      ask_for(refused(asked.mapped()));
    else
      tell([](Handler& handler) { handler.on_subscribed(); });
  }

  void lost(const std::string& why) {
    const bool was_connected = connected_.exchange(false);
    if (was_connected) tell([&](Handler& handler) { handler.on_disconnected(why); });
  }

  void run() {
    delay_ = options_.reconnect_min;
    while (!stopping()) {
      refused_.clear();
      const std::string why = one_connection();
      lost(why);
      if (stopping()) break;
      if (const auto since = std::exchange(connected_at_, std::nullopt);
          since && steady_clock::now() - *since >= kStable)
        delay_ = options_.reconnect_min;
      const std::string& reason = refused_.empty() ? why : refused_;
      const std::string text = std::format("{}:{}: {}", options_.broker.host, options_.broker.port, reason);
      tell([&](Handler& handler) { handler.on_disconnected(text); });
      if (!options_.reconnect) break;
      pause();
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    wake_.notify_all();
  }

  // Waits for nothing but the name server.
  int begin_connecting() {
    const auto set_looking_up = [this](bool now) {
      const std::lock_guard lock(mutex_);
      looking_up_ = now;
      wake_.notify_all();
    };
    set_looking_up(true);
    const int code = mosquitto_connect_async(mosquitto_, options_.broker.host.c_str(), options_.broker.port,
                                             static_cast<int>(options_.keep_alive.count()));
    const int why = errno;
    set_looking_up(false);
    errno = why;
    return code;
  }

  // Until the TCP connection stands, failed, or the time is over. Asked here because the library calls every failure of
  // it a protocol error once TLS is on.
  int tcp_error(steady_clock::time_point give_up) {
    pollfd wanted{mosquitto_socket(mosquitto_), POLLOUT, 0};
    while (wanted.fd >= 0 && !stopping() && steady_clock::now() < give_up) {
      if (poll(&wanted, 1, kLoopMs) <= 0) continue;
      int error = 0;
      socklen_t size = sizeof error;
      return getsockopt(wanted.fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
    }
    return 0;
  }

  // Connects and serves the connection until it ends; why it ended.
  std::string one_connection() {
    int code = begin_connecting();
    const auto give_up = steady_clock::now() + kConnectMax;
    if (const int error = code == MOSQ_ERR_SUCCESS ? tcp_error(give_up) : 0; error != 0) {
      mosquitto_disconnect(mosquitto_);
      return std::generic_category().message(error);
    }
    if (code == MOSQ_ERR_SUCCESS && steady_clock::now() < give_up) tell([](Handler& handler) { handler.on_reached(); });
    while (code == MOSQ_ERR_SUCCESS && !stopping()) {
      code = look_at_network();
      if (connected_) tell([](Handler& handler) { handler.on_served(); });
      if (code == MOSQ_ERR_SUCCESS && !connected_ && steady_clock::now() > give_up) {
        mosquitto_disconnect(mosquitto_);
        return "no answer";
      }
    }
    if (stopping() && options_.reconnect) say_goodbye();
    if (stopping() && !options_.reconnect) mosquitto_loop(mosquitto_, 20, 1);  // the goodbye that stop() has queued
    return code == MOSQ_ERR_ERRNO ? std::generic_category().message(errno) : mosquitto_strerror(code);
  }

  // The library asks the kernel whether there is something before each packet that it reads; where one message came,
  // the next is mostly there already.
  int look_at_network() {
    message_came_ = false;
    int code = mosquitto_loop(mosquitto_, kLoopMs, 1);
    for (int i = 1; i < kPacketsAtOnce && code == MOSQ_ERR_SUCCESS && std::exchange(message_came_, false); ++i)
      code = mosquitto_loop_read(mosquitto_, 1);
    return code;
  }

  // Lets what is queued go out, then disconnects so that the broker does not send the will.
  void say_goodbye() {
    const auto until = steady_clock::now() + kGoodbyeMax;
    while (connected_ && mosquitto_want_write(mosquitto_) && steady_clock::now() < until)
      if (mosquitto_loop(mosquitto_, 20, 1) != MOSQ_ERR_SUCCESS) break;
    mosquitto_disconnect(mosquitto_);
    mosquitto_loop(mosquitto_, 20, 1);
  }

  // Doubling back-off; jitter of a quarter, so that a thousand gateways do not come back in the same second.
  void pause() {
    const double jitter = std::uniform_real_distribution<double>(0.75, 1.25)(random_);
    const auto wait = std::chrono::duration_cast<milliseconds>(delay_ * jitter);
    delay_ = std::min(delay_ * 2, options_.reconnect_max);
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, wait, [this] { return stopping_; });
  }

  bool stopping() {
    std::lock_guard lock(mutex_);
    return stopping_;
  }

  const ClientOptions options_;
  std::mutex handler_mutex_;
  Handler* handler_;  // null after stop()
  mosquitto* mosquitto_ = nullptr;
  std::atomic<bool> connected_{false};
  std::string refused_;
  bool message_came_ = false;                             // the network thread's own
  milliseconds delay_{};                                  // likewise
  std::optional<steady_clock::time_point> connected_at_;  // likewise
  std::map<int, std::string> asked_;                      // subscriptions not answered yet, by message; likewise
  std::mt19937 random_{std::random_device{}()};
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false, ended_ = false, looking_up_ = false;
  std::thread thread_;
};

Result<std::unique_ptr<Client>> Client::start(const ClientOptions& options, Handler& handler) {
  auto impl = std::make_shared<Impl>(options, handler);
  LINESIDE_TRY(impl->start(impl));
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

Client::Client(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() { impl_->stop(); }

void Client::ask_to_stop() { impl_->ask_to_stop(); }

Result<int> Client::publish(const std::string& topic, std::span<const std::uint8_t> payload, int qos, bool retain) {
  return impl_->publish(topic, payload, qos, retain);
}

Result<void> Client::subscribe(const std::string& pattern, int qos) { return impl_->subscribe(pattern, qos); }

bool Client::connected() const { return impl_->connected(); }

bool Client::looking_up() const { return impl_->looking_up(); }

bool topic_matches(const std::string& filter, const std::string& topic) {
  bool matches = false;
  return mosquitto_topic_matches_sub(filter.c_str(), topic.c_str(), &matches) == MOSQ_ERR_SUCCESS && matches;
}

std::uint64_t publish_packet_bytes(std::size_t topic_bytes, std::size_t payload_bytes) {
  const std::uint64_t remaining = 2 + topic_bytes + payload_bytes;
  const std::uint64_t length_bytes = remaining < 128 ? 1 : remaining < 16'384 ? 2 : remaining < 2'097'152 ? 3 : 4;
  return 1 + length_bytes + remaining;
}

}  // namespace lineside::mqtt
