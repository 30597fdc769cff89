#include "gateway/sparkplug/sparkplug_publisher.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <condition_variable>
#include <format>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "base/log.h"
#include "gateway/sparkplug/backlog.h"
#include "gateway/sparkplug/bd_seq.h"
#include "gateway/sparkplug/edge_node.h"
#include "gateway/sparkplug/host_watch.h"
#include "gateway/sparkplug/incoming.h"
#include "gateway/sparkplug/rebirth_pace.h"
#include "gateway/sparkplug/session.h"

namespace lineside::gateway {
namespace {

namespace sparkplug = wire::sparkplug;
using std::chrono::milliseconds;

constexpr std::size_t kIncomingMax = 65'536;
constexpr std::size_t kSamplesOfMessage = 1000;
constexpr std::size_t kUnderWayMax = 32;  // messages; more wait in the backlog
constexpr std::chrono::seconds kAnswerMax{10}, kHostMax{5};
constexpr std::chrono::seconds kStable{5};
constexpr milliseconds kGoodbyeMax{500}, kIdle{1000};
constexpr int kNice = 5;  // behind the inspection stations, whose items have deadlines

bool same(const Sample& a, const Sample& b) {
  return a.quality == b.quality && (a.value == b.value || (std::isnan(a.value) && std::isnan(b.value)));
}

// The first samples that may go into one message: no tag twice in the same millisecond.
std::size_t without_repeat(std::span<const Sample> samples) {
  std::set<std::pair<std::size_t, std::uint64_t>> seen;
  std::size_t count = 0;
  while (count < samples.size() && seen.emplace(samples[count].tag, time_ms_of(samples[count])).second) ++count;
  return count;
}

}  // namespace

class SparkplugPublisher::Sink final : public TagSink {
 public:
  Sink(Impl& impl, std::size_t source) : impl_(impl), source_(source) {}
  void on_samples(std::span<const Sample> samples) override;
  void on_source(bool up, const std::string& why) override;
  void on_bad_value(std::size_t, const std::string&) override {}  // it comes as a reading of bad quality

 private:
  Impl& impl_;
  const std::size_t source_;
};

class SparkplugPublisher::Impl {
 public:
  Impl(const config::SparkplugSettings& settings, EdgeNode node, std::size_t tags,
       const std::filesystem::path& state_file, Clock& clock, MetricsRegistry& metrics)
      : settings_(settings),
        node_(std::move(node)),
        clock_(clock),
        delay_(settings.reconnect_min),
        bd_seq_(state_file),
        current_(tags),
        up_(node_.sources()),
        born_(node_.sources()),
        backlog_(static_cast<std::size_t>(settings.buffer_samples), node_.sources(), tags, settings.resend),
        online_gauge_(metrics.gauge("lineside_sparkplug_online", "1 while births are out and readings are published")),
        waiting_gauge_(metrics.gauge("lineside_sparkplug_waiting_samples", "Samples that are not sent yet")),
        lost_counter_(metrics.counter("lineside_sparkplug_lost_samples_total", "Samples lost: there was no room")),
        sent_counter_(metrics.counter("lineside_sparkplug_sent_samples_total", "Samples sent, repeated ones included")),
        rebirths_(metrics.counter("lineside_sparkplug_rebirths_total", "Rebirths that hosts asked for")),
        refused_(metrics.counter("lineside_sparkplug_refused_writes_total", "Metrics that hosts wanted to write")),
        bad_messages_(metrics.counter("lineside_sparkplug_bad_messages_total", "Messages that could not be taken")),
        disconnects_(metrics.counter("lineside_sparkplug_disconnects_total", "Connections lost or refused")) {
    if (!settings.primary_host.empty())
      state_topic_ = sparkplug::make_topic({.verb = sparkplug::Verb::state, .host = settings.primary_host});
    for (std::size_t source = 0; source < node_.sources(); ++source)
      sinks_.push_back(std::make_unique<Sink>(*this, source));
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  Result<void> start() {
    LINESIDE_TRY(connect());
    thread_ = std::thread([this] { run(); });
    return {};
  }

  TagSink& sink(std::size_t source) { return *sinks_[source]; }

  void put(std::span<const Sample> samples) {
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      for (const Sample& sample : samples)
        if (node_.published(sample.tag)) incoming_.put(sample);
      wake = idle_ || incoming_.samples() > kIncomingMax / 2;
      poked_ = poked_ || wake;
    }
    if (wake) wake_.notify_all();
  }

  void put(std::size_t source, bool up) {
    {
      const std::lock_guard lock(mutex_);
      incoming_.put(source, up);
      poked_ = true;
    }
    wake_.notify_all();
  }

  SparkplugStatus status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  enum class State : std::uint8_t { apart, connecting, subscribing, host_wanted, online };

