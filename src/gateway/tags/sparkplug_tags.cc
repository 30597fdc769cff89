#include "gateway/tags/sparkplug_tags.h"

#include <format>

namespace lineside::gateway {
namespace {

namespace sparkplug = wire::sparkplug;

constexpr std::chrono::milliseconds kLook{100};

// Edge nodes that no tag names are not subscribed to: there are no more than tags.
sparkplug::ReaderSettings reader_settings(const config::TagSourceSettings& settings, std::size_t tags) {
  return {.reorder_timeout = settings.reorder_timeout, .ask_for_rebirth = settings.ask_for_rebirth, .nodes_max = tags};
}

std::string device_path(const std::string& group, const std::string& edge_node, const std::string& device) {
  return std::format("{}/{}/{}", group, edge_node, device);
}

// All messages of the edge node and of its devices ('#' stands for none too).
std::string filter_of(const std::string& group, const std::string& edge_node) {
  return std::format("spBv1.0/{}/+/{}/#", group, edge_node);
}

}  // namespace

SparkplugTags::SparkplugTags(const config::TagSourceSettings& settings, std::span<const config::TagSettings> tags,
                             Clock& clock, MetricsRegistry& metrics)
    : settings_(settings),
      clock_(clock),
      rebirths_(metrics.counter("lineside_tag_rebirths_asked_total", "Births that edge nodes were asked for.",
                                {{"source", settings.name}})),
      faults_(metrics.counter("lineside_tag_sparkplug_faults_total",
                              "What could not be used of Sparkplug edge nodes' messages.",
                              {{"source", settings.name}})),
      intake_(settings, tags, clock, metrics),
      reader_(reader_settings(settings, intake_.size()), *this),
      read_(intake_.size()) {
  for (std::size_t i = 0; i < intake_.size(); ++i) {
    const config::SparkplugTagSettings& at = intake_.tag(i).sparkplug;
    const std::string device = device_path(at.group, at.edge_node, at.device);
    metrics_[device + '/' + at.metric].push_back(i);
    devices_[device].push_back(i);
    filters_[filter_of(at.group, at.edge_node)].push_back(i);
    reader_.follow(at.group, at.edge_node);
  }
}

SparkplugTags::~SparkplugTags() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  client_.reset();
}

Result<void> SparkplugTags::start(TagSink& sink) {
  intake_.set_sink(sink);
  mqtt::ClientOptions options;
  options.broker = config::access_of(settings_);
  for (const auto& [filter, tags] : filters_) options.subscriptions.push_back(filter);
  options.reconnect_min = settings_.reconnect_min;
  options.reconnect_max = settings_.reconnect_max;
  LINESIDE_ASSIGN(client_, mqtt::Client::start(options, *this));
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  return {};
}

void SparkplugTags::run(const std::stop_token& stop) {
  std::vector<Request> requests;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    wake_.wait_for(lock, stop, kLook, [] { return false; });
    reader_.tick(clock_.mono(), clock_.wall());
    intake_.flush();
    count();
    requests.swap(requests_);
    lock.unlock();
    // One that can't go out is made again.
    for (const auto& [topic, payload] : requests) static_cast<void>(client_->publish(topic, payload));
    requests.clear();
    lock.lock();
  }
}

void SparkplugTags::on_connected() {
  const std::lock_guard lock(mutex_);
  intake_.up();
  reader_.connected(clock_.mono());
}

void SparkplugTags::on_disconnected(const std::string& why) {
  const std::lock_guard lock(mutex_);
  requests_.clear();
  reader_.lost_connection(clock_.wall());
  const BrokerAccess at = config::access_of(settings_);
  intake_.down(std::format("the broker {}:{} of '{}' can't be reached: {}", at.host, at.port, settings_.name, why));
}

std::vector<std::string> SparkplugTags::on_subscription_refused(const std::string& filter) {
  const std::lock_guard lock(mutex_);
  for (const std::size_t tag : filters_.at(filter))
    intake_.refuse(tag, std::format("the broker refuses the subscription to {}", filter));
  intake_.flush();
  return {};
}

void SparkplugTags::on_message(std::string_view topic, std::span<const std::uint8_t> payload) {
  const std::lock_guard lock(mutex_);
  intake_.count_message();
  if (payload.size() <= settings_.message_bytes_max)
    reader_.take(topic, payload, clock_.mono(), clock_.wall());
  else if (const auto parsed = sparkplug::parse_topic(topic))
    refuse_too_long(*parsed, payload.size());
  intake_.flush();
}

// What it said is not known. The reader notices at the next message that one is missing.
void SparkplugTags::refuse_too_long(const sparkplug::Topic& topic, std::size_t bytes) {
  using enum sparkplug::Verb;
  const auto device = devices_.find(device_path(topic.group, topic.edge_node, topic.device));
  const bool tells = topic.verb == nbirth || topic.verb == dbirth || topic.verb == ndata || topic.verb == ddata;
  if (device == devices_.end() || !tells) return;
  for (const std::size_t tag : device->second)
    intake_.refuse(tag,
                   std::format("a message of {} bytes; message_bytes_max is {}", bytes, settings_.message_bytes_max));
}

void SparkplugTags::on_retained(std::string_view, std::span<const std::uint8_t>) {
  const std::lock_guard lock(mutex_);
  intake_.count_message();
  faults_.add();
}

void SparkplugTags::on_readings(std::span<const sparkplug::Reading> readings) {
  for (const sparkplug::Reading& reading : readings)
    if (const auto found = metrics_.find(reading.path); found != metrics_.end())
      for (const std::size_t tag : found->second) take(tag, reading);
}

void SparkplugTags::take(std::size_t tag, const sparkplug::Reading& reading) {
  read_[tag] = true;
  if (reading.historical) return intake_.count_lost();
  if (reading.quality == Quality::bad) return intake_.refuse(tag, std::string(reading.why), reading.source_time);
  intake_.take(tag, reading.value, reading.source_time, reading.quality);
}

void SparkplugTags::on_birth(const sparkplug::Topic& of) {
  const auto device = devices_.find(device_path(of.group, of.edge_node, of.device));
  if (device == devices_.end()) return;
  for (const std::size_t tag : device->second)
    if (!read_[tag])
      intake_.refuse(tag, std::format("the birth of {} does not name the metric {}", device->first,
                                      intake_.tag(tag).sparkplug.metric));
}

void SparkplugTags::on_rebirth_wanted(const std::string& topic, const wire::Bytes& payload) {
  requests_.emplace_back(topic, payload);
}

void SparkplugTags::count() {
  const sparkplug::ReaderCounts& now = reader_.counts();
  const auto faults = [](const sparkplug::ReaderCounts& of) {
    return of.malformed + of.unknown_metrics + of.alias_conflicts + of.refused;
  };
  rebirths_.add(now.rebirths_asked - counted_.rebirths_asked);
  faults_.add(faults(now) - faults(counted_));
  intake_.count_lost(now.gaps - counted_.gaps);
  counted_ = now;
}

}  // namespace lineside::gateway
