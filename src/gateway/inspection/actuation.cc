#include "gateway/inspection/actuation.h"

#include <algorithm>
#include <format>

#include "gateway/inspection/thread_setup.h"

namespace lineside::gateway {
namespace {

constexpr std::chrono::milliseconds kProbeEvery{1000}, kRetryMin{200}, kRetryMax{5000};
constexpr std::chrono::milliseconds kSafeAtStopMax{300};
constexpr int kSafeAtStopTries = 2;

}  // namespace

Actuation::Actuation(const config::StationSettings& settings, std::unique_ptr<Actuator> actuator, VerdictDesk& desk,
                     EventLog& events, MetricsRegistry& metrics)
    : station_(settings.name),
      settings_(settings.actuator),
      actuator_(std::move(actuator)),
      desk_(desk),
      events_(events),
      failures_(desk.actuation_failures()),
      missed_(metrics.counter("lineside_actuation_missed_total",
                              "Of the actuation failures, those whose item had gone by (delay + tolerance).",
                              {{"station", settings.name}})),
      jitter_(metrics.histogram("lineside_actuation_jitter_seconds",
                                "How much after the planned moment the actuator was commanded.",
                                {{"station", settings.name}})),
      up_gauge_(metrics.gauge("lineside_actuator_up", "1: the actuator answers.", {{"station", settings.name}})),
      safe_gauge_(metrics.gauge("lineside_actuator_safe_state_unconfirmed",
                                "1: the actuator is down and has not confirmed its safe state.",
                                {{"station", settings.name}})),
      retry_after_(kRetryMin),
      message_("not connected yet") {
  schedule_.reserve(VerdictDesk::kOrdersMax);
}

Actuation::~Actuation() { stop(MonoTime{}); }

void Actuation::start() {
  thread_ = std::thread([this] { run(); });
}

void Actuation::stop(MonoTime until) {
  if (!thread_.joinable()) return;
  stop_until_ns_.store(until.time_since_epoch().count());
  stopping_.store(true);
  desk_.orders_bell().ring();
  thread_.join();
}

std::string Actuation::message() const {
  std::lock_guard lock(message_mutex_);
  return message_;
}

void Actuation::run() {
  set_up_this_thread({.name = "act " + station_, .realtime_priority = 50});
  Clock& clock = desk_.clock();
  for (;;) {
    const std::uint32_t seen = desk_.orders_bell().count();
    const bool stopping = stopping_.load();
    take_orders();
    fire_due();
    if (stopping) {
      const MonoTime until{nanoseconds{stop_until_ns_.load()}};
      if (schedule_.empty() || clock.mono() >= until) break;
    } else if (schedule_.empty() || !up() || clock.mono() + settings_.timeout < next_moment()) {
      look_after();  // of one that works only when no item is due before the probe's own deadline
    }
    desk_.orders_bell().wait(
        seen, stopping ? std::min(next_moment(), MonoTime{nanoseconds{stop_until_ns_.load()}}) : next_moment());
  }
  take_orders();
  for (Outcome& order : schedule_) give_up(order);
  schedule_.clear();
  // Also when it does not answer: it may hear.
  for (int tries = 0; tries < kSafeAtStopTries; ++tries)
    if (ask_for_safe_state(clock.mono() + std::min<nanoseconds>(settings_.timeout, kSafeAtStopMax))) break;
}

void Actuation::take_orders() {
  Outcome order;
  while (schedule_.size() < VerdictDesk::kOrdersMax && desk_.next_order(order)) {
    const auto later = [](const Outcome& a, const Outcome& b) {
      return a.verdict.stamps.trigger > b.verdict.stamps.trigger;
    };
    schedule_.insert(std::upper_bound(schedule_.begin(), schedule_.end(), order, later), order);
  }
}

void Actuation::fire_due() {
  while (!schedule_.empty() && schedule_.back().verdict.stamps.trigger + settings_.delay <= desk_.clock().mono()) {
    Outcome order = schedule_.back();
    schedule_.pop_back();
    fire(order);
    take_orders();
  }
}

void Actuation::fire(Outcome& order) {
  const MonoTime fire_at = order.verdict.stamps.trigger + settings_.delay;
  const MonoTime give_up_at = fire_at + settings_.tolerance;
  const MonoTime now = desk_.clock().mono();
  if (!up()) return give_up(order);
  if (now > give_up_at) {
    missed(order, now);
    return give_up(order);
  }
  jitter_.record(now - fire_at);
  order.verdict.stamps.actuation = now;
  const auto done = actuator_->fire({.item = order.verdict.item, .fire_at = fire_at, .give_up = give_up_at});
  look_at_ = desk_.clock().mono() + kProbeEvery;
  order.verdict.actuated = done.has_value();
  if (!done) {
    failures_.add();
    if (done.error().code == ErrorCode::timeout) {
      missed(order, desk_.clock().mono());
      look_at_ = MonoTime{};  // slow or gone? The probe says
    } else {
      lost(done.error());
    }
  }
  desk_.report(order);
}

void Actuation::missed(const Outcome& order, MonoTime now) {
  missed_.add();
  const auto late = std::chrono::duration<double, std::milli>(now - order.verdict.stamps.trigger - settings_.delay);
  events_.report("actuator.missed", Severity::high,
                 std::format("Item {} had gone by the rejector: the command came {:.1f} ms late.", order.verdict.item,
                             late.count()));
}

void Actuation::give_up(Outcome& order) {
  failures_.add();
  desk_.report(order);
}

void Actuation::look_after() {
  Clock& clock = desk_.clock();
  const MonoTime now = clock.mono();
  if (now < look_at_) return;
  const auto answer = up() ? actuator_->probe(now + settings_.timeout) : actuator_->open(now + settings_.timeout);
  if (answer) {
    if (!up()) recovered();
    look_at_ = clock.mono() + kProbeEvery;
    return;
  }
  lost(answer.error());
}

void Actuation::lost(const Error& why) {
  Clock& clock = desk_.clock();
  up_.store(false);
  up_gauge_.set(0);
  if (!reported_down_) {
    reported_down_ = true;
    retry_after_ = kRetryMin;
    events_.report("actuator.unreachable", Severity::critical,
                   then(why.message, "Rejects are not done until it is back; it is asked for its safe state."),
                   {{"error", std::string(code_name(why.code))}});
  }
  // Each time: an attempt to open it that went half-way may have ended the safe state.
  const bool safe = ask_for_safe_state(clock.mono() + settings_.timeout);
  {
    std::lock_guard lock(message_mutex_);
    message_ = safe ? why.message : then(why.message, "It has not confirmed its safe state.");
  }
  look_at_ = clock.mono() + retry_after_;
  retry_after_ = std::min<nanoseconds>(retry_after_ * 2, kRetryMax);
}

bool Actuation::ask_for_safe_state(MonoTime deadline) {
  const auto safe = actuator_->go_safe(deadline);
  safe_gauge_.set(safe ? 0 : 1);
  if (!safe && !reported_unsafe_)
    events_.report("actuator.unsafe", Severity::critical,
                   then(safe.error().message, "The actuator has not confirmed its safe state and is asked again."),
                   {{"error", std::string(code_name(safe.error().code))}});
  if (safe && reported_unsafe_)
    events_.report("actuator.safe", Severity::info, "The actuator has confirmed its safe state.");
  reported_unsafe_ = !safe;
  return safe.has_value();
}

void Actuation::recovered() {
  up_.store(true);
  up_gauge_.set(1);
  safe_gauge_.set(0);
  {
    std::lock_guard lock(message_mutex_);
    message_.clear();
  }
  retry_after_ = kRetryMin;
  if (reported_down_) events_.report("actuator.recovered", Severity::info, "The actuator answers again.");
  reported_down_ = reported_unsafe_ = false;
}

MonoTime Actuation::next_moment() const {
  return schedule_.empty() ? look_at_ : schedule_.back().verdict.stamps.trigger + settings_.delay;
}

}  // namespace lineside::gateway
