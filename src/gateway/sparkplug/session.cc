#include "gateway/sparkplug/session.h"

#include <thread>

namespace lineside::gateway {
namespace {

constexpr std::size_t kMessagesMax = 256, kMessageBytesMax = 256u << 10;

}  // namespace

Result<std::unique_ptr<SparkplugSession>> SparkplugSession::open(const BrokerAccess& broker,
                                                                 const std::string& client_id,
                                                                 const EdgeNode::Message& will,
                                                                 std::function<void()> wake) {
  std::unique_ptr<SparkplugSession> session(new SparkplugSession(std::move(wake)));
  mqtt::ClientOptions options{.broker = broker,
                              .client_id = client_id,
                              .will_topic = will.topic,
                              .will_payload = {will.payload.begin(), will.payload.end()},
                              .will_retained = false,
                              .reconnect = false};
  LINESIDE_ASSIGN(session->client_, mqtt::Client::start(options, *session));
  return session;
}

SparkplugSession::~SparkplugSession() { client_.reset(); }

SparkplugSession::Heard SparkplugSession::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(heard_, {});
}

Result<void> SparkplugSession::subscribe(const std::string& topic) { return client_->subscribe(topic, 1); }

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

void SparkplugSession::on_reached() {
  {
    const std::lock_guard lock(mutex_);
    heard_.reached = true;
  }
  wake_();
}

void SparkplugSession::on_connected() {
  {
    const std::lock_guard lock(mutex_);
    heard_.connected = true;
  }
  wake_();
}

void SparkplugSession::on_subscribed() {
  {
    const std::lock_guard lock(mutex_);
    ++heard_.subscriptions;
  }
  wake_();
}

void SparkplugSession::on_disconnected(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    heard_.ended = why;
  }
  wake_();
}

void SparkplugSession::on_acknowledged(int) {
  const std::lock_guard lock(mutex_);
  ++given_;
}

void SparkplugSession::on_message(std::string_view topic, std::span<const std::uint8_t> payload) {
  {
    const std::lock_guard lock(mutex_);
    if (heard_.messages.size() >= kMessagesMax || payload.size() > kMessageBytesMax)
      ++heard_.too_many;
    else
      heard_.messages.emplace_back(topic, wire::Bytes(payload.begin(), payload.end()));
  }
  wake_();
}

}  // namespace lineside::gateway
