#include "wire/sparkplug_reader.h"

#include <algorithm>
#include <format>

namespace lineside::wire::sparkplug {

struct Reader::Known {
  std::string path;
  std::uint32_t type = 0;
  bool shown = false;    // its newest reading was not bad
  bool in_birth = true;  // named by the birth that is being taken
};

struct Reader::Device {
  bool born = false;
  std::unordered_map<std::string, Known> metrics;  // by name; their addresses stay
};

struct Reader::Held {
  std::uint64_t seq;
  Topic topic;
  Payload payload;
  WallTime received;
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
  std::vector<Held> held;
  std::optional<MonoTime> gap_since;
  bool rebirth_wanted = false;
  std::optional<MonoTime> rebirth_asked;
};

namespace {

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

void Reader::take(std::string_view topic_text, ByteView bytes, MonoTime now, WallTime received) {
  ++counts_.messages;
  const auto topic = parse_topic(topic_text);
  if (!topic) {
    ++counts_.malformed;
    return;
  }
  if (topic->verb == Verb::state || topic->verb == Verb::ncmd || topic->verb == Verb::dcmd) return;
  auto payload = decode(bytes);
  if (!payload) {
    ++counts_.malformed;  // what is missing now is noticed at the next message
    return;
  }
  Node* node = node_of(*topic);
  if (node == nullptr) return;
  counts_.malformed += payload->unreadable;
  if (topic->verb == Verb::nbirth)
    take_node_birth(*node, *payload, received);
  else if (topic->verb == Verb::ndeath)
    take_node_death(*node, *payload, received);
  else
    take_ordered(*node, *topic, std::move(*payload), now, received);
  tell();
  ask_if_due(*node, now, received);
}

void Reader::tick(MonoTime now, WallTime received) {
  for (auto& [key, node] : nodes_) {
    if (node->gap_since && now - *node->gap_since >= settings_.reorder_timeout) lose_track(*node, received);
    tell();
    ask_if_due(*node, now, received);
  }
}

void Reader::lost_connection(WallTime received) {
  for (auto& [key, node] : nodes_) {
    lose_all(*node, received);
    node->rebirth_wanted = false;  // nobody would hear it
  }
  tell();
}

Reader::Node* Reader::node_of(const Topic& topic) {
  std::string key = topic.group + '/' + topic.edge_node;
  const auto found = nodes_.find(key);
  if (found != nodes_.end()) return found->second.get();
  if (nodes_.size() >= settings_.nodes_max) {
    ++counts_.refused;
    return nullptr;
  }
  auto node = std::make_unique<Node>();
  node->request = {.verb = Verb::ncmd, .group = topic.group, .edge_node = topic.edge_node};
  return nodes_.emplace(std::move(key), std::move(node)).first->second.get();
}

void Reader::take_ordered(Node& node, const Topic& topic, Payload payload, MonoTime now, WallTime received) {
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
    if (!node.gap_since) node.gap_since = now;
    node.held.push_back({*payload.seq, topic, std::move(payload), received});
    if (node.held.size() > settings_.held_max || settings_.reorder_timeout.count() == 0) lose_track(node, received);
    return;
  }
  apply(node, topic, payload, received);
  while (node.own.born) {
    const auto next = std::ranges::find(node.held, node.next_seq, &Held::seq);
    if (next == node.held.end()) break;
    const Held held = std::move(*next);
    node.held.erase(next);
    apply(node, held.topic, held.payload, held.received);
  }
  if (node.held.empty())
    node.gap_since.reset();
  else
    node.gap_since = now;  // another one is missing
}

void Reader::take_node_birth(Node& node, const Payload& payload, WallTime received) {
  if (!has_seq(payload)) {
    ++counts_.malformed;
    return want_rebirth(node);
  }
  for (auto& [name, device] : node.devices) {
    lose(device, received, received);
    metrics_ -= device.metrics.size() + 1;
  }
  node.devices.clear();
  node.aliases.clear();
  node.held.clear();
  node.gap_since.reset();
  node.rebirth_wanted = false;
  node.bd_seq = bd_seq_of(payload);
  node.next_seq = (*payload.seq + 1) % kSequences;
  take_birth(node, node.own, {.group = node.request.group, .edge_node = node.request.edge_node}, payload, received);
}

void Reader::take_node_death(Node& node, const Payload& payload, WallTime received) {
  if (const auto of = bd_seq_of(payload); node.bd_seq && of != node.bd_seq) {
    ++counts_.old_deaths;
    return;
  }
  lose_all(node, received);
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
  lose(device->second, from_ms(payload.timestamp_ms), received);
}

void Reader::take_birth(Node& node, Device& device, const Topic& topic, const Payload& payload, WallTime received) {
  for (auto& [name, known] : device.metrics) known.in_birth = false;
  std::erase_if(node.aliases, [&](const auto& alias) { return alias.second.device == &device; });
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
}

Reader::Device* Reader::device_of(Node& node, const std::string& name) {
  if (const auto found = node.devices.find(name); found != node.devices.end()) return &found->second;
  if (metrics_ >= settings_.metrics_max) {
    ++counts_.refused;
    return nullptr;
  }
  ++metrics_;
  return &node.devices[name];
}

Reader::Known* Reader::know(Node& node, Device& device, const Topic& topic, const Metric& metric) {
  auto found = device.metrics.find(metric.name);
  if (found == device.metrics.end()) {
    if (metrics_ >= settings_.metrics_max) {
      ++counts_.refused;
      return nullptr;
    }
    ++metrics_;
    std::string path = std::format("{}/{}/{}/{}", topic.group, topic.edge_node, topic.device, metric.name);
    found = device.metrics.emplace(metric.name, Known{.path = std::move(path)}).first;
  }
  Known& known = found->second;
  known.type = metric.type.value_or(0);
  known.in_birth = true;
  if (!metric.alias) return &known;
  const auto [alias, is_new] = node.aliases.try_emplace(*metric.alias, Node::Alias{&known, &device});
  if (!is_new && alias->second.known != &known) {
    ++counts_.alias_conflicts;
    alias->second.known = nullptr;
  }
  return &known;
}

// Metrics that an earlier birth had named and this one does not.
void Reader::forget_unborn(Device& device, WallTime time, WallTime received) {
  for (const auto& [name, known] : device.metrics)
    if (!known.in_birth && known.shown) readings_.push_back({known.path, time, received});
  tell();  // the paths go now
  const std::size_t gone = std::erase_if(device.metrics, [](const auto& metric) { return !metric.second.in_birth; });
  metrics_ -= gone;
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
  } else if (!known_type || !same_type) {
    ++counts_.bad_values;
  } else if (!metric.is_null) {
    const auto number = number_of(known.type, metric.value);
    const Quality quality = quality_of(metric);
    if (!number) ++counts_.bad_values;
    if (number && quality != Quality::bad) {
      reading.value = *number;
      reading.quality = quality;
    }
  }
  if (!metric.is_historical) known.shown = reading.quality != Quality::bad;
  readings_.push_back(reading);
}

