#pragma once
// What one lane has sent and may send: the go-back-N window of the watermark protocol (docs/delivery.md). No threads,
// no clock and no network in it: the caller says what time it is.
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "base/clock.h"

namespace lineside::gateway {

class LaneSender {
 public:
  struct Settings {
    nanoseconds ack_timeout{};
    std::size_t window_batches = 4;
    std::size_t window_bytes_min = 0, window_bytes_max = 0;  // equal: the byte window does not adapt
  };

  explicit LaneSender(const Settings& settings) : settings_(settings), window_bytes_(settings.window_bytes_min) {}

  // A new connection or epoch: nothing is under way, go on after `acknowledged`, but ask the hub first what it has.
  void restart(std::uint64_t acknowledged) {
    in_flight_.clear();
    acknowledged_ = sent_through_ = acknowledged;
    probing_ = false;
    asking_ = true;
    asked_at_.reset();
    timeouts_ = 0;
    go_back_not_before_.reset();
    hub_has_.reset();
    resume_wanted_ = false;
    measured_at_.reset();
  }

  std::uint64_t sent_through() const { return sent_through_; }
  std::uint64_t acknowledged() const { return acknowledged_; }
  bool idle() const { return in_flight_.empty(); }
  bool asking() const { return asking_; }
  bool may_send() const {
    if (asking_) return false;
    const std::size_t batches_max = probing_ ? 1 : settings_.window_batches;
    return in_flight_.size() < batches_max && (in_flight_.empty() || bytes_in_flight_() < window_bytes_);
  }
  // Should the question for the watermark go out now?
  bool ask_due(MonoTime now) const { return asking_ && (!asked_at_ || now >= *asked_at_ + timeout()); }
  void asked(MonoTime now) {
    if (asked_at_) ++timeouts_;
    asked_at_ = now;
  }
  // How many bytes of records the next batch should have at most.
  std::size_t batch_bytes_max() const { return window_bytes_ / 2; }

  void sent(std::uint64_t last, std::size_t bytes, MonoTime now) {
    in_flight_.push_back({last, bytes, now});
    sent_through_ = last;
  }

  // True if the hub made progress.
  bool on_ack(std::uint64_t watermark, bool resume, MonoTime now) {
    const bool answer = std::exchange(asking_, false);
    if (answer) timeouts_ = 0;
    if (watermark < acknowledged_) {
      if (resume || answer) hub_has_ = watermark, resume_wanted_ = true;
      return false;
    }
    hub_has_.reset();
    const bool progress = watermark > acknowledged_;
    acknowledged_ = watermark;
    sent_through_ = std::max(sent_through_, watermark);
    while (!in_flight_.empty() && in_flight_.front().last <= watermark) {
      adapt(in_flight_.front().at, now);
      in_flight_.pop_front();
    }
    if (progress) probing_ = false, timeouts_ = 0;
    // Each batch behind a hole is answered by a resume; one going back serves them all.
    if (resume) resume_wanted_ = true;
    return progress;
  }

  // Goes back to the watermark if the hub asked for it or has not answered for too long. How many batches that repeats.
  std::size_t go_back_if_due(MonoTime now) {
    const bool timed_out = !in_flight_.empty() && now >= in_flight_.front().at + timeout();
    const bool asked = resume_wanted_ && (!go_back_not_before_ || now >= *go_back_not_before_);
    if (!timed_out && !asked) return 0;
    if (timed_out) {
      ++timeouts_;
      probing_ = true;  // one batch at a time until the hub answers again
      set_window(std::max(settings_.window_bytes_min, window_bytes_ / 2), now);
    }
    const std::size_t repeated = in_flight_.size();
    in_flight_.clear();
    sent_through_ = acknowledged_;
    resume_wanted_ = false;
    go_back_not_before_ = now + kGoBackPause;
    return repeated;
  }

  // The hub, put back to an older copy of itself, asks for records after this that were acknowledged and are deleted.
  std::optional<std::uint64_t> hub_forgot_after() const { return hub_has_; }

  // When go_back_if_due wants to be called next.
  std::optional<MonoTime> next_deadline() const {
    std::optional<MonoTime> at;
    if (asking_ && asked_at_) at = *asked_at_ + timeout();
    if (!in_flight_.empty()) at = in_flight_.front().at + timeout();
    if (resume_wanted_ && go_back_not_before_) at = at ? std::min(*at, *go_back_not_before_) : *go_back_not_before_;
    return at;
  }

 private:
  struct InFlight {
    std::uint64_t last;
    std::size_t bytes;
    MonoTime at;
  };
  static constexpr std::chrono::milliseconds kGoBackPause{300};
  static constexpr std::chrono::milliseconds kQuick{300}, kSlow{800};  // of waiting in line
  static constexpr std::chrono::minutes kMeasureEvery{5};
  static constexpr std::chrono::seconds kTimeoutMax{60};

  // Doubles with each timeout in a row: a hub that is away costs few bytes. When it comes back it says so (resume).
  nanoseconds timeout() const {
    const nanoseconds longest = std::max<nanoseconds>(kTimeoutMax, settings_.ack_timeout);
    return std::min<nanoseconds>(settings_.ack_timeout * (1 << std::min(timeouts_, 10)), longest);
  }

  std::size_t bytes_in_flight_() const {
    std::size_t bytes = 0;
    for (const InFlight& batch : in_flight_) bytes += batch.bytes;
    return bytes;
  }

  // Keeps what is under way to what the link carries in well under a second, so that an alarm never queues behind more.
  // A link's own delay is no queue: it is what the quickest batch took. Batches that always queue a little would make
  // it seem to grow; so now and then the window is made small, and it is measured anew. What a change of the window
  // brings shows one round trip later, when all before a batch was sent under it.
  void adapt(MonoTime sent_at, MonoTime now) {
    const nanoseconds round_trip = now - sent_at;
    if (!measured_at_ || now - *measured_at_ >= kMeasureEvery) {
      if (measured_at_) set_window(settings_.window_bytes_min, now + round_trip);
      measured_at_ = now;
      quickest_ = round_trip;
    }
    quickest_ = std::min(quickest_, round_trip);
    if (sent_at < judged_from_) return;
    const nanoseconds queued = round_trip - quickest_;
    if (queued < kQuick) set_window(std::min(settings_.window_bytes_max, window_bytes_ * 2), now + round_trip);
    if (queued > kSlow) set_window(std::max(settings_.window_bytes_min, window_bytes_ / 2), now + round_trip);
  }
  void set_window(std::size_t bytes, MonoTime judged_from) {
    window_bytes_ = bytes;
    judged_from_ = judged_from;
  }

  const Settings settings_;
  std::deque<InFlight> in_flight_;
  std::uint64_t acknowledged_ = 0, sent_through_ = 0;
  std::size_t window_bytes_;
  MonoTime judged_from_ = MonoTime::min();  // by batches sent since
  nanoseconds quickest_{};                  // round trip since measured_at_
  std::optional<MonoTime> measured_at_;     // none: not on this connection
  int timeouts_ = 0;
  bool probing_ = false, resume_wanted_ = false;
  bool asking_ = false;
  std::optional<MonoTime> asked_at_;
  std::optional<MonoTime> go_back_not_before_;
  std::optional<std::uint64_t> hub_has_;
};

}  // namespace lineside::gateway