  void poke() {
    {
      const std::lock_guard lock(mutex_);
      poked_ = true;
    }
    wake_.notify_all();
  }

  void run() {
    prctl(PR_SET_NAME, "sparkplug");
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), getpriority(PRIO_PROCESS, 0) + kNice);
    while (wait()) {
      note_events();
      if (session_) hear();
      act();
      show();
    }
    note_events();
    if (state_ == State::online) {
      for (std::size_t source = 0; source < node_.sources(); ++source) send_live(source, kUnderWayMax);
      say_goodbye();
    }
    session_.reset();
  }

  bool wait() {
    const MonoTime now = clock_.mono();
    nanoseconds left = kIdle;
    if (state_ == State::apart) left = std::min(left, retry_at_ - now);
    const bool data = state_ == State::online && backlog_.waiting() > 0 && !rebirth_.holds_data(now);
    const bool births = state_ == State::online && rebirth_.wanted();
    if (data) left = std::min(left, next_send_ - now);
    if (births) left = std::min(left, rebirth_.due() - now);
    std::unique_lock lock(mutex_);
    idle_ = !data && !births;
    wake_.wait_for(lock, std::max(left, nanoseconds{0}),
                   [&] { return stopping_ || poked_ || (idle_ && !incoming_.empty()); });
    idle_ = poked_ = false;
    std::swap(events_, incoming_);
    lost_before_ += events_.take_dropped();
    return !stopping_;
  }

  void note_events() {
    events_.drain([this](std::size_t source, bool up) { note(source, up); },
                  [this](const Sample& sample) { note(sample); });
  }

  void note(const Sample& sample) {
    const std::size_t source = node_.source_of(sample.tag);
    auto& current = current_[sample.tag];
    if (current && same(*current, sample)) return;
    // The source's death, or its missing birth, has told already that nothing can be read.
    const bool told = sample.quality == Quality::bad && !up_[source];
    if (sample.quality != Quality::bad) note(source, true);
    current = sample;
    if (!told) backlog_.add(source, sample);
  }

  void note(std::size_t source, bool up) {
    if (up_[source] == up) return;
    up_[source] = up;
    // Births that are about to come will tell it.
    if (state_ != State::online || rebirth_.holds_data(clock_.mono()) || node_.tags_of(source).empty()) return;
    if (up) return bear_device(source);
    send_live(source, kUnderWayMax);  // what is left is history at its next birth
    publish(node_.device_death(source, clock_.wall()));
    born_[source] = false;
  }

  // Connection.
  Result<void> connect() {
    const BrokerAccess& broker = settings_.brokers[broker_ % settings_.brokers.size()];
    const std::string client_id = std::format("lineside.{}", node_.death_topic());
    std::vector<std::string> topics{node_.command_topic(), node_.device_commands()};
    if (!state_topic_.empty()) topics.push_back(state_topic_);
    LINESIDE_ASSIGN(session_, SparkplugSession::open(broker, client_id, node_.death(bd_seq_.next(), clock_.wall()),
                                                     topics, [this] { poke(); }));
    state_ = State::connecting;
    host_ = {};
    opened_at_ = since_ = clock_.mono();
    subscriptions_left_ = topics.size();
    return {};
  }

  void act() {
    const MonoTime now = clock_.mono();
    switch (state_) {
      case State::apart:
        if (now < retry_at_) return;
        if (auto done = connect(); !done) lose_session(done.error().message);
        return;
      case State::connecting:
        return;  // the client ends it itself
      case State::subscribing:
        if (now - since_ > kAnswerMax) lose_session("the broker does not confirm the subscriptions");
        return;
      case State::host_wanted:
        if (settings_.brokers.size() > 1 && now - since_ > kHostMax) leave("the primary host is not at this broker");
        return;
      case State::online:
        if (rebirth_.wanted() && now >= rebirth_.due()) bear_again(now);
        if (!rebirth_.holds_data(now) && now >= next_send_) send();
    }
  }

  void hear() {
    const SparkplugSession::Heard heard = session_->take();
    bad_messages_.add(heard.too_many);
    if (heard.reached) remember_bd_seq();
    if (heard.connected && state_ == State::connecting) {
      state_ = State::subscribing;
      since_ = clock_.mono();
    }
    subscriptions_left_ -= std::min(subscriptions_left_, heard.subscriptions + heard.refused.size());
    for (const std::string& topic : heard.refused)
      // Commands to devices are only heard to be refused.
      if (topic != node_.device_commands())
        return lose_session(std::format("the broker refuses the subscription to {}", topic));
    if (state_ == State::subscribing && subscriptions_left_ == 0) ready();
    for (const auto& message : heard.messages)
      if (session_) take(message);
    if (heard.ended && session_) lose_session(*heard.ended);
  }

  void remember_bd_seq() {
    if (auto done = bd_seq_.begin_session(); !done)
      state_log_.log(LogLevel::warning, "sparkplug", "can't keep the number of the session",
                     {{"reason", done.error().message}});
  }

  void ready() {
    state_ = State::host_wanted;
    since_ = clock_.mono();
    if (state_topic_.empty() || host_.online().value_or(false)) come_online();
  }

  void come_online() {
    state_ = State::online;
    bear_all();
    log(LogLevel::info, "sparkplug", "online", {{"bdSeq", static_cast<std::int64_t>(bd_seq_.current())}});
  }

  void take(const SparkplugSession::Message& message) {
    if (message.topic == state_topic_) return take_state(message.payload);
    // Commands are not to be kept by brokers (payloads-ncmd-retain): nobody knows how old this one is.
    const auto command = sparkplug::decode(message.payload);
    if (!command || message.retained) return bad_messages_.add();
    const bool to_node = message.topic == node_.command_topic();
    for (const sparkplug::Metric& metric : command->metrics) {
      if (to_node && metric.name == sparkplug::kRebirth) {
        if (state_ == State::online && metric.value == sparkplug::Value{true}) rebirth_.ask();
        continue;
      }
      refused_.add();
      refused_log_.log(LogLevel::warning, "sparkplug", "a write is refused: nothing grants it",
                       {{"topic", wire::clean_text(message.topic, 200)}, {"metric", metric.name}});
    }
  }

  void take_state(const wire::Bytes& payload) {
    const auto state = sparkplug::decode_state(payload);
    if (!state) return bad_messages_.add();
    const auto change = host_.take(*state);
    if (change == HostWatch::Change::online && state_ == State::host_wanted) come_online();
    if (change != HostWatch::Change::offline) return;
    if (state_ == State::online || settings_.brokers.size() > 1) leave("the primary host is offline");
  }

  // By the node's own will: its death is published, and the next broker's turn comes.
  void leave(const std::string& why) {
    log(LogLevel::info, "sparkplug", "leaving the broker", {{"reason", why}});
    if (state_ == State::online) say_goodbye();
    end_session(why);
  }

  void say_goodbye() {
    publish(node_.death(bd_seq_.current(), clock_.wall()));
    session_->flush(kGoodbyeMax);
  }

  void lose_session(const std::string& why) {
    disconnects_.add();
    connection_log_.log(LogLevel::warning, "sparkplug", "no connection to the broker; readings wait",
                        {{"reason", why}});
    end_session(why);
  }

  void end_session(const std::string& why) {
    session_.reset();
    state_ = State::apart;
    ++broker_;
    last_error_ = why;
    rebirth_.forget();
    born_.assign(born_.size(), false);
    const MonoTime now = clock_.mono();
    backlog_.session_ended(now);
    if (now - opened_at_ >= kStable) delay_ = settings_.reconnect_min;
    // Jitter of a quarter, so that a thousand gateways do not come back in the same second.
    retry_at_ = now + std::chrono::duration_cast<nanoseconds>(
                          delay_ * std::uniform_real_distribution<double>(0.75, 1.25)(random_));
    delay_ = std::min(delay_ * 2, settings_.reconnect_max);
  }

  // Births and data.
  void publish(const EdgeNode::Message& message) {
    // A message that can't go out: the connection is gone, which is told next; what it held is then sent again.
    static_cast<void>(session_->publish(message));
  }

  void bear_again(MonoTime now) {
    if (session_->under_way() > 0) return rebirth_.delay(now);
    bear_all();
  }

  void bear_all() {
    next_send_ = clock_.mono();
    if (rebirth_.born(next_send_)) rebirths_.add();
    told_lost_ = lost();
    publish(node_.birth(bd_seq_.current(), told_lost_, clock_.wall()));
    born_.assign(born_.size(), false);
    for (std::size_t source = 0; source < node_.sources(); ++source)
      if (up_[source] && !node_.tags_of(source).empty()) bear_device(source);
  }

  void bear_device(std::size_t source) {
    std::vector<std::optional<Sample>> current;
    for (const std::size_t tag : node_.tags_of(source)) current.push_back(current_[tag]);
    publish(node_.device_birth(source, current, clock_.wall()));
    backlog_.born(source, clock_.mono());
    born_[source] = true;
  }

  void send() {
    next_send_ = clock_.mono() + settings_.period;
    if (lost() != told_lost_) {
      told_lost_ = lost();
      publish(node_.data(told_lost_, clock_.wall()));
    }
    for (std::size_t source = 0; source < node_.sources(); ++source) send_live(source, kUnderWayMax);
    const double share = std::chrono::duration<double>(settings_.period).count();
    auto left = static_cast<std::size_t>(std::ceil(settings_.backlog_samples_s * share));
    for (std::size_t source = 0; source < node_.sources(); ++source)
      while (born_[source] && left > 0 && backlog_.has_history(source) && session_->under_way() < kUnderWayMax)
        left -= send_some(source, true, std::min(left, kSamplesOfMessage));
  }

  void send_live(std::size_t source, std::size_t under_way_max) {
    while (born_[source] && backlog_.has_live(source) && session_->under_way() < under_way_max)
      send_some(source, false, kSamplesOfMessage);
  }

  std::size_t send_some(std::size_t source, bool historical, std::size_t max) {
    const MonoTime now = clock_.mono();
    const std::vector<Sample> taken =
        historical ? backlog_.take_history(source, max, now) : backlog_.take_live(source, max, now);
    for (std::span<const Sample> rest(taken); !rest.empty();) {
      const std::size_t count = without_repeat(rest);
      publish(node_.device_data(source, rest.first(count), historical, clock_.wall()));
      rest = rest.subspan(count);
    }
    sent_counter_.add(taken.size());
    return taken.size();
  }

  std::uint64_t lost() const { return backlog_.lost() + lost_before_; }

  void show() {
    const bool online = state_ == State::online;
    online_gauge_.set(online ? 1 : 0);
    waiting_gauge_.set(static_cast<double>(backlog_.waiting()));
    lost_counter_.add(lost() - std::exchange(shown_lost_, lost()));
    const std::lock_guard lock(mutex_);
    status_ = {.connected = state_ >= State::subscribing,
               .online = online,
               .host_missing = state_ == State::host_wanted,
               .waiting = backlog_.waiting(),
               .lost = lost(),
               .sent = sent_counter_.value(),
               .rebirths = rebirths_.value(),
               .refused = refused_.value(),
               .trouble = trouble()};
  }

  std::string trouble() const {
    if (state_ == State::host_wanted)
      return std::format("Sparkplug: the primary host {} is not online; readings wait", settings_.primary_host);
    if (state_ >= State::subscribing || last_error_.empty()) return {};
    return std::format("Sparkplug: {}; readings wait", last_error_);
  }

  const config::SparkplugSettings settings_;
  EdgeNode node_;
  std::string state_topic_;  // of the primary host; empty: none
  Clock& clock_;

  // The thread's own.
  State state_ = State::apart;
  std::unique_ptr<SparkplugSession> session_;
  std::size_t broker_ = 0;
  HostWatch host_;
  MonoTime opened_at_{}, since_{}, retry_at_{}, next_send_{};
  milliseconds delay_;
  std::size_t subscriptions_left_ = 0;
  BdSeq bd_seq_;
  RebirthPace rebirth_;
  std::vector<std::optional<Sample>> current_;  // of each tag; the time is that of the change
  std::vector<bool> up_, born_;                 // of each source
  Backlog backlog_;
  std::uint64_t told_lost_ = 0, shown_lost_ = 0, lost_before_ = 0;
  std::string last_error_;
  Incoming events_{kIncomingMax};
  std::mt19937 random_{std::random_device{}()};
  LogLimiter connection_log_, refused_log_, state_log_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  Incoming incoming_{kIncomingMax};
  bool stopping_ = false, poked_ = false, idle_ = false;
  SparkplugStatus status_;

  Gauge &online_gauge_, &waiting_gauge_;
  Counter &lost_counter_, &sent_counter_, &rebirths_, &refused_, &bad_messages_, &disconnects_;
  std::vector<std::unique_ptr<Sink>> sinks_;
  std::thread thread_;
};

