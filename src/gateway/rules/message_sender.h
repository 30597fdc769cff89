#pragma once
// Sends what rules publish, by the brokers of tag sources; each message within its time to live, or not at all.
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "config/tag_settings.h"
#include "rules/engine.h"

namespace lineside::gateway {

// Owner thread only. QoS 1: a message may come twice when a connection breaks, also after its time to live if it was on
// its way. At the end what waits is left out.
class MessageSender {
 public:
  static constexpr std::size_t kWaitingMax = 1000;  // at each broker; then the oldest is left out

  MessageSender(MetricsRegistry& metrics, Clock& clock);
  ~MessageSender();
  // A connection of its own to the broker of this source. Errors: those of mqtt::Client::start(). Before the first
  // message.
  Result<void> add(const config::TagSourceSettings& source);
  void put(const rules::RuleMessage& message);
  void look_after();  // sends what waits, leaves out what is too old; call some times a second
  std::uint64_t unsent() const { return unsent_; }                 // left out, in all
  const std::string& last_unsent() const { return last_unsent_; }  // a sentence: which one, and why

 private:
  class Way;
  void leave_out(const Way& way, const rules::RuleMessage& message);

  Clock& clock_;
  Counter &sent_counter_, &unsent_counter_;
  std::vector<std::unique_ptr<Way>> ways_;
  std::uint64_t unsent_ = 0;
  std::string last_unsent_;
};

}  // namespace lineside::gateway
