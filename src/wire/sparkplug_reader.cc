#include "wire/sparkplug_reader.h"

#include <algorithm>
#include <format>
#include <utility>

namespace lineside::wire::sparkplug {

struct Reader::Known {
  std::string path;
  std::uint32_t type = 0;
  std::optional<std::uint64_t> alias;
  bool shown = false;     // its newest reading was not bad
  bool in_birth = false;  // named by the birth that is being taken
};

struct Reader::Device {
  bool born = false;
  std::unordered_map<std::string, Known> metrics;  // by name; their addresses stay
};

struct Reader::Held {
  std::uint64_t seq;
  Topic topic;
  Bytes payload;
  WallTime received;
  MonoTime since;
};

struct Reader::Node {
  struct Alias {
    Known* known;  // null: two metrics claim it
    const Device* device;
  };
  Topic request;  // NCMD
  Device own;
  std::map<std::string, Device> devices;
  std::unordered_map<std::uint64_t, Alias> aliases;
  std::optional<std::uint64_t> bd_seq;
  std::uint64_t next_seq = 0;
  std::vector<Held> held;  // in the order they came
  bool rebirth_wanted = false;
  MonoTime ask_from{};  // not before
  std::chrono::milliseconds pause;
};

struct Reader::Loss {
  WallTime time, received;
  std::string_view why;
};

namespace {

// What keeping something costs beside its text or payload: the structs, their places in maps, an alias.
constexpr std::size_t kMetricBytes = 256, kHeldBytes = 1024;

std::size_t bytes_of(const std::string& name, const std::string& path) {
  return kMetricBytes + name.size() + path.size();
}

std::optional<std::uint64_t> bd_seq_of(const Payload& payload) {
  const auto found = std::ranges::find(payload.metrics, kBdSeq, &Metric::name);
  if (found == payload.metrics.end()) return std::nullopt;
  if (const auto* bits = std::get_if<std::uint64_t>(&found->value)) return *bits;
  if (const auto* bits = std::get_if<std::uint32_t>(&found->value)) return *bits;
  return std::nullopt;
}

bool has_seq(const Payload& payload) { return payload.seq && *payload.seq < kSequences; }

Quality quality_of(const Metric& metric) {
  const std::int32_t code = metric.quality.value_or(kQualityGood);
  if (code == kQualityGood) return Quality::good;
  return code == kQualityStale ? Quality::uncertain : Quality::bad;
}

}  // namespace

Reader::Reader(const ReaderSettings& settings, ReaderSink& sink) : settings_(settings), sink_(sink) {}
Reader::~Reader() = default;

void Reader::follow(const std::string& group, const std::string& edge_node) { node_of(group, edge_node); }

void Reader::connected(MonoTime now) {
  for (auto& [key, node] : nodes_) {
    if (node->own.born) continue;
    node->ask_from = now + settings_.reorder_timeout;
    node->pause = settings_.rebirth_pause;
    want_rebirth(*node);
  }
}

void Reader::take(std::string_view topic_text, ByteView bytes, MonoTime now, WallTime received) {
  ++counts_.messages;
  const auto topic = parse_topic(topic_text);
  if (!topic) {
    ++counts_.malformed;
    return;
  }
  if (topic->verb == Verb::state || topic->verb == Verb::ncmd || topic->verb == Verb::dcmd) return;
  const auto payload = decode(bytes);
  if (!payload) {
    ++counts_.malformed;  // what is missing now is noticed at the next message
    return;
  }
  Node* node = node_of(topic->group, topic->edge_node);
  if (node == nullptr) return;
  counts_.malformed += payload->unreadable;
  if (topic->verb == Verb::nbirth)
    take_node_birth(*node, *payload, received);
  else if (topic->verb == Verb::ndeath)
    take_node_death(*node, *payload, received);
  else
    take_ordered(*node, *topic, *payload, bytes, now, received);
  tell();
  ask_if_due(*node, now, received);
}

void Reader::tick(MonoTime now, WallTime received) {
  for (auto& [key, node] : nodes_) {
    if (!node->held.empty() && now - node->held.front().since >= settings_.reorder_timeout) lose_track(*node, received);
    tell();
    ask_if_due(*node, now, received);
  }
}

void Reader::lost_connection(WallTime received) {
  for (auto& [key, node] : nodes_) {
    lose_all(*node, received, "no connection to the broker");
    node->rebirth_wanted = false;  // nobody would hear it
  }
  tell();
}

Reader::Node* Reader::node_of(const std::string& group, const std::string& edge_node) {
  std::string key = group + '/' + edge_node;
  const auto found = nodes_.find(key);
  if (found != nodes_.end()) return found->second.get();
  if (nodes_.size() >= settings_.nodes_max) {
    ++counts_.refused;
    return nullptr;
  }
  auto node = std::make_unique<Node>();
  node->request = {.verb = Verb::ncmd, .group = group, .edge_node = edge_node};
  node->pause = settings_.rebirth_pause;
  return nodes_.emplace(std::move(key), std::move(node)).first->second.get();
}

void Reader::take_ordered(Node& node, const Topic& topic, const Payload& payload, ByteView bytes, MonoTime now,
                          WallTime received) {
  if (!node.own.born) {
    ++counts_.before_birth;
    return want_rebirth(node);
  }
  if (!has_seq(payload)) {
    ++counts_.malformed;
    return lose_track(node, received);
  }
  if (*payload.seq != node.next_seq) {
    ++counts_.out_of_order;
    const bool waits = settings_.reorder_timeout.count() > 0 && node.held.size() < settings_.held_max;
    if (!waits || !reserve(kHeldBytes + bytes.size())) return lose_track(node, received);
    node.held.push_back({*payload.seq, topic, {bytes.begin(), bytes.end()}, received, now});
    return;
  }
  apply(node, topic, payload, received);
  while (node.own.born) {
    const auto next = std::ranges::find(node.held, node.next_seq, &Held::seq);
    if (next == node.held.end()) break;
    const Held held = release(node, static_cast<std::size_t>(next - node.held.begin()));
    if (const auto again = decode(held.payload)) apply(node, held.topic, *again, held.received);
  }
}

bool Reader::reserve(std::size_t bytes) {
  if (bytes > settings_.bytes_max - bytes_) return false;
  bytes_ += bytes;
  return true;
}

Reader::Held Reader::release(Node& node, std::size_t place) {
  Held released = std::move(node.held[place]);
  node.held.erase(node.held.begin() + static_cast<std::ptrdiff_t>(place));
  bytes_ -= kHeldBytes + released.payload.size();
  return released;
}

void Reader::take_node_birth(Node& node, const Payload& payload, WallTime received) {
  if (!has_seq(payload)) {
    ++counts_.malformed;
    return want_rebirth(node);
  }
  for (auto& [name, device] : node.devices) forget_device(name, device, received);
  node.devices.clear();
  node.aliases.clear();
  while (!node.held.empty()) release(node, node.held.size() - 1);
  node.rebirth_wanted = false;
  node.bd_seq = bd_seq_of(payload);
  node.next_seq = (*payload.seq + 1) % kSequences;
  take_birth(node, node.own, {.group = node.request.group, .edge_node = node.request.edge_node}, payload, received);
}

void Reader::forget_device(const std::string& name, Device& device, WallTime received) {
  lose(device, {received, received, "its edge node was born again, its device not yet"});
  for (const auto& [metric, known] : device.metrics) bytes_ -= bytes_of(metric, known.path);
  bytes_ -= bytes_of(name, {});
  metrics_ -= device.metrics.size() + 1;
}

void Reader::take_node_death(Node& node, const Payload& payload, WallTime received) {
  if (const auto of = bd_seq_of(payload); node.bd_seq && of != node.bd_seq) {
    ++counts_.old_deaths;
    return;
  }
  lose_all(node, received, "its edge node has died");
  node.rebirth_wanted = false;  // it is not there to be asked
}

void Reader::apply(Node& node, const Topic& topic, const Payload& payload, WallTime received) {
  node.next_seq = (node.next_seq + 1) % kSequences;
  if (topic.verb == Verb::ndata) return take_data(node, node.own, payload, received);
  if (topic.verb == Verb::dbirth) {
    if (Device* born = device_of(node, topic.device)) take_birth(node, *born, topic, payload, received);
    return;
  }
  const auto device = node.devices.find(topic.device);
  if (device == node.devices.end() || !device->second.born) {
    ++counts_.before_birth;
    if (topic.verb == Verb::ddata) want_rebirth(node);
    return;
  }
  if (topic.verb == Verb::ddata) return take_data(node, device->second, payload, received);
  lose(device->second, {from_ms(payload.timestamp_ms), received, "its device has died"});
}

void Reader::take_birth(Node& node, Device& device, const Topic& topic, const Payload& payload, WallTime received) {
  for (auto& [name, known] : device.metrics) {
    known.in_birth = false;
    if (!known.alias) continue;
    const auto alias = node.aliases.find(*known.alias);
    if (alias != node.aliases.end() && alias->second.device == &device) node.aliases.erase(alias);
    known.alias.reset();
  }
  device.born = true;
  for (const Metric& metric : payload.metrics) {
    if (topic.device.empty() && metric.name == kBdSeq) continue;
    if (metric.name.empty()) {
      ++counts_.malformed;
      continue;
    }
    if (Known* known = know(node, device, topic, metric)) read(*known, metric, payload, received, true);
  }
  forget_unborn(device, from_ms(payload.timestamp_ms), received);
  sink_.on_birth(topic);
}

Reader::Device* Reader::device_of(Node& node, const std::string& name) {
  if (const auto found = node.devices.find(name); found != node.devices.end()) return &found->second;
  if (metrics_ >= settings_.metrics_max || !reserve(bytes_of(name, {}))) {
    ++counts_.refused;
    return nullptr;
  }
  ++metrics_;
  return &node.devices[name];
}

// The place of a metric that a birth names. None: there is no room, or the birth has named it already as another one.
Reader::Known* Reader::know(Node& node, Device& device, const Topic& topic, const Metric& metric) {
  Known* known = enter(device, topic, metric.name);
  if (known == nullptr) return nullptr;
  const std::uint32_t type = metric.type.value_or(0);
  if (std::exchange(known->in_birth, true)) {
    if (type == known->type && (!metric.alias || metric.alias == known->alias)) return known;
    ++counts_.malformed;
    return nullptr;
  }
  known->type = type;
  known->alias = metric.alias;
  if (!metric.alias) return known;
  const auto [alias, is_new] = node.aliases.try_emplace(*metric.alias, Node::Alias{known, &device});
  if (!is_new) {
    ++counts_.alias_conflicts;
    alias->second.known = nullptr;
  }
  return known;
}

Reader::Known* Reader::enter(Device& device, const Topic& topic, const std::string& name) {
  if (const auto found = device.metrics.find(name); found != device.metrics.end()) return &found->second;
  std::string path = std::format("{}/{}/{}/{}", topic.group, topic.edge_node, topic.device, name);
  if (metrics_ >= settings_.metrics_max || !reserve(bytes_of(name, path))) {
    ++counts_.refused;
    return nullptr;
  }
  ++metrics_;
  Known& known = device.metrics[name];
  known.path = std::move(path);
  return &known;
}

// Metrics that an earlier birth had named and this one does not.
void Reader::forget_unborn(Device& device, WallTime time, WallTime received) {
  for (const auto& [name, known] : device.metrics)
    if (!known.in_birth && known.shown)
      readings_.push_back(
          {.path = known.path, .source_time = time, .received = received, .why = "the newest birth does not name it"});
  tell();  // the paths go now
  std::erase_if(device.metrics, [this](const auto& metric) {
    const auto& [name, known] = metric;
    if (known.in_birth) return false;
    --metrics_;
    bytes_ -= bytes_of(name, known.path);
    return true;
  });
}

void Reader::take_data(Node& node, Device& device, const Payload& payload, WallTime received) {
  for (const Metric& metric : payload.metrics) {
    if (Known* known = find(node, device, metric)) {
      read(*known, metric, payload, received, false);
    } else {
      ++counts_.unknown_metrics;
      want_rebirth(node);
    }
  }
}

Reader::Known* Reader::find(const Node& node, Device& device, const Metric& metric) {
  if (!metric.name.empty()) {
    const auto named = device.metrics.find(metric.name);
    return named == device.metrics.end() ? nullptr : &named->second;
  }
  const auto alias = node.aliases.find(*metric.alias);
  return alias == node.aliases.end() || alias->second.device != &device ? nullptr : alias->second.known;
}

void Reader::read(Known& known, const Metric& metric, const Payload& payload, WallTime received, bool birth) {
  Reading reading{.path = known.path,
                  .source_time = from_ms(metric.timestamp_ms ? metric.timestamp_ms : payload.timestamp_ms),
                  .received = received,
                  .historical = metric.is_historical};
  const bool known_type = known.type != 0 && known.type <= static_cast<std::uint32_t>(Type::last);
  const bool same_type = !metric.type || *metric.type == known.type;
  if (known_type && same_type && !is_number(known.type)) {
    ++counts_.not_numbers;
    if (!birth) return;
    reading.why = "it is of a type that is no number";
  } else if (!known_type || !same_type) {
    ++counts_.bad_values;
    reading.why = known_type ? "it is of another type than its birth said" : "its birth gives it no type that there is";
  } else if (metric.is_null) {
    reading.why = "it is null";
  } else if (const auto number = number_of(known.type, metric.value); !number) {
    ++counts_.bad_values;
    reading.why = "its value is none of its type";
  } else if (const Quality quality = quality_of(metric); quality == Quality::bad) {
    reading.why = "its edge node says that it is bad";
  } else {
    reading.value = *number;
    reading.quality = quality;
  }
  if (!metric.is_historical) known.shown = reading.quality != Quality::bad;
  readings_.push_back(reading);
}

void Reader::lose(Device& device, const Loss& loss) {
  device.born = false;
  for (auto& [name, known] : device.metrics)
    if (std::exchange(known.shown, false))
      readings_.push_back({.path = known.path, .source_time = loss.time, .received = loss.received, .why = loss.why});
  tell();
}

void Reader::lose_all(Node& node, WallTime received, std::string_view why) {
  lose(node.own, {received, received, why});
  for (auto& [name, device] : node.devices) lose(device, {received, received, why});
  while (!node.held.empty()) release(node, node.held.size() - 1);
}

void Reader::lose_track(Node& node, WallTime received) {
  ++counts_.gaps;
  lose_all(node, received, "a message of its edge node is missing");
  want_rebirth(node);
}

void Reader::want_rebirth(Node& node) const { node.rebirth_wanted = settings_.ask_for_rebirth; }

// Again and again until it is born or dies: a request may be lost, and who reports nothing would stay unknown.
void Reader::ask_if_due(Node& node, MonoTime now, WallTime received) {
  if (!node.rebirth_wanted || now < node.ask_from) return;
  // It has not been asked for long: whatever was wrong then is over.
  if (now - node.ask_from >= settings_.rebirth_pause_max) node.pause = settings_.rebirth_pause;
  node.ask_from = now + node.pause;
  node.pause = std::min(node.pause * 2, settings_.rebirth_pause_max);
  ++counts_.rebirths_asked;
  sink_.on_rebirth_wanted(make_topic(node.request), rebirth_request(received));
}

void Reader::tell() {
  if (!readings_.empty()) sink_.on_readings(readings_);
  readings_.clear();
}

}  // namespace lineside::wire::sparkplug
