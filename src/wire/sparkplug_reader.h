#pragma once
// Follows strangers' Sparkplug B edge nodes as a host application does (Sparkplug 3.0, chapters 5 and 6): keeps the
// metrics that births name, resolves aliases, watches the order of messages, asks for rebirths, and gives out readings.
// A value is only ever what a birth's type says; everything else is a reading of bad quality and counted.
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "model/sample.h"
#include "wire/sparkplug.h"

namespace lineside::wire::sparkplug {

// As a Sample, for a tag that has no place yet.
struct Reading {
  std::string_view path;   // group/edge_node/device/metric; of the edge node itself: group/edge_node//metric
  WallTime source_time{};  // zero: not said
  WallTime received{};
  double value = std::numeric_limits<double>::quiet_NaN();  // NaN only where the quality is bad
  Quality quality = Quality::bad;  // stale with a value is uncertain; dead, null or of another type is bad
  std::string_view why;            // it is bad, in a few words; else empty
  bool historical = false;         // caught up: not the current value
};

class ReaderSink {
 public:
  virtual ~ReaderSink() = default;
  // All of one message, in its order. Every metric of a birth gets one; later those that came, and a bad one of all
  // that were not bad when they are lost.
  virtual void on_readings(std::span<const Reading> readings) = 0;
  // All readings of a birth have been told, of an edge node or a device: what it did not name is not there.
  virtual void on_birth(const Topic& of) = 0;
  // To be published with QoS 0, not retained.
  virtual void on_rebirth_wanted(const std::string& topic, const Bytes& payload) = 0;
};

struct ReaderSettings {
  // How long a message may be overtaken by later ones; then all of the edge node is lost until its next birth.
  std::chrono::milliseconds reorder_timeout{2000};
  bool ask_for_rebirth = true;
  // Between two requests to the same edge node on one connection; doubled with each, until none was needed for
  // `rebirth_pause_max`.
  std::chrono::milliseconds rebirth_pause{10'000}, rebirth_pause_max{300'000};
  std::size_t nodes_max = 1000, metrics_max = 200'000;
  std::size_t held_max = 64;           // messages of one edge node that wait for an earlier one
  std::size_t bytes_max = 100u << 20;  // of all metrics' names and all messages that wait, with what keeping costs
};

struct ReaderCounts {
  std::uint64_t messages = 0;
  std::uint64_t malformed = 0;        // messages and metrics that can't be read, or are out of their place
  std::uint64_t bad_values = 0;       // of another type than the birth said, out of range, not finite, of no known type
  std::uint64_t not_numbers = 0;      // texts, data sets ...: told as bad once
  std::uint64_t unknown_metrics = 0;  // an alias or name that no birth named
  std::uint64_t alias_conflicts = 0;  // one alias for two metrics: good for neither
  std::uint64_t before_birth = 0;     // messages of edge nodes and devices without a valid birth
  std::uint64_t out_of_order = 0;     // messages that were held back
  std::uint64_t gaps = 0;             // messages were missing for longer than allowed
  std::uint64_t old_deaths = 0;       // of an earlier session: not this one's bdSeq
  std::uint64_t refused = 0;          // above nodes_max, metrics_max or bytes_max
  std::uint64_t rebirths_asked = 0;
};

// Not thread-safe.
class Reader {
 public:
  Reader(const ReaderSettings& settings, ReaderSink& sink);
  ~Reader();

  // An edge node that shall be there: it is asked for its births if it sends none. Beyond nodes_max: refused, counted.
  void follow(const std::string& group, const std::string& edge_node);
  // The broker gives us its messages from now on. Edge nodes that are known and have not been born `reorder_timeout`
  // later (those that were cut off too are born by themselves) are asked for their births: who has nothing to report
  // would say nothing.
  void connected(MonoTime now);
  // A message of any topic below spBv1.0; commands and host states are passed over.
  void take(std::string_view topic, ByteView payload, MonoTime now, WallTime received);
  // To be called every 100 ms or so: what was waited for in vain, and rebirths that may be asked for again.
  void tick(MonoTime now, WallTime received);
  // The connection to the broker is gone: everything is bad until new births, and nobody is asked until connected().
  void lost_connection(WallTime received);

  const ReaderCounts& counts() const { return counts_; }
  std::size_t metrics() const { return metrics_; }  // that are followed; a device counts as one too
  std::size_t bytes() const { return bytes_; }      // of bytes_max

 private:
  struct Known;
  struct Device;
  struct Held;
  struct Node;
  struct Loss;

  Node* node_of(const std::string& group, const std::string& edge_node);
  void take_ordered(Node& node, const Topic& topic, const Payload& payload, ByteView bytes, MonoTime now,
                    WallTime received);
  Held release(Node& node, std::size_t place);
  void take_node_birth(Node& node, const Payload& payload, WallTime received);
  void take_node_death(Node& node, const Payload& payload, WallTime received);
  void apply(Node& node, const Topic& topic, const Payload& payload, WallTime received);
  void take_birth(Node& node, Device& device, const Topic& topic, const Payload& payload, WallTime received);
  Device* device_of(Node& node, const std::string& name);
  Known* know(Node& node, Device& device, const Topic& topic, const Metric& metric);
  Known* enter(Device& device, const Topic& topic, const std::string& name);
  bool reserve(std::size_t bytes);
  void forget_unborn(Device& device, WallTime time, WallTime received);
  void forget_device(const std::string& name, Device& device, WallTime received);
  void take_data(Node& node, Device& device, const Payload& payload, WallTime received);
  static Known* find(const Node& node, Device& device, const Metric& metric);
  void read(Known& known, const Metric& metric, const Payload& payload, WallTime received, bool birth);
  void lose(Device& device, const Loss& loss);
  void lose_all(Node& node, WallTime received, std::string_view why);
  void lose_track(Node& node, WallTime received);
  void want_rebirth(Node& node) const;
  void ask_if_due(Node& node, MonoTime now, WallTime received);
  void tell();

  const ReaderSettings settings_;
  ReaderSink& sink_;
  ReaderCounts counts_;
  std::size_t metrics_ = 0, bytes_ = 0;
  std::map<std::string, std::unique_ptr<Node>, std::less<>> nodes_;  // by group/edge_node
  std::vector<Reading> readings_;                                    // of the message that is being taken
};

}  // namespace lineside::wire::sparkplug
