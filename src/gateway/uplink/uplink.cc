#include "gateway/uplink/uplink.h"

#include <atomic>
#include <condition_variable>
#include <format>
#include <mutex>
#include <thread>

#include "base/bounded_queue.h"
#include "base/json_text.h"
#include "base/log.h"
#include "gateway/outbox/outbox.h"
#include "gateway/uplink/lane_sender.h"
#include "mqtt/mqtt_client.h"
#include "wire/batch.h"

namespace lineside::gateway {
namespace {

using std::chrono::milliseconds;

constexpr std::array kBothLanes{Lane::urgent, Lane::bulk};
constexpr std::size_t kAckQueue = 256;
constexpr std::size_t kUrgentWindowBytes = 2u << 20;
constexpr std::size_t kBulkWindowBytesMin = 4u << 10, kBulkWindowBytesMax = 8u << 20;
constexpr milliseconds kIdleWait{1000};
constexpr std::chrono::seconds kShortConnection{5};
constexpr std::chrono::minutes kStableConnection{1};
constexpr int kShortConnectionsMax = 2;
constexpr std::string_view kTwins =
    "The broker takes this gateway's connection and ends it within seconds, again and again: another gateway has "
    "the same name and certificate (enroll each by itself), or the link breaks each time.";
constexpr std::chrono::seconds kBacklogPeriod{5};  // an older record than this is a backlog, and is told so often

std::size_t index_of(Lane lane) { return static_cast<std::size_t>(lane); }

LaneSender::Settings sender_settings(const config::UplinkSettings& settings, Lane lane) {
  const bool urgent = lane == Lane::urgent;
  return {.ack_timeout = settings.ack_timeout,
          .window_batches = static_cast<std::size_t>(std::max(1, settings.in_flight_batches)),
          .window_bytes_min = urgent ? kUrgentWindowBytes : kBulkWindowBytesMin,
          .window_bytes_max = urgent ? kUrgentWindowBytes : kBulkWindowBytesMax};
}

// What waits in one lane.
struct Backlog {
  std::uint64_t records = 0;
  double oldest_s = 0;
};
using Backlogs = std::array<Backlog, 2>;

std::string state_json(bool online, std::string_view version, const Backlogs* waiting = nullptr) {
  std::string json = std::format(R"({{"online":{},"version":{})", online, json_text(wire::clean_text(version, 100)));
  const char* before = R"(,"waiting":{)";
  for (const Lane lane : {Lane::urgent, Lane::bulk}) {
    if (waiting == nullptr) break;
    const Backlog& backlog = (*waiting)[index_of(lane)];
    json += std::format(R"({}"{}":{{"records":{},"oldest_s":{:.1f}}})", before, to_string(lane), backlog.records,
                        backlog.oldest_s);
    before = ",";
  }
  return json + (waiting == nullptr ? "}" : "}}");
}

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

class Uplink::Impl final : public mqtt::Handler {
 public:
  Impl(const config::UplinkSettings& settings, const std::string& tenant, const std::string& gateway, Outbox& outbox,
       Clock& clock, MetricsRegistry& metrics, const std::string& program_version)
      : settings_(settings),
        tenant_(tenant),
        gateway_(gateway),
        version_(program_version),
        up_topic_(wire::make_topic(tenant, gateway, "up")),
        ack_topic_(wire::make_topic(tenant, gateway, "ack")),
        state_topic_(wire::make_topic(tenant, gateway, "state")),
        outbox_(outbox),
        clock_(clock),
        senders_{LaneSender{sender_settings(settings, Lane::urgent)},
                 LaneSender{sender_settings(settings, Lane::bulk)}},
        connected_gauge_(metrics.gauge("lineside_uplink_connected", "1 while the broker accepts us")),
        bytes_(metrics.counter("lineside_uplink_sent_bytes_total",
                               "MQTT PUBLISH packets sent: header, topic and payload; not TLS, TCP or IP")),
        batches_(metrics.counter("lineside_uplink_batches_total", "Batches sent, repeated ones included")),
        repeated_(metrics.counter("lineside_uplink_repeated_batches_total", "Batches that had to be sent again")),
        acks_(metrics.counter("lineside_uplink_acks_total", "Acknowledgements of the hub")),
        bad_acks_(metrics.counter("lineside_uplink_bad_acks_total", "Acknowledgements that could not be read")),
        reconnects_(metrics.counter("lineside_uplink_disconnects_total", "Connections lost or refused")) {
    for (const Lane lane : kBothLanes) {
      const Labels labels{{"lane", to_string(lane)}};
      backlog_[index_of(lane)] = &metrics.gauge("lineside_uplink_backlog_records", "Records not acknowledged", labels);
      backlog_bytes_[index_of(lane)] =
          &metrics.gauge("lineside_uplink_backlog_bytes", "Bytes of records not acknowledged", labels);
      backlog_age_[index_of(lane)] =
          &metrics.gauge("lineside_uplink_backlog_age_seconds", "Age of the oldest record not acknowledged", labels);
    }
  }

