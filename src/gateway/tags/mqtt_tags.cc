#include "gateway/tags/mqtt_tags.h"

#include <algorithm>
#include <format>

namespace lineside::gateway {
namespace {

constexpr std::chrono::milliseconds kLookEvery{200};
constexpr MonoTime kNever = MonoTime::max();

}  // namespace

MqttTags::MqttTags(const config::TagSourceSettings& settings, std::span<const config::TagSettings> tags, Clock& clock,
                   MetricsRegistry& metrics)
    : settings_(settings), clock_(clock), intake_(settings, tags, clock, metrics), heard_(intake_.size(), kNever) {}

MqttTags::~MqttTags() {
  stopping_ = true;
  client_.reset();
}

Result<std::unique_ptr<MqttTags>> MqttTags::create(const config::TagSourceSettings& settings,
                                                   std::span<const config::TagSettings> tags, Clock& clock,
                                                   MetricsRegistry& metrics) {
  std::unique_ptr<MqttTags> source(new MqttTags(settings, tags, clock, metrics));
  for (std::size_t i = 0; i < source->intake_.size(); ++i) {
    const config::MqttTagSettings& tag = source->intake_.tag(i).mqtt;
    LINESIDE_ASSIGN(PayloadReader reader, PayloadReader::create(tag));
    source->readers_.push_back(std::move(reader));
    if (tag.topic.find_first_of("+#") == std::string::npos) {
      source->topics_[tag.topic].push_back(i);
      continue;
    }
    const auto known = std::ranges::find(source->filters_, tag.topic, &std::pair<std::string, Tags>::first);
    if (known != source->filters_.end())
      known->second.push_back(i);
    else
      source->filters_.emplace_back(tag.topic, Tags{i});
  }
  return source;
}

bool MqttTags::covered(const std::string& topic) const {
  return std::ranges::any_of(filters_, [&](const auto& filter) {
    return !refused_.contains(filter.first) && mqtt::topic_matches(filter.first, topic);
  });
}

std::vector<std::string> MqttTags::subscriptions() const {
  std::vector<std::string> wanted;
  for (const auto& [filter, tags] : filters_) wanted.push_back(filter);
  for (const auto& [topic, tags] : topics_)
    if (!covered(topic)) wanted.push_back(topic);
  return wanted;
}

Result<void> MqttTags::start(TagSink& sink) {
  intake_.set_sink(sink);
  mqtt::ClientOptions options;
  options.broker = config::access_of(settings_);
  options.subscriptions = subscriptions();
  options.reconnect_min = settings_.reconnect_min;
  options.reconnect_max = settings_.reconnect_max;
  LINESIDE_ASSIGN(client_, mqtt::Client::start(options, *this));
  return {};
}

void MqttTags::ask_to_stop() {
  stopping_ = true;
  if (client_ != nullptr) client_->ask_to_stop();
}

void MqttTags::on_connected() {
  std::ranges::fill(heard_, clock_.mono());
  intake_.up();
}

void MqttTags::on_disconnected(const std::string& why) {
  refused_.clear();
  if (stopping_) return;
  const BrokerAccess at = config::access_of(settings_);
  intake_.down(std::format("the broker {}:{} of '{}' can't be reached: {}", at.host, at.port, settings_.name, why));
}

std::vector<std::string> MqttTags::on_subscription_refused(const std::string& filter) {
  refused_.insert(filter);
  const std::string why = std::format("the broker refuses the subscription to {}", filter);
  for (std::size_t i = 0; i < intake_.size(); ++i)
    if (intake_.tag(i).mqtt.topic == filter) intake_.refuse(i, why);
  // What only this one would have brought is asked for by itself; it has no value until that brings one.
  std::vector<std::string> instead;
  for (const auto& [topic, tags] : topics_) {
    if (topic == filter || !mqtt::topic_matches(filter, topic) || covered(topic)) continue;
    for (const std::size_t tag : tags) intake_.refuse(tag, why);
    instead.push_back(topic);
  }
  intake_.flush();
  return instead;
}

void MqttTags::on_served() {
  const MonoTime now = clock_.mono();
  if (now < look_at_) return;
  look_at_ = now + kLookEvery;
  for (std::size_t i = 0; i < heard_.size(); ++i) {
    const auto silence_max = intake_.tag(i).max_silence;
    if (heard_[i] == kNever || silence_max.count() == 0 || now - heard_[i] <= silence_max) continue;
    heard_[i] = kNever;
    intake_.refuse(
        i, std::format("no message for {} s (max_silence_ms)", std::chrono::duration<double>(silence_max).count()));
  }
  intake_.flush();
}

void MqttTags::on_message(std::string_view topic, std::span<const std::uint8_t> payload) {
  take_message(topic, payload, false);
}

void MqttTags::on_retained(std::string_view topic, std::span<const std::uint8_t> payload) {
  take_message(topic, payload, true);
}

void MqttTags::take_message(std::string_view topic, std::span<const std::uint8_t> bytes, bool retained) {
  intake_.count_message();
  const Payload payload(bytes.first(std::min<std::size_t>(bytes.size(), settings_.message_bytes_max)));
  const MonoTime now = clock_.mono();
  const auto give = [&](const Tags& tags) {
    for (const std::size_t tag : tags) {
      if (bytes.size() > settings_.message_bytes_max)
        intake_.refuse(tag, std::format("a message of {} bytes; message_bytes_max is {}", bytes.size(),
                                        settings_.message_bytes_max));
      else
        take(tag, payload, retained, now);
    }
  };
  if (const auto exact = topics_.find(topic); exact != topics_.end()) give(exact->second);
  const std::string name(topic);
  for (const auto& [filter, tags] : filters_)
    if (!refused_.contains(filter) && mqtt::topic_matches(filter, name)) give(tags);
  intake_.flush();
}

void MqttTags::take(std::size_t tag, const Payload& payload, bool retained, MonoTime now) {
  using Kind = PayloadReading::Kind;
  const PayloadReading reading = readers_[tag].read(payload);
  if (reading.kind == Kind::absent) return;
  heard_[tag] = now;
  if (reading.has_time && reading.time == WallTime{}) intake_.count_odd_time();
  if (reading.kind == Kind::bad) return intake_.refuse(tag, reading.why, reading.time);
  const bool of_any_age = retained && reading.time == WallTime{};
  intake_.take(tag, reading.value, reading.time, of_any_age ? Quality::uncertain : reading.quality);
}

}  // namespace lineside::gateway
