#pragma once
// Where a station's verdicts are issued: it numbers the items, closes them on the board, fills in the verdict and hands
// it on to the actuation thread (rejects) and to the reporter (everything). Everything here is lock-free and allocates
// nothing after construction; it has no thread of its own.
#include <atomic>
#include <cstdint>
#include <limits>

#include "base/metrics.h"
#include "config/gateway_settings.h"
#include "gateway/api/item_log.h"
#include "gateway/api/sample_sink.h"
#include "gateway/inspection/doorbell.h"
#include "gateway/inspection/frame_slots.h"
#include "gateway/inspection/item_board.h"
#include "gateway/inspection/judge.h"
#include "gateway/inspection/lock_free_ring.h"

namespace lineside::gateway {

struct Outcome {
  Verdict verdict;
  const ModelInfo* model = nullptr;  // null: no model answered
};

// What one camera's model said of an item, and when.
struct Answer {
  ItemTicket ticket;
  Judgement judgement;
  ClassScore score;
  MonoTime exposure{}, preprocess{}, inference{};
  const ModelInfo* model = nullptr;
};

// To the reporter: an item whose story is over, or (with a slot) a picture that the sample store wants.
struct Report {
  Outcome outcome;
  FrameSlot* slot = nullptr;
  SampleWhy why = SampleWhy::no;
};

class VerdictDesk {
 public:
  static constexpr std::size_t kReportsMax = 256, kOrdersMax = 128;

  VerdictDesk(const config::StationSettings& settings, int cameras, bool has_actuator, ItemLog& items, Clock& clock,
              MetricsRegistry& metrics);

  // A new item, opened by a frame of `camera` or (-1) by a trigger. One thread at a time. False: too many items have no
  // verdict yet; this one got the fail-safe verdict.
  bool open(MonoTime trigger, int camera, ItemTicket& ticket);
  ItemBoard& board() { return board_; }

  // One camera's answer. An answer after the deadline counts as none. False: it decided nothing because the item was
  // closed before; it was dropped and counted.
  bool answer(const Answer& answer);
  // One camera has nothing to say.
  void fail(const ItemTicket& ticket, Reason reason);
  // Of the watching thread: issues the fail-safe verdict for everything that is due, then sleeps until more may be
  // (at most for the time that a new item has, or until wake_watch()).
  void watch();
  void wake_watch() { watch_bell_.ring(); }
  // The same for everything that is open, whatever its deadline: the station stops.
  void close_all();

  // Of the actuation thread.
  bool next_order(Outcome& order) { return orders_.pop(order); }
  Doorbell& orders_bell() { return orders_bell_; }
  Counter& actuation_failures() { return actuation_failures_; }
  void report(const Outcome& outcome);  // after actuation

  // Of the reporter.
  bool next_report(Report& report) { return reports_.pop(report); }
  bool offer_sample(const Report& report);  // false: no room, the caller keeps the slot
  Doorbell& reports_bell() { return reports_bell_; }

  // Items that came onto the board so far; sequentially consistent with what is on it.
  std::uint64_t openings() const { return openings_.load(std::memory_order_seq_cst); }
  std::uint64_t opened() const { return opened_.load(std::memory_order_relaxed); }
  std::uint64_t issued() const { return issued_.load(std::memory_order_relaxed); }
  std::uint64_t reports_dropped() const { return reports_dropped_.value(); }
  Decision fail_safe() const { return fail_safe_; }
  Clock& clock() { return clock_; }

 private:
  MonoTime expire();  // when something may be due again
  void issue_fail_safe(const ItemTicket& ticket, Reason reason, const Answer* last);
  void issue(const Outcome& outcome);

  const Decision fail_safe_;
  const nanoseconds deadline_, frame_wait_max_;
  const bool has_actuator_;
  ItemLog& items_;
  Clock& clock_;
  ItemBoard board_;
  LockFreeRing<Report> reports_;
  LockFreeRing<Outcome> orders_;
  Doorbell reports_bell_, orders_bell_, watch_bell_;
  // Until when the watching thread sleeps; the highest number: it is awake, and whoever opens an item must ring.
  std::atomic<std::int64_t> watch_sleeps_until_ns_{std::numeric_limits<std::int64_t>::max()};
  std::atomic<std::uint64_t> openings_{0};
  std::atomic<std::uint64_t> opened_{0}, issued_{0};
  Counter& actuation_failures_;
  Counter& late_answers_;
  Counter& reports_dropped_;
};

}  // namespace lineside::gateway