  ~Impl() override {
    outbox_.set_commit_listener(nullptr);
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
    if (client_ && client_->connected()) publish_state(false);
    std::unique_ptr<mqtt::Client> ending;  // its callbacks come until its destructor has ended them
    const std::lock_guard lock(client_mutex_);
    ending.swap(client_);
  }

  Result<void> start() {
    mqtt::ClientOptions options;
    options.broker = settings_.broker;
    // Names have no dot in them: two gateways never share an id, for which the broker would disconnect them in turn.
    options.client_id = std::format("lineside.{}.{}", tenant_, gateway_);
    options.will_topic = state_topic_;
    options.will_payload = state_json(false, version_);
    options.reconnect_min = settings_.reconnect_min;
    options.reconnect_max = settings_.reconnect_max;
    std::unique_lock lock(client_mutex_);  // the first callbacks wait until client_ is there
    LINESIDE_ASSIGN(client_, mqtt::Client::start(options, *this));
    lock.unlock();
    outbox_.set_commit_listener([this] { poke(); });
    thread_ = std::thread([this] { run(); });
    return {};
  }

  UplinkStatus status() const {
    std::lock_guard lock(mutex_);
    UplinkStatus status{.connected = connected_,
                        .bytes_sent = bytes_.value(),
                        .batches_sent = batches_.value(),
                        .batches_repeated = repeated_.value(),
                        .acks = acks_.value(),
                        .last_error = connected_ ? "" : last_error_,
                        .trouble = {}};
    const bool stable = connected_since_ && clock_.mono() - *connected_since_ > kStableConnection;
    if (short_connections_ > kShortConnectionsMax && !stable) status.trouble = kTwins;
    const bool recent = last_ack_ && clock_.mono() - *last_ack_ < 3 * settings_.ack_timeout;
    status.hub_answering = connected_ && (recent || nothing_waits_);
    return status;
  }

  // The network thread's side.
  void on_connected() override {
    {
      const std::lock_guard lock(mutex_);
      connected_since_ = clock_.mono();
    }
    const std::lock_guard lock(client_mutex_);
    if (!client_) return;  // it ends
    if (auto done = client_->subscribe(ack_topic_, 0); !done)
      log(LogLevel::warning, "uplink", "can't subscribe", {{"reason", done.error().message}});
    publish_state(true);
    log(LogLevel::info, "uplink", "connected",
        {{"broker", std::format("{}:{}", settings_.broker.host, settings_.broker.port)}});
  }

  // Nothing is sent before acknowledgements can come back.
  void on_subscribed() override {
    {
      std::lock_guard lock(mutex_);
      connected_ = true;
      restart_ = true;
    }
    connected_gauge_.set(1);
    wake_.notify_all();
  }

  void on_disconnected(const std::string& why) override {
    bool twins = false;
    {
      std::lock_guard lock(mutex_);
      connected_ = false;
      last_error_ = why;
      twins = count_short_connection();
    }
    if (twins) twins_log_.log(LogLevel::error, "uplink", kTwins, {{"gateway", gateway_}});
    connected_gauge_.set(0);
    reconnects_.add();
    connection_log_.log(LogLevel::warning, "uplink", "no connection to the broker; records wait in the outbox",
                        {{"reason", why}});
  }

