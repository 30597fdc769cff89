#include "gateway/rules/message_sender.h"

#include <algorithm>
#include <format>
#include <mutex>
#include <optional>
#include <utility>

#include "mqtt/mqtt_client.h"

namespace lineside::gateway {

// To one broker.
class MessageSender::Way final : private mqtt::Handler {
 public:
  struct Waiting {
    rules::RuleMessage message;
    MonoTime until;
    std::optional<int> number;  // on its way
  };

  explicit Way(std::string source) : name(std::move(source)) {}
  ~Way() override { client_.reset(); }

  Result<void> start(const config::TagSourceSettings& source) {
    mqtt::ClientOptions options;
    options.broker = config::access_of(source);
    options.reconnect_min = source.reconnect_min;
    options.reconnect_max = source.reconnect_max;
    LINESIDE_ASSIGN(client_, mqtt::Client::start(options, *this));
    return {};
  }

  // Takes away what the broker has, and gives how many.
  std::uint64_t take_acknowledged() {
    std::vector<int> numbers;
    bool lost = false;
    {
      const std::lock_guard lock(mutex_);
      numbers.swap(acknowledged_);
      lost = std::exchange(lost_, false);
    }
    const auto done = std::erase_if(
        waiting, [&](const Waiting& one) { return one.number && std::ranges::contains(numbers, *one.number); });
    if (lost)
      for (Waiting& one : waiting) one.number.reset();
    return done;
  }

  void send() {
    for (Waiting& one : waiting) {
      if (one.number) continue;
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(one.message.payload.data());
      const auto number = client_->publish(one.message.topic, {bytes, one.message.payload.size()}, 1);
      if (!number) return;
      one.number = *number;
    }
  }

  const std::string name;
  std::deque<Waiting> waiting;

 private:
  void on_connected() override {}
  void on_disconnected(const std::string&) override {
    const std::lock_guard lock(mutex_);
    lost_ = true;
    acknowledged_.clear();
  }
  void on_acknowledged(int message) override {
    const std::lock_guard lock(mutex_);
    acknowledged_.push_back(message);
  }

  std::mutex mutex_;
  std::vector<int> acknowledged_;
  bool lost_ = false;
  std::unique_ptr<mqtt::Client> client_;
};

MessageSender::MessageSender(MetricsRegistry& metrics, Clock& clock)
    : clock_(clock),
      sent_counter_(metrics.counter("lineside_rules_published_total", "Messages of rules that a broker has.")),
      unsent_counter_(metrics.counter("lineside_rules_unpublished_total",
                                      "Messages of rules that were not sent within their time to live.")) {}

MessageSender::~MessageSender() = default;

Result<void> MessageSender::add(const config::TagSourceSettings& source) {
  auto way = std::make_unique<Way>(source.name);
  LINESIDE_TRY(way->start(source));
  ways_.push_back(std::move(way));
  return {};
}

void MessageSender::put(const rules::RuleMessage& message) {
  const auto way = std::ranges::find(ways_, message.broker, [](const auto& one) { return one->name; });
  if (way == ways_.end()) return;  // rules name sources of the settings only
  auto& waiting = (*way)->waiting;
  if (waiting.size() == kWaitingMax) {
    leave_out(**way, waiting.front().message);
    waiting.pop_front();
  }
  waiting.push_back({message, clock_.mono() + message.ttl, std::nullopt});
}

void MessageSender::look_after() {
  const MonoTime now = clock_.mono();
  for (const auto& way : ways_) {
    sent_counter_.add(way->take_acknowledged());
    std::erase_if(way->waiting, [&](const Way::Waiting& one) {
      if (now < one.until) return false;
      leave_out(*way, one.message);
      return true;
    });
    way->send();
  }
}

void MessageSender::leave_out(const Way& way, const rules::RuleMessage& message) {
  ++unsent_;
  unsent_counter_.add();
  last_unsent_ = std::format("the last one: of rule {} to {}, because the broker of '{}' did not take it in time.",
                             message.rule, message.topic, way.name);
}

}  // namespace lineside::gateway
