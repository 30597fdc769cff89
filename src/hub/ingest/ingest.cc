#include "hub/ingest/ingest.h"

#include <atomic>
#include <condition_variable>
#include <format>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/fair_queue.h"
#include "base/log.h"
#include "mqtt/mqtt_client.h"
#include "wire/batch.h"

namespace lineside::hub {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kQueueMessages = 1024, kQueueBytesMax = 64u << 20;
// Of one gateway, so that one that sends without end slows down nobody but itself.
constexpr std::size_t kGatewayMessages = 128, kGatewayBytesMax = 24u << 20;
// What is stored together. Records take several times their bytes in memory.
constexpr std::size_t kGroupMessages = 64, kGroupBytesMax = 16u << 20;
constexpr milliseconds kWait{200}, kStorageRest{500};
constexpr int kStorageFailuresMax = 2;  // in a row, of batches that go alone: it is the storage, not one of them
constexpr std::chrono::minutes kRetentionPeriod{1};
constexpr milliseconds kRetentionPause{50};
constexpr std::size_t kStateBytesMax = 1024;

struct Message {
  std::string topic;
  std::vector<std::uint8_t> payload;
};

mqtt::ClientOptions client_options(const config::HubSettings& settings) {
  mqtt::ClientOptions options;
  options.broker = settings.broker;
  options.reconnect_max = std::chrono::seconds{5};
  return options;
}

constexpr double kOldestMax = 1e9;  // seconds; whatever a gateway claims, the page can show it

GatewayReport::Waiting parse_waiting(const nlohmann::json& json) {
  GatewayReport::Waiting waiting;
  if (!json.is_object()) return waiting;
  if (const auto records = json.find("records"); records != json.end() && records->is_number_unsigned())
    waiting.records = std::min(records->get<std::uint64_t>(), wire::kSequenceMax);
  if (const auto oldest = json.find("oldest_s"); oldest != json.end() && oldest->is_number())
    waiting.oldest_s = std::clamp(oldest->get<double>(), 0.0, kOldestMax);
  return waiting;
}

std::optional<GatewayReport> parse_state(std::span<const std::uint8_t> payload) {
  if (payload.size() > kStateBytesMax) return std::nullopt;
  const auto json = nlohmann::json::parse(payload.begin(), payload.end(), nullptr, false);
  if (!json.is_object() || !json.contains("online") || !json["online"].is_boolean()) return std::nullopt;
  GatewayReport report{.online = json["online"].get<bool>()};
  if (json.contains("version") && json["version"].is_string())
    report.version = wire::clean_text(json["version"].get<std::string>(), 100);
  if (const auto waiting = json.find("waiting"); waiting != json.end() && waiting->is_object())
    report.waiting = {parse_waiting(waiting->value("urgent", nlohmann::json())),
                      parse_waiting(waiting->value("bulk", nlohmann::json()))};
  return report;
}

}  // namespace

class Ingest::Impl final : public mqtt::Handler {
 public:
  Impl(const config::HubSettings& settings, BatchSink& sink, Store& store, Clock& clock, MetricsRegistry& metrics)
      : settings_(settings),
        sink_(sink),
        store_(store),
        clock_(clock),
        connected_gauge_(metrics.gauge("lineside_hub_broker_connected", "1 while the broker accepts us")),
        batches_(metrics.counter("lineside_hub_batches_total", "Batches stored or found stored")),
        garbage_(metrics.counter("lineside_hub_garbage_total", "Messages that could not be read or did not fit")),
        overflow_(metrics.counter("lineside_hub_ingest_dropped_total",
                                  "Batches dropped because the queue was full; their gateways send them again")),
        unreadable_(metrics.counter("lineside_hub_unreadable_records_total", "Records with an unknown kind or values")),
        wrong_times_(metrics.counter("lineside_hub_wrong_times_total",
                                     "Records from the future or before 2020; they got the time of receipt")),
        bytes_(metrics.counter("lineside_hub_received_bytes_total", "MQTT PUBLISH packets received on `up` topics")),
        refused_(metrics.counter("lineside_hub_refused_batches_total",
                                 "Batches that the store does not take: their content, or too many gateways")),
        commit_failures_(metrics.counter("lineside_hub_commit_failures_total", "Times that the storage failed")) {}