void SparkplugPublisher::Sink::on_samples(std::span<const Sample> samples) { impl_.put(samples); }
void SparkplugPublisher::Sink::on_source(bool up, const std::string&) { impl_.put(source_, up); }

Result<std::unique_ptr<SparkplugPublisher>> SparkplugPublisher::start(const config::SparkplugSettings& settings,
                                                                      const std::string& gateway,
                                                                      const std::string& version,
                                                                      const config::TelemetrySettings& telemetry,
                                                                      const std::filesystem::path& state_file,
                                                                      Clock& clock, MetricsRegistry& metrics) {
  if (settings.brokers.empty()) return fail(ErrorCode::config_invalid, "sparkplug.brokers names no broker");
  LINESIDE_ASSIGN(EdgeNode node, EdgeNode::create(settings, gateway, version, telemetry));
  auto impl = std::make_unique<Impl>(settings, std::move(node), telemetry.tags.size(), state_file, clock, metrics);
  LINESIDE_TRY(impl->start());
  return std::unique_ptr<SparkplugPublisher>(new SparkplugPublisher(std::move(impl)));
}

SparkplugPublisher::SparkplugPublisher(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SparkplugPublisher::~SparkplugPublisher() = default;

TagSink& SparkplugPublisher::sink(std::size_t source) { return impl_->sink(source); }

SparkplugStatus SparkplugPublisher::status() const { return impl_->status(); }

}  // namespace lineside::gateway