  void on_message(std::string_view topic, std::span<const std::uint8_t> payload) override {
    if (topic != ack_topic_) return;
    auto ack = wire::decode_ack(payload);
    if (!ack) return bad_acks_.add();
    received_.push(std::move(*ack));
    poke();
  }

 private:
  // True if a connection ended so soon after it was accepted for the third time, or more. With the lock.
  bool count_short_connection() {
    const auto since = std::exchange(connected_since_, std::nullopt);
    if (!since) return false;  // it was not accepted
    const nanoseconds lasted = clock_.mono() - *since;
    if (lasted > kStableConnection) short_connections_ = 0;
    if (lasted >= kShortConnection) return false;
    return ++short_connections_ > kShortConnectionsMax;
  }

  void poke() {
    {
      std::lock_guard lock(mutex_);
      work_ = true;
    }
    wake_.notify_all();
  }

  void publish_state(bool online) {
    const Backlogs waiting = backlogs();
    const std::string json = state_json(online, version_, online ? &waiting : nullptr);
    if (client_->publish(state_topic_, bytes_of(json), 1, true))
      bytes_.add(mqtt::publish_packet_bytes(state_topic_.size(), json.size()) + 2);  // QoS 1: a packet id
  }

  Backlogs backlogs() const {
    Backlogs all;
    for (const Lane lane : kBothLanes) {
      const LaneStatus status = outbox_.status(lane);
      all[index_of(lane)] = {status.records, std::chrono::duration<double>(status.oldest_age).count()};
    }
    return all;
  }

  // While there is a backlog, and once more when there is none: a line that runs well costs no byte.
  void tell_backlog() {
    const Backlogs all = backlogs();
    const bool behind = std::ranges::any_of(
        all, [](const Backlog& one) { return one.oldest_s > std::chrono::seconds{kBacklogPeriod}.count(); });
    const MonoTime now = clock_.mono();
    if ((!behind && !told_behind_) || (told_backlog_ && now - *told_backlog_ < kBacklogPeriod)) return;
    {
      std::lock_guard lock(mutex_);
      if (!connected_) return;
    }
    told_backlog_ = now;
    told_behind_ = behind;
    publish_state(true);
  }

  void run() {
    nanoseconds wait = kIdleWait;
    while (wait_for_work(wait)) {
      take_acks();
      wait = send_what_is_due();
      show_backlog();
      tell_backlog();
    }
  }

  bool wait_for_work(nanoseconds wait) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, wait, [&] { return stopping_ || work_ || (restart_ && connected_); });
    work_ = false;
    if (restart_ && connected_) {
      restart_ = false;
      lock.unlock();
      begin_again();
      lock.lock();
    }
    return !stopping_;
  }

  void begin_again() {
    epoch_ = outbox_.epoch();
    for (const Lane lane : kBothLanes) {
      senders_[index_of(lane)].restart(outbox_.status(lane).acknowledged);
      waiting_since_[index_of(lane)].reset();
      beyond_[index_of(lane)].reset();
    }
  }

  void take_acks() {
    while (auto ack = received_.pop(nanoseconds{0})) {
      acks_.add();
      if (ack->epoch == epoch_) take_ack(*ack);
    }
    begin_new_epoch_if_due();
  }

  void take_ack(const wire::Ack& ack) {
    const MonoTime now = clock_.mono();
    if (ack.watermark > outbox_.status(ack.lane).known) {
      beyond_[index_of(ack.lane)] = ack;
    } else {
      outbox_.acknowledge(ack.lane, ack.epoch, ack.watermark);
      senders_[index_of(ack.lane)].on_ack(ack.watermark, ack.resume, now);
    }
    std::lock_guard lock(mutex_);
    last_ack_ = now;
  }

