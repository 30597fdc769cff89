#include "gateway/rules/write_desk.h"

#include <algorithm>
#include <atomic>
#include <format>
#include <iterator>
#include <tuple>
#include <utility>

#include "base/uuid.h"

namespace lineside::gateway {

using rules::AlarmChange;
using rules::RuleEvent;
using Outcome = TagWritten::Outcome;

// Between the rules' thread, which may withdraw a write, and the source's, which begins it: one of them is first.
struct WriteDesk::Ticket {
  enum class State : std::uint8_t { waiting, begun, withdrawn };
  std::atomic<State> state{State::waiting};
  std::atomic<MonoTime> confirmed{MonoTime{}};

  bool change(State to) {
    State from = State::waiting;
    return state.compare_exchange_strong(from, to);
  }
};

struct WriteDesk::Results {
  std::mutex mutex;
  std::vector<std::pair<std::uint64_t, TagWritten>> all;
};

struct WriteDesk::Instruments {
  explicit Instruments(MetricsRegistry& metrics)
      : asked(metrics.counter("lineside_writes_asked_total", "Writes that were granted and handed to a tag's source.")),
        done(metrics.counter("lineside_writes_done_total", "Writes that read back as they should.")),
        refused(metrics.counter("lineside_writes_refused_total", "Writes of which nothing was sent.")),
        failed(metrics.counter("lineside_writes_failed_total",
                               "Writes that were refused by the device, read back otherwise, or are not known.")) {}
  Counter &asked, &done, &refused, &failed;
};

namespace {

std::string with_unit(double value, const std::string& unit) {
  return unit.empty() ? std::format("{:.6g}", value) : std::format("{:.6g} {}", value, unit);
}

std::string what_came(const AskedWrite& write, const TagWritten& written) {
  const auto& [tag, unit] = std::tie(write.what.tag_name, write.what.unit);
  const std::string value = with_unit(write.what.value, unit);
  const auto read = [&](const char* before, const std::optional<double>& number) {
    return number ? std::format("{}{}", before, with_unit(*number, unit)) : "";
  };
  const std::string who = std::format("Rule {}", write.what.rule);
  switch (written.outcome) {
    case Outcome::written:
      return std::format("{} wrote {} into {}{}", who, value, tag, read(", before it was ", written.before));
    case Outcome::not_sent:
      return std::format("{} did not write {} into {}: {}", who, value, tag, written.why);
    case Outcome::refused:
      return std::format("{} could not write {} into {}: {}{}", who, value, tag, written.why,
                         read("; it is ", written.after));
    case Outcome::differs:
      return std::format("{} wrote {} into {}, which is {} now: {}", who, value, tag, read("", written.after),
                         written.why);
    case Outcome::unknown:
      break;
  }
  return std::format("{} wrote {} into {}, and whether it arrived is not known: {}", who, value, tag, written.why);
}

}  // namespace

WriteDesk::WriteDesk(const config::GatewaySettings& settings, WriteParts parts)
    : gateway_(settings.gateway),
      parts_(std::move(parts)),
      instruments_(std::make_unique<Instruments>(parts_.metrics)),
      grants_(settings, parts_.clock),
      results_(std::make_shared<Results>()) {
  auto opened = WriteJournal::open(settings.data_dir, parts_.clock,
                                   [this](const std::string& tag, WallTime time) { grants_.recall(tag, time); });
  if (opened) {
    journal_ = std::move(*opened);
    tell_unfinished();
    return;
  }
  damaged_ = "the audit log can't be gone on with: " + opened.error().message;
  parts_.tell({make_uuid(parts_.clock),
               "audit.damaged",
               gateway_,
               Severity::high,
               parts_.clock.wall(),
               std::format("Nothing is written any more, because {}. Keep the folder for whoever looks into it, and "
                           "move it away to begin another.",
                           damaged_),
               {}});
}

WriteDesk::~WriteDesk() = default;

void WriteDesk::tell_unfinished() {
  const auto event = [&](const char* type, const WriteJournal::Unfinished& one, const std::string& message) {
    parts_.tell({make_uuid(parts_.clock),
                 type,
                 gateway_,
                 Severity::high,
                 parts_.clock.wall(),
                 message,
                 {{"rule", one.rule}, {"tag", one.tag}, {"value", std::format("{:.6g}", one.value)}}});
  };
  for (const auto& one : journal_->take_without_outcome()) {
    instruments_->failed.add();
    event("write.failed", one,
          std::format("The gateway ended while rule {} wrote {:.6g} into {}: whether it arrived is not known, and it "
                      "is not repeated.",
                      one.rule, one.value, one.tag));
  }
  for (const auto& one : journal_->take_left())
    event(
        "write.left", one,
        std::format("Rule {} wrote {:.6g} into {}, and {:.6g} was to be written back; the gateway ended before. Write "
                    "it by hand.",
                    one.rule, one.value, one.tag, *one.back_to));
}

std::vector<WriteJournal::Begun> WriteDesk::begun() const {
  return journal_ ? journal_->begun() : std::vector<WriteJournal::Begun>{};
}

void WriteDesk::on_event(const RuleEvent& event) {
  const bool cleared = event.kind == RuleEvent::Kind::cleared;
  if (!cleared && event.kind != RuleEvent::Kind::raised) return;
  withdraw([&](const Pending& pending) -> std::string {
    const bool old = pending.write.what.rule == event.rule && pending.write.at != WriteAt::back;
    return !old ? "" : cleared ? "the alarm has gone" : "the alarm has come again";
  });
  if (cleared && journal_)
    if (const auto ended = journal_->end(event.rule); !ended)
      log(LogLevel::error, "rules", "the end of an alarm can't be written into the audit log",
          {{"rule", event.rule}, {"reason", ended.error().message}});
  for (const rules::RuleWrite& write : event.writes)
    ask({.what = write,
         .at = write.at == AlarmChange::raised ? WriteAt::raised : WriteAt::cleared,
         .asset = event.asset,
         .severity = event.severity,
         .reason = event.message},
        event.time);
}

std::string WriteDesk::refusal(const AskedWrite& write) const {
  if (!journal_) return damaged_;
  const bool back = write.at == WriteAt::back;
  if (!back && journal_->knows(write)) return "it was asked for before the gateway's restart, and is not repeated";
  if (!write.what.hindered.empty()) return write.what.hindered;
  if (const std::string why = grants_.refusal(write.what.tag_name, write.what.rule, write.what.value, back);
      !why.empty())
    return why;
  const bool busy =
      std::ranges::any_of(pending_, [&](const Pending& one) { return one.write.what.tag_name == write.what.tag_name; });
  return busy ? "the write before it is still under way" : "";
}

// `since`: when the rule said so. What it said while nobody was there to do it is not done later.
void WriteDesk::ask(AskedWrite write, WallTime since) {
  const nanoseconds late = std::max<nanoseconds>(parts_.clock.wall() - since - kReadingsTake, nanoseconds{0});
  std::string why = refusal(write);
  if (why.empty() && late >= write.what.ttl) why = "its time to live was over when the rule was judged";
  if (!why.empty()) return refuse(write, why);
  const auto head = journal_->ask(write);
  if (!head) return refuse(write, "it can't be written into the audit log first: " + head.error().message);
  instruments_->asked.add();
  if (write.at != WriteAt::back) grants_.count(write.what.tag_name);
  std::erase_if(backs_, [&](const Back& back) { return back.write.what.tag_name == write.what.tag_name; });
  Pending pending{.write = std::move(write),
                  .number = head->number,
                  .until = parts_.clock.mono() + write.what.ttl - late,
                  .ticket = std::make_shared<Ticket>()};
  pending.ticket->confirmed = parts_.clock.mono();
  pending_.push_back(std::move(pending));
  hand_over(pending_.back());
}

void WriteDesk::hand_over(Pending& pending) {
  const auto still_wanted = [ticket = pending.ticket, until = pending.until, clock = &parts_.clock]() -> Result<void> {
    const MonoTime now = clock->mono();
    if (now >= until) return fail(ErrorCode::timeout, "its time to live is over");
    if (now - ticket->confirmed.load() > kConfirmMax)
      return fail(ErrorCode::timeout, "its interlocks were not looked at for too long");
    if (!ticket->change(Ticket::State::begun)) return fail(ErrorCode::cancelled, "it was withdrawn");
    return {};
  };
  const auto done = [results = results_, number = pending.number](const TagWritten& written) {
    const std::lock_guard lock(results->mutex);
    results->all.emplace_back(number, written);
  };
  parts_.writers.write({.tag = pending.write.what.tag,
                        .value = pending.write.what.value,
                        .until = pending.until,
                        .still_wanted = still_wanted,
                        .done = done});
}

// Those that have a reason, and were not begun.
void WriteDesk::withdraw(const std::function<std::string(const Pending&)>& reason) {
  for (std::size_t i = 0; i < pending_.size();) {
    const std::string why = reason(pending_[i]);
    if (why.empty() || !pending_[i].ticket->change(Ticket::State::withdrawn)) {
      ++i;
      continue;
    }
    const Pending gone = std::move(pending_[i]);
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
    finish(gone, {.outcome = Outcome::not_sent, .before = {}, .after = {}, .why = why});
  }
}

void WriteDesk::take_results() {
  std::vector<std::pair<std::uint64_t, TagWritten>> results;
  {
    const std::lock_guard lock(results_->mutex);
    results.swap(results_->all);
  }
  for (const auto& [number, written] : results) {
    const auto found = std::ranges::find(pending_, number, &Pending::number);
    if (found == pending_.end()) continue;  // withdrawn, and told
    const Pending pending = std::move(*found);
    pending_.erase(found);
    finish(pending, written);
  }
}

void WriteDesk::look_after(rules::RuleEngine& engine) {
  if (pending_.empty() && backs_.empty()) return;
  take_results();
  const MonoTime now = parts_.clock.mono();
  withdraw([&](const Pending& pending) -> std::string {
    if (now >= pending.until) return "its time to live is over";
    std::string why = engine.hindrance(pending.write.what, pending.write.at == WriteAt::back);
    if (why.empty()) pending.ticket->confirmed = now;
    return why;
  });
  write_back(engine);
}

void WriteDesk::write_back(rules::RuleEngine& engine) {
  const MonoTime now = parts_.clock.mono();
  const auto later = std::ranges::stable_partition(backs_, [&](const Back& back) { return back.due > now; });
  std::vector<Back> due(std::move_iterator(later.begin()), std::move_iterator(later.end()));
  backs_.erase(later.begin(), later.end());
  for (Back& back : due) {
    back.write.what.hindered = engine.hindrance(back.write.what, true);
    ask(std::move(back.write), parts_.clock.wall());
  }
}

void WriteDesk::close() {
  take_results();
  withdraw([](const Pending&) { return "the gateway stops"; });
}

void WriteDesk::refuse(const AskedWrite& write, const std::string& why) {
  instruments_->refused.add();
  const Result<audit::Head> head =
      journal_ ? journal_->refuse(write, why) : Result<audit::Head>(fail(ErrorCode::file_io, damaged_));
  tell("write.refused", Severity::medium, write, {.outcome = Outcome::not_sent, .before = {}, .after = {}, .why = why},
       head);
}

void WriteDesk::finish(const Pending& pending, const TagWritten& written) {
  const AskedWrite& write = pending.write;
  const auto head = journal_->answer(pending.number, write, written);
  if (!head)
    log(LogLevel::error, "rules", "what came of a write can't be written into the audit log",
        {{"tag", write.what.tag_name}, {"reason", head.error().message}});
  const bool sent = written.outcome != Outcome::not_sent && written.outcome != Outcome::refused;
  if (sent && write.at != WriteAt::back && write.what.back_to) {
    Back back{.write = write, .due = parts_.clock.mono() + write.what.back_after};
    back.write.at = WriteAt::back;
    back.write.what.value = *write.what.back_to;
    back.write.reason = std::format("{} after it was written", std::chrono::duration<double>(write.what.back_after));
    backs_.push_back(std::move(back));
  }
  switch (written.outcome) {
    case Outcome::written:
      instruments_->done.add();
      return tell("write.done", Severity::info, write, written, head);
    case Outcome::not_sent:
      instruments_->refused.add();
      return tell("write.refused", Severity::medium, write, written, head);
    default:
      instruments_->failed.add();
      return tell("write.failed", Severity::high, write, written, head);
  }
}

void WriteDesk::tell(const char* type, Severity severity, const AskedWrite& write, const TagWritten& written,
                     const Result<audit::Head>& head) {
  const std::string& unit = write.what.unit;
  EventRecord event{make_uuid(parts_.clock),
                    type,
                    write.asset.empty() ? gateway_ : write.asset,
                    severity,
                    parts_.clock.wall(),
                    what_came(write, written) + ".",
                    {{"rule", write.what.rule},
                     {"tag", write.what.tag_name},
                     {"value", with_unit(write.what.value, unit)},
                     {"at", to_string(write.at)}}};
  if (written.before) event.evidence["before"] = with_unit(*written.before, unit);
  if (written.after) event.evidence["after"] = with_unit(*written.after, unit);
  if (!written.why.empty()) event.evidence["why"] = written.why;
  if (head) event.evidence["audit"] = audit::to_string(*head);
  parts_.tell(std::move(event));
}

}  // namespace lineside::gateway