  ~Impl() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    queue_.close();
    if (writer_.joinable()) writer_.join();
    if (janitor_.joinable()) janitor_.join();
    std::unique_ptr<mqtt::Client> ending;  // its callbacks come until its destructor has ended them
    const std::lock_guard lock(client_mutex_);
    ending.swap(client_);
  }

  Result<void> start() {
    std::unique_lock lock(client_mutex_);  // the first callbacks wait until client_ is there
    LINESIDE_ASSIGN(client_, mqtt::Client::start(client_options(settings_), *this));
    lock.unlock();
    writer_ = std::thread([this] { run(); });
    janitor_ = std::thread([this] { keep_house(); });
    return {};
  }

  IngestStatus status() const {
    std::lock_guard lock(mutex_);
    return {.connected = connected_,
            .batches = batches_.value(),
            .garbage = garbage_.value(),
            .overflow = overflow_.value(),
            .last_error = connected_ ? "" : last_error_};
  }

  // The network thread's side.
  void on_connected() override {
    const std::lock_guard lock(client_mutex_);
    if (!client_) return;  // it ends
    for (const auto& [leaf, qos] : {std::pair{"up", 0}, std::pair{"state", 1}})
      if (auto done = client_->subscribe(std::format("lineside/v1/+/+/{}", leaf), qos); !done)
        log(LogLevel::warning, "ingest", "can't subscribe", {{"reason", done.error().message}});
  }

  void on_subscribed() override {
    {
      std::lock_guard lock(mutex_);
      connected_ = true;
    }
    hello_wanted_ = true;
    connected_gauge_.set(1);
    connection_log_.log(LogLevel::info, "ingest", "connected to the broker");
  }

  void on_disconnected(const std::string& why) override {
    {
      std::lock_guard lock(mutex_);
      connected_ = false;
      last_error_ = why;
    }
    connected_gauge_.set(0);
    connection_log_.log(LogLevel::warning, "ingest", "no connection to the broker", {{"reason", why}});
  }

  void on_message(std::string_view topic, std::span<const std::uint8_t> payload) override {
    if (payload.size() > wire::kCompressedBytesMax) return garbage_.add();
    const std::string gateway(topic.substr(0, topic.rfind('/')));
    if (!queue_.push(gateway, {std::string(topic), {payload.begin(), payload.end()}}, payload.size())) overflow_.add();
  }

 private:
  bool stopping() const {
    std::lock_guard lock(mutex_);
    return stopping_;
  }

  void run() {
    while (!stopping()) {
      if (hello_wanted_.exchange(false)) say_hello();
      auto next = queue_.pop(kWait);
      std::vector<IncomingBatch> group;
      std::size_t bytes = 0;
      for (std::size_t messages = 1; next; ++messages, next = queue_.pop(nanoseconds{0})) {
        bytes += take(next->value, group);
        if (messages == kGroupMessages || bytes >= kGroupBytesMax) break;
      }
      next.reset();
      if (!group.empty()) commit(group);
    }
  }

  // After a restart nobody knows what was under way: every gateway goes on from its watermark at once.
  void say_hello() {
    const auto watermarks = store_.watermarks();
    if (!watermarks) {
      log(LogLevel::error, "ingest", "can't read the watermarks", {{"reason", watermarks.error().message}});
      return;
    }
    for (const Watermark& mark : *watermarks)
      acknowledge(mark.tenant, mark.gateway, {mark.lane, mark.epoch, mark.last_sequence, true});
  }

  // How many bytes of records that added to the group.
  std::size_t take(const Message& message, std::vector<IncomingBatch>& group) {
    const auto topic = wire::parse_topic(message.topic);
    if (!topic) return drop(message.topic, topic.error().message);
    if (topic->leaf == "state") {
      take_state(*topic, message);
      return 0;
    }
    bytes_.add(mqtt::publish_packet_bytes(message.topic.size(), message.payload.size()));
    auto batch = wire::decode_batch(message.payload);
    if (!batch) return drop(message.topic, batch.error().message);
    if (batch->tenant != topic->tenant || batch->gateway != topic->gateway)
      return drop(message.topic, "the batch names another tenant or gateway than its topic");
    unreadable_.add(batch->unreadable);
    if (const auto changed = wire::correct_times(*batch, clock_.wall()); changed > 0) {
      wrong_times_.add(changed);
      clock_log_.log(LogLevel::warning, "ingest", "a gateway's clock is wrong; its records get the time of receipt",
                     {{"tenant", batch->tenant}, {"gateway", batch->gateway}});
    }
    group.push_back({std::move(*batch), mqtt::publish_packet_bytes(message.topic.size(), message.payload.size())});
    return group.back().batch.bytes;
  }

  std::size_t drop(const std::string& topic, const std::string& why) {
    garbage_.add();
    garbage_log_.log(LogLevel::warning, "ingest", "message dropped",
                     {{"topic", wire::clean_text(topic, 200)}, {"reason", why}});
    return 0;
  }

  void take_state(const wire::Topic& topic, const Message& message) {
    if (message.payload.empty()) return;  // a retained message that was cleared
    const auto state = parse_state(message.payload);
    if (!state) return void(drop(message.topic, "the state is not understood"));
    if (auto set = store_.set_gateway_state(topic.tenant, topic.gateway, *state); !set)
      log(LogLevel::error, "ingest", "can't store a gateway's state", {{"reason", set.error().message}});
  }

  enum class Tried : std::uint8_t { stored, refused, failed };

  // Only what is stored is acknowledged; the rest stays at its gateway, which sends it again. One batch that the store
  // never takes must not stop the others, so after a failure each goes alone. Storage that fails gets a rest; a batch
  // that is refused for what it says costs nobody any time.
  void commit(std::span<const IncomingBatch> group) {
    if (try_commit(group) == Tried::stored) return;
    int failures = 0;
    for (const IncomingBatch& batch : group) {
      if (stopping() || failures == kStorageFailuresMax) return;
      failures = group.size() > 1 && try_commit({&batch, 1}) == Tried::failed ? failures + 1 : 0;
    }
  }

  Tried try_commit(std::span<const IncomingBatch> group) {
    const auto outcomes = sink_.commit(group);
    if (!outcomes && outcomes.error().code == ErrorCode::wire_invalid) {
      if (group.size() == 1) refuse(group.front().batch, outcomes.error().message);
      return Tried::refused;
    }
    if (!outcomes) {
      commit_failures_.add();
      commit_log_.log(LogLevel::error, "ingest", "can't store; the gateways keep their records",
                      {{"reason", outcomes.error().message}});
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, kStorageRest, [&] { return stopping_; });
      return Tried::failed;
    }
    for (std::size_t i = 0; i < group.size(); ++i) {
      const CommitOutcome& outcome = (*outcomes)[i];
      const wire::Batch& batch = group[i].batch;
      if (outcome.refused) refuse(batch, "the hub has as many gateways as it takes");
      if (outcome.stale_epoch)
        stale_log_.log(LogLevel::warning, "ingest",
                       "a batch of an outbox that another one has replaced is not taken; if this goes on, two gateways "
                       "have the same name and certificate: enroll each by itself",
                       {{"tenant", batch.tenant}, {"gateway", batch.gateway}});
      if (outcome.stale_epoch || outcome.refused) continue;
      batches_.add();
      acknowledge(batch.tenant, batch.gateway, {batch.lane, batch.epoch, outcome.watermark, outcome.gap});
    }
    return Tried::stored;
  }

  void refuse(const wire::Batch& batch, const std::string& why) {
    refused_.add();
    refused_log_.log(LogLevel::error, "ingest", "a batch is refused; its gateway keeps its records",
                     {{"tenant", batch.tenant}, {"gateway", batch.gateway}, {"reason", why}});
  }

  void acknowledge(const std::string& tenant, const std::string& gateway, const wire::Ack& ack) {
    // If this gets lost, the gateway repeats the batch and gets the same answer.
    (void)client_->publish(wire::make_topic(tenant, gateway, "ack"), wire::encode_ack(ack));
  }

  void keep_house() {
    if (settings_.keep_days <= 0) return;
    for (;;) {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, more_to_delete_ ? nanoseconds{kRetentionPause} : nanoseconds{kRetentionPeriod},
                         [&] { return stopping_; }))
        return;
      lock.unlock();
      const auto deleted = store_.delete_older_than(clock_.wall() - std::chrono::days{settings_.keep_days});
      if (!deleted) log(LogLevel::error, "ingest", "can't delete old rows", {{"reason", deleted.error().message}});
      more_to_delete_ = deleted && *deleted > 0;
    }
  }

  const config::HubSettings settings_;
  BatchSink& sink_;
  Store& store_;
  Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false, connected_ = false;
  std::string last_error_ = "not connected yet";
  FairQueue<Message> queue_{{.waiting = kQueueMessages,
                             .waiting_each = kGatewayMessages,
                             .weight = kQueueBytesMax,
                             .weight_each = kGatewayBytesMax}};
  std::atomic<bool> hello_wanted_{false};
  bool more_to_delete_ = true;  // the janitor's own
  LogLimiter connection_log_, garbage_log_, clock_log_, commit_log_, refused_log_, stale_log_;

  Gauge& connected_gauge_;
  Counter &batches_, &garbage_, &overflow_, &unreadable_, &wrong_times_, &bytes_, &refused_, &commit_failures_;

  std::mutex client_mutex_;
  std::unique_ptr<mqtt::Client> client_;
  std::thread writer_, janitor_;
};

Result<std::unique_ptr<Ingest>> Ingest::start(const config::HubSettings& settings, BatchSink& sink, Store& store,
                                              Clock& clock, MetricsRegistry& metrics) {
  auto impl = std::make_unique<Impl>(settings, sink, store, clock, metrics);
  LINESIDE_TRY(impl->start());
  return std::unique_ptr<Ingest>(new Ingest(std::move(impl)));
}

Ingest::Ingest(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ingest::~Ingest() = default;

IngestStatus Ingest::status() const { return impl_->status(); }

}  // namespace lineside::hub
