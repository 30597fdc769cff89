#include "gateway/inspection/verdict_desk.h"

#include <limits>

namespace lineside::gateway {
namespace {

constexpr std::chrono::milliseconds kWatchMin{5}, kWatchMax{1000};

// Beyond those that wait for the model: items that wait for their frame, and the one the model works on.
std::size_t places_for(const config::StationSettings& settings) {
  return static_cast<std::size_t>(settings.queue_items) * 2 + 16;
}

}  // namespace

VerdictDesk::VerdictDesk(const config::StationSettings& settings, int cameras, bool has_actuator, ItemLog& items,
                         Clock& clock, MetricsRegistry& metrics)
    : fail_safe_(settings.fail_safe),
      deadline_(settings.deadline),
      frame_wait_max_(settings.trigger.frame_wait_max),
      has_actuator_(has_actuator),
      items_(items),
      clock_(clock),
      board_(places_for(settings), cameras, settings.votes_needed),
      reports_(kReportsMax),
      orders_(has_actuator ? kOrdersMax : 2),
      actuation_failures_(metrics.counter(
          "lineside_actuation_failures_total",
          "Rejects that the actuator did not do: unreachable, read-back wrong, gone by, or too many on their way.",
          {{"station", settings.name}})),
      late_answers_(metrics.counter("lineside_late_answers_total",
                                    "Model answers dropped because their item had its verdict already.",
                                    {{"station", settings.name}})),
      reports_dropped_(metrics.counter("lineside_reports_dropped_total",
                                       "Items that got their verdict but neither ledger line nor record: queue full.",
                                       {{"station", settings.name}})) {}

bool VerdictDesk::open(MonoTime trigger, int camera, ItemTicket& ticket) {
  const MonoTime now = clock_.mono();
  ticket.number = items_.next_item();
  ticket.trigger = trigger;
  ticket.deadline = trigger + deadline_;
  ticket.frame_due = trigger + frame_wait_max_;
  ticket.time = clock_.wall() - (now - trigger);
  opened_.fetch_add(1, std::memory_order_relaxed);
  if (!board_.open(ticket, camera)) {
    issue_fail_safe(ticket, Reason::fail_overload, nullptr);
    return false;
  }
  openings_.fetch_add(1, std::memory_order_seq_cst);
  // Most items are due after the watch wakes up anyway: waking it for each would cost the frame's own thread some time.
  const MonoTime first_due = std::min(ticket.deadline, ticket.frame_due);
  if (first_due.time_since_epoch().count() < watch_sleeps_until_ns_.load(std::memory_order_seq_cst)) watch_bell_.ring();
  return true;
}

bool VerdictDesk::answer(const Answer& answer) {
  // Too late is too late, also when the watchdog has not got round to it yet.
  const MonoTime now = clock_.mono();
  const bool late = now > answer.ticket.deadline;
  const Closed closed = late ? board_.vote(answer.ticket.number, Vote::failed, Reason::fail_late)
                             : board_.vote(answer.ticket.number, answer.judgement.vote, answer.judgement.reason);
  if (late || closed.closing == Closing::gone) late_answers_.add();
  if (closed.closing == Closing::gone) return false;
  if (closed.closing == Closing::open) return true;
  if (closed.closing == Closing::fail_safe) {
    issue_fail_safe(answer.ticket, closed.reason, &answer);
    return true;
  }
  Outcome outcome{.verdict = {}, .model = answer.model};
  Verdict& verdict = outcome.verdict;
  verdict.item = answer.ticket.number;
  verdict.decision = closed.closing == Closing::reject ? Decision::reject : Decision::pass;
  verdict.reason = closed.reason == Reason::score ? answer.judgement.reason : closed.reason;
  verdict.score = answer.score.reject_score;
  verdict.label = answer.score.label;
  verdict.deadline_met = true;
  verdict.deadline = answer.ticket.deadline;
  verdict.time = answer.ticket.time;
  verdict.stamps = {.trigger = answer.ticket.trigger,
                    .exposure = answer.exposure,
                    .preprocess = answer.preprocess,
                    .inference = answer.inference,
                    .decision = now};
  issue(outcome);
  return true;
}

void VerdictDesk::fail(const ItemTicket& ticket, Reason reason) {
  const Closed closed = board_.vote(ticket.number, Vote::failed, reason);
  if (closed.closing == Closing::fail_safe) issue_fail_safe(ticket, closed.reason, nullptr);
}

void VerdictDesk::watch() {
  const std::uint32_t seen = watch_bell_.count();
  watch_sleeps_until_ns_.store(std::numeric_limits<std::int64_t>::max(), std::memory_order_seq_cst);
  // Whoever still saw the time we slept until has put their item on the board before that: expire() sees it.
  const nanoseconds a_new_items_time =
      std::clamp<nanoseconds>(std::min(deadline_, frame_wait_max_), kWatchMin, kWatchMax);
  const MonoTime next = std::min(expire(), clock_.mono() + a_new_items_time);
  watch_sleeps_until_ns_.store(next.time_since_epoch().count(), std::memory_order_seq_cst);
  watch_bell_.wait(seen, next);
}

MonoTime VerdictDesk::expire() {
  return board_.expire(clock_.mono(), [this](const ItemTicket& ticket, const Closed& closed) {
    issue_fail_safe(ticket, closed.reason, nullptr);
  });
}

void VerdictDesk::close_all() {
  board_.expire(MonoTime::max(), [this](const ItemTicket& ticket, const Closed& closed) {
    issue_fail_safe(ticket, closed.reason, nullptr);
  });
}

void VerdictDesk::issue_fail_safe(const ItemTicket& ticket, Reason reason, const Answer* last) {
  Outcome outcome;
  Verdict& verdict = outcome.verdict;
  verdict.item = ticket.number;
  verdict.decision = fail_safe_;
  verdict.reason = reason;
  verdict.score = std::numeric_limits<float>::quiet_NaN();
  verdict.deadline = ticket.deadline;
  verdict.time = ticket.time;
  verdict.stamps.trigger = ticket.trigger;
  if (last != nullptr) {
    outcome.model = last->model;
    verdict.stamps.exposure = last->exposure;
    verdict.stamps.preprocess = last->preprocess;
    verdict.stamps.inference = last->inference;
  }
  verdict.stamps.decision = clock_.mono();
  verdict.deadline_met = verdict.stamps.decision <= ticket.deadline;
  issue(outcome);
}

void VerdictDesk::issue(const Outcome& outcome) {
  issued_.fetch_add(1, std::memory_order_relaxed);
  if (has_actuator_ && outcome.verdict.decision == Decision::reject) {
    if (orders_.push(outcome)) return orders_bell_.ring();
    actuation_failures_.add();
  }
  report(outcome);
}

void VerdictDesk::report(const Outcome& outcome) {
  if (!reports_.push(Report{.outcome = outcome})) reports_dropped_.add();
  reports_bell_.ring();
}

bool VerdictDesk::offer_sample(const Report& report) {
  if (!reports_.push(report)) return false;
  reports_bell_.ring();
  return true;
}

}  // namespace lineside::gateway