  // A hub that has more than the outbox makes it begin a new epoch with all that the hub does not have. What that is
  // must be known of both lanes before: else records that the hub has already would come a second time.
  void begin_new_epoch_if_due() {
    for (const Lane lane : kBothLanes)
      if (!beyond_[index_of(lane)] && senders_[index_of(lane)].asking()) return;
    for (const Lane lane : kBothLanes)
      if (const auto ack = std::exchange(beyond_[index_of(lane)], std::nullopt))
        outbox_.acknowledge(ack->lane, ack->epoch, ack->watermark);
  }

  // Sends until the windows are full or nothing is left; how long it may take until there is something to do again.
  nanoseconds send_what_is_due() {
    {
      std::lock_guard lock(mutex_);
      if (!connected_) return kIdleWait;
    }
    if (outbox_.epoch() != epoch_) begin_again();
    const MonoTime now = clock_.mono();
    nanoseconds wait = kIdleWait;
    for (const Lane lane : kBothLanes) ask(lane, now);
    for (const Lane lane : kBothLanes) repeated_.add(senders_[index_of(lane)].go_back_if_due(now));
    // Urgent first, and asked again after each bulk batch; nothing before the hub has answered for both lanes.
    const bool asking = std::ranges::any_of(senders_, &LaneSender::asking);
    while (!asking && (send_from(Lane::urgent, wait) || send_from(Lane::bulk, wait))) {
      std::lock_guard lock(mutex_);
      if (stopping_ || !connected_) break;
    }
    for (const Lane lane : kBothLanes)
      if (const auto due = senders_[index_of(lane)].next_deadline())
        wait = std::min(wait, std::max<nanoseconds>(milliseconds{1}, *due - clock_.mono()));
    return wait;
  }

  // What does the hub have? Nothing is sent before it has answered: an outbox that was put back to an older copy of
  // itself learns it here, before it uses a sequence a second time.
  void ask(Lane lane, MonoTime now) {
    LaneSender& sender = senders_[index_of(lane)];
    if (epoch_.empty() || !sender.ask_due(now)) return;
    const wire::BatchBuilder question(tenant_, gateway_, lane, epoch_, sender.acknowledged() + 1, clock_.wall());
    const auto payload = question.finish();
    if (!payload || !client_->publish(up_topic_, *payload)) return;
    sender.asked(now);
    bytes_.add(mqtt::publish_packet_bytes(up_topic_.size(), payload->size()));
  }

  // True if a batch went out. Shortens `wait` if one is only waiting for more records.
  bool send_from(Lane lane, nanoseconds& wait) {
    LaneSender& sender = senders_[index_of(lane)];
    auto& since = waiting_since_[index_of(lane)];
    const LaneStatus status = outbox_.status(lane);
    if (status.durable <= sender.sent_through()) {
      since.reset();
      return false;
    }
    if (!sender.may_send()) return false;
    const MonoTime now = clock_.mono();
    if (!since) since = now;
    const std::uint64_t unsent = status.durable - sender.sent_through();
    const nanoseconds left = *since + settings_.batch_delay - now;
    if (unsent < static_cast<std::uint64_t>(settings_.batch_records) && left > nanoseconds{0}) {
      wait = std::min(wait, left);
      return false;
    }
    since.reset();
    return send_batch(lane, sender);
  }

  bool send_batch(Lane lane, LaneSender& sender) {
    auto records = outbox_.read(lane, epoch_, sender.sent_through(), static_cast<std::size_t>(settings_.batch_records),
                                sender.batch_bytes_max());
    if (!records) {
      read_log_.log(LogLevel::error, "uplink", "can't read the outbox", {{"reason", records.error().message}});
      return false;
    }
    if (records->empty() || !begin_after(sender.sent_through(), records->front())) return false;
    if (auto explanation = explain_deleted(lane, sender)) records->insert(records->begin(), std::move(*explanation));
    wire::BatchBuilder batch(tenant_, gateway_, lane, epoch_, records->front().first, clock_.wall());
    std::uint64_t last = 0;
    for (const StoredRecord& record : *records) {
      if (!batch.add(record.bytes)) break;
      last = record.sequence;
    }
    const auto payload = batch.finish();
    if (!payload || last == 0) return false;
    if (!client_->publish(up_topic_, *payload)) return false;
    sender.sent(last, payload->size(), clock_.mono());
    bytes_.add(mqtt::publish_packet_bytes(up_topic_.size(), payload->size()));
    batches_.add();
    return true;
  }

