#include "gateway/sparkplug/session.h"

#include <thread>
#include <utility>

namespace lineside::gateway {
namespace {

constexpr std::size_t kMessagesMax = 256, kBytesMax = 1u << 20;  // between two take(): commands are short

}  // namespace

Result<std::unique_ptr<SparkplugSession>> SparkplugSession::open(const BrokerAccess& broker,
                                                                 const std::string& client_id,
                                                                 const EdgeNode::Message& will,
                                                                 const std::vector<std::string>& subscriptions,
                                                                 std::function<void()> wake) {
  std::unique_ptr<SparkplugSession> session(new SparkplugSession(std::move(wake)));
  mqtt::ClientOptions options{.broker = broker,
                              .client_id = client_id,
                              .will_topic = will.topic,
                              .will_payload = {will.payload.begin(), will.payload.end()},
                              .will_retained = false,
                              .subscriptions = subscriptions,
                              .reconnect = false};
  LINESIDE_ASSIGN(session->client_, mqtt::Client::start(options, *session));
  return session;
}

SparkplugSession::~SparkplugSession() { client_.reset(); }

SparkplugSession::Heard SparkplugSession::take() {
  const std::lock_guard lock(mutex_);
  heard_bytes_ = 0;
  return std::exchange(heard_, {});
}

Result<void> SparkplugSession::publish(const EdgeNode::Message& message) {
  {
    const std::lock_guard lock(mutex_);
    ++published_;
  }
  const auto done = client_->publish(message.topic, message.payload);
  if (done) return {};
  const std::lock_guard lock(mutex_);
  --published_;
  return std::unexpected(done.error());
}

std::size_t SparkplugSession::under_way() const {
  const std::lock_guard lock(mutex_);
  return published_ - given_;
}

void SparkplugSession::flush(std::chrono::milliseconds wait_max) const {
  const auto until = std::chrono::steady_clock::now() + wait_max;
  while (under_way() > 0 && client_->connected() && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
}

void SparkplugSession::hear(void (*note)(Heard& heard, const std::string& text), const std::string& text) {
  {
    const std::lock_guard lock(mutex_);
    note(heard_, text);
  }
  wake_();
}

void SparkplugSession::on_reached() {
  hear([](Heard& heard, const std::string&) { heard.reached = true; });
}

void SparkplugSession::on_connected() {
  hear([](Heard& heard, const std::string&) { heard.connected = true; });
}

void SparkplugSession::on_subscribed() {
  hear([](Heard& heard, const std::string&) { ++heard.subscriptions; });
}

std::vector<std::string> SparkplugSession::on_subscription_refused(const std::string& filter) {
  hear([](Heard& heard, const std::string& refused) { heard.refused.push_back(refused); }, filter);
  return {};
}

void SparkplugSession::on_disconnected(const std::string& why) {
  hear([](Heard& heard, const std::string& reason) { heard.ended = reason; }, why);
}

void SparkplugSession::on_acknowledged(int) {
  const std::lock_guard lock(mutex_);
  ++given_;
}

void SparkplugSession::on_message(std::string_view topic, std::span<const std::uint8_t> payload) {
  keep(topic, payload, false);
}

void SparkplugSession::on_retained(std::string_view topic, std::span<const std::uint8_t> payload) {
  keep(topic, payload, true);
}

void SparkplugSession::keep(std::string_view topic, std::span<const std::uint8_t> payload, bool retained) {
  {
    const std::lock_guard lock(mutex_);
    if (heard_.messages.size() >= kMessagesMax || payload.size() > kBytesMax - heard_bytes_) {
      ++heard_.too_many;
    } else {
      heard_bytes_ += payload.size();
      heard_.messages.push_back({std::string(topic), wire::Bytes(payload.begin(), payload.end()), retained});
    }
  }
  wake_();
}

}  // namespace lineside::gateway
