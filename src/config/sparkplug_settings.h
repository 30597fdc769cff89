#pragma once
// How a gateway shows its tags to any SCADA system by Sparkplug B 3.0.
#include <chrono>
#include <string>
#include <vector>

#include "model/broker_access.h"

namespace lineside::config {

struct SparkplugSettings {
  bool enabled = false;
  std::vector<BrokerAccess> brokers;  // one at a time: the next one when the primary host is not at this one
  bool plain = false;                 // without TLS on another machine's broker too
  std::string group;
  std::string edge_node;          // empty: the gateway's name
  std::string primary_host;       // empty: publishes whoever listens
  std::vector<std::string> tags;  // names, or folders with '/' at the end; empty: all
  std::chrono::milliseconds period{250};
  int buffer_samples = 100'000;  // kept until they can be sent; then the oldest goes
  // What went out within so long before a connection ended is sent again: nobody knows whether it arrived.
  std::chrono::milliseconds resend{60'000};
  int backlog_samples_s = 10'000;  // caught up at most so fast, beside what is new
  std::chrono::milliseconds reconnect_min{200}, reconnect_max{30'000};
};

// `one` of SparkplugSettings::tags: a tag's name, or a folder.
inline bool names_tag(const std::string& one, const std::string& tag) {
  return one.ends_with('/') ? tag.starts_with(one) : tag == one;
}

}  // namespace lineside::config