  // A loss whose span reaches back behind what has been sent is cut, so that batches never overlap.
  static bool begin_after(std::uint64_t sent, StoredRecord& record) {
    if (record.first > sent) return true;
    auto decoded = wire::decode_record(record.bytes);
    auto* loss = decoded ? std::get_if<LossRecord>(&decoded->body) : nullptr;
    if (loss == nullptr) return false;
    record.first = loss->first = sent + 1;
    record.bytes = wire::encode_record(*decoded);
    return true;
  }

  // A hub that was put back to an older copy of itself asks for what is deleted here; without an answer it would wait
  // for ever.
  std::optional<StoredRecord> explain_deleted(Lane lane, const LaneSender& sender) const {
    const auto hub_has = sender.hub_forgot_after();
    const std::uint64_t last = sender.acknowledged();
    if (!hub_has || sender.sent_through() != last) return std::nullopt;
    const LossRecord loss{lane, *hub_has + 1, last, "hub.restored", clock_.wall()};
    return StoredRecord{loss.first, last, wire::encode_record({last, loss})};
  }

  void show_backlog() {
    bool nothing_waits = true;
    for (const Lane lane : kBothLanes) {
      const LaneStatus status = outbox_.status(lane);
      nothing_waits = nothing_waits && status.records == 0;
      backlog_[index_of(lane)]->set(static_cast<double>(status.records));
      backlog_bytes_[index_of(lane)]->set(static_cast<double>(status.bytes));
      backlog_age_[index_of(lane)]->set(std::chrono::duration<double>(status.oldest_age).count());
    }
    std::lock_guard lock(mutex_);
    nothing_waits_ = nothing_waits;
  }

  const config::UplinkSettings settings_;
  const std::string tenant_, gateway_, version_, up_topic_, ack_topic_, state_topic_;
  Outbox& outbox_;
  Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false, work_ = false, connected_ = false, restart_ = false, nothing_waits_ = true;
  std::string last_error_ = "not connected yet";
  std::optional<MonoTime> last_ack_, connected_since_;
  std::int64_t short_connections_ = 0;  // accepted, and ended soon, since one lasted
  BoundedQueue<wire::Ack> received_{"uplink acks", kAckQueue, WhenFull::drop_oldest};  // a newer one says more

  // The sending thread's own.
  std::string epoch_;
  std::array<LaneSender, 2> senders_;
  std::array<std::optional<MonoTime>, 2> waiting_since_;
  std::array<std::optional<wire::Ack>, 2> beyond_;  // of what the outbox does not have
  std::optional<MonoTime> told_backlog_;
  bool told_behind_ = true;  // the state that was published when connecting may have told of one
  LogLimiter connection_log_, twins_log_, read_log_;

  Gauge& connected_gauge_;
  Counter &bytes_, &batches_, &repeated_, &acks_, &bad_acks_, &reconnects_;
  std::array<Gauge*, 2> backlog_{}, backlog_bytes_{}, backlog_age_{};

  std::mutex client_mutex_;
  std::unique_ptr<mqtt::Client> client_;
  std::thread thread_;
};

Result<std::unique_ptr<Uplink>> Uplink::start(const config::UplinkSettings& settings, const std::string& tenant,
                                              const std::string& gateway, Outbox& outbox, Clock& clock,
                                              MetricsRegistry& metrics, const std::string& program_version) {
  auto impl = std::make_unique<Impl>(settings, tenant, gateway, outbox, clock, metrics, program_version);
  LINESIDE_TRY(impl->start());
  return std::unique_ptr<Uplink>(new Uplink(std::move(impl)));
}

Uplink::Uplink(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Uplink::~Uplink() = default;

UplinkStatus Uplink::status() const { return impl_->status(); }

}  // namespace lineside::gateway