void Reader::lose(Device& device, WallTime time, WallTime received) {
  device.born = false;
  for (auto& [name, known] : device.metrics)
    if (std::exchange(known.shown, false)) readings_.push_back({known.path, time, received});
  tell();
}

void Reader::lose_all(Node& node, WallTime received) {
  lose(node.own, received, received);
  for (auto& [name, device] : node.devices) lose(device, received, received);
  node.held.clear();
  node.gap_since.reset();
}

void Reader::lose_track(Node& node, WallTime received) {
  ++counts_.gaps;
  lose_all(node, received);
  want_rebirth(node);
}

void Reader::want_rebirth(Node& node) const { node.rebirth_wanted = settings_.ask_for_rebirth; }

void Reader::ask_if_due(Node& node, MonoTime now, WallTime received) {
  if (!node.rebirth_wanted) return;
  if (node.rebirth_asked && now - *node.rebirth_asked < settings_.rebirth_pause) return;
  node.rebirth_wanted = false;
  node.rebirth_asked = now;
  ++counts_.rebirths_asked;
  sink_.on_rebirth_wanted(make_topic(node.request), rebirth_request(received));
}

void Reader::tell() {
  if (!readings_.empty()) sink_.on_readings(readings_);
  readings_.clear();
}

}  // namespace lineside::wire::sparkplug
