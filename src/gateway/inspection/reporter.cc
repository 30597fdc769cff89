#include "gateway/inspection/reporter.h"

#include <array>
#include <cmath>
#include <format>

#include "gateway/inspection/thread_setup.h"

namespace lineside::gateway {
namespace {

constexpr std::chrono::seconds kOverloadClears{10};
constexpr std::chrono::milliseconds kGather{2};  // what comes meanwhile is reported together
constexpr int kReasons = static_cast<int>(Reason::fail_camera) + 1;

std::int64_t since_trigger(const Stamps& stamps, MonoTime moment) {
  return moment == MonoTime{} ? -1 : (moment - stamps.trigger).count();
}

}  // namespace

struct Reporter::Stages {
  Stages(MetricsRegistry& metrics, const std::string& station) {
    const auto stage = [&](const char* name) {
      return &metrics.histogram("lineside_stage_seconds", "Time of each stage of an item, see docs/inspection.md.",
                                {{"station", station}, {"stage", name}});
    };
    exposure = stage("exposure");
    preprocess = stage("preprocess");
    inference = stage("inference");
    decision = stage("decision");
    actuation = stage("actuation");
    total = stage("trigger_to_decision");
    for (int decided = 0; decided < 2; ++decided)
      for (int reason = 0; reason < kReasons; ++reason)
        verdicts[static_cast<std::size_t>(decided)][static_cast<std::size_t>(reason)] =
            &metrics.counter("lineside_verdicts_total", "Verdicts; exactly one for each item.",
                             {{"station", station},
                              {"decision", to_string(static_cast<Decision>(decided))},
                              {"reason", to_string(static_cast<Reason>(reason))}});
  }

  void record(const Stamps& stamps) const {
    const auto step = [](LatencyHistogram& histogram, MonoTime from, MonoTime to) {
      if (from != MonoTime{} && to != MonoTime{} && to >= from) histogram.record(to - from);
    };
    step(*exposure, stamps.trigger, stamps.exposure);
    step(*preprocess, stamps.exposure, stamps.preprocess);
    step(*inference, stamps.preprocess, stamps.inference);
    step(*decision, stamps.inference, stamps.decision);
    step(*actuation, stamps.trigger, stamps.actuation);
    step(*total, stamps.trigger, stamps.decision);
  }

  LatencyHistogram *exposure, *preprocess, *inference, *decision, *actuation, *total;
  std::array<std::array<Counter*, kReasons>, 2> verdicts{};
};

Reporter::Reporter(const config::StationSettings& settings, bool has_actuator, nanoseconds summary_period,
                   VerdictDesk& desk, const ReporterOutputs& outputs,
                   std::function<void(StationSummary&)> complete_summary, std::function<MonoTime(MonoTime)> tick)
    : station_(settings.name),
      has_actuator_(has_actuator),
      summary_period_(summary_period),
      desk_(desk),
      out_(outputs),
      complete_summary_(std::move(complete_summary)),
      tick_(std::move(tick)),
      stages_(std::make_unique<Stages>(outputs.metrics, settings.name)),
      decision_latency_(stages_->total) {}

Reporter::~Reporter() { stop(); }

void Reporter::start() {
  thread_ = std::thread([this] { run(); });
}

void Reporter::stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true);
  desk_.reports_bell().ring();
  thread_.join();
}

StationCounts Reporter::counts() const {
  const auto read = [](const std::atomic<std::uint64_t>& value) { return value.load(std::memory_order_relaxed); };
  return {read(items_), read(passed_), read(rejected_), read(fail_safe_), read(late_), read(actuation_failed_)};
}

void Reporter::run() {
  set_up_this_thread({.name = "rep " + station_});
  Clock& clock = desk_.clock();
  period_from_ = clock.wall();
  next_summary_ = clock.mono() + summary_period_;
  for (;;) {
    const std::uint32_t seen = desk_.reports_bell().count();
    const bool stopping = stopping_.load();
    if (drain() && !stopping) std::this_thread::sleep_for(kGather);
    const MonoTime now = clock.mono();
    const MonoTime tick_at = stopping ? MonoTime::max() : tick_(now);
    if (now >= next_summary_ || stopping) put_summary(now);
    if (stopping) return;
    desk_.reports_bell().wait(seen, std::min(tick_at, next_summary_));
  }
}

bool Reporter::drain() {
  Report report;
  bool any = false;
  while (desk_.next_report(report)) {
    any = true;
    if (report.slot != nullptr) {
      report_sample(report);
    } else {
      report_item(report.outcome);
    }
  }
  if (const std::uint64_t dropped = desk_.reports_dropped(); dropped > drops_told_) {
    out_.events.report("station.reports_dropped", Severity::high,
                       std::format("{} items got their verdict in time but neither a ledger line nor a record: this "
                                   "machine is too slow for the line.",
                                   dropped - drops_told_),
                       {{"items", std::to_string(dropped - drops_told_)}});
    drops_told_ = dropped;
  }
  return any;
}

void Reporter::report_sample(const Report& report) {
  const ModelInfo& model = *report.outcome.model;
  out_.samples->offer(report.outcome.verdict, model.label(report.outcome.verdict.label), report.why,
                      report.slot->image);
  FrameSlots::release(*report.slot);
}

void Reporter::report_item(const Outcome& outcome) {
  const Verdict& verdict = outcome.verdict;
  count(verdict);
  stages_->record(verdict.stamps);
  if (verdict.stamps.decision >= verdict.stamps.trigger)
    period_latency_.record(verdict.stamps.decision - verdict.stamps.trigger);
  const ModelInfo* model = outcome.model;
  out_.items.put(verdict, model == nullptr ? std::string_view{} : model->label(verdict.label),
                 model == nullptr ? std::string_view{} : std::string_view{model->version});
  put_record(outcome);
  watch_load(verdict);
}

void Reporter::count(const Verdict& verdict) {
  const auto add = [](std::atomic<std::uint64_t>& to, bool by) { to.fetch_add(by ? 1 : 0, std::memory_order_relaxed); };
  const bool rejected = verdict.decision == Decision::reject;
  stages_->verdicts[rejected ? 1 : 0][static_cast<std::size_t>(verdict.reason)]->add();
  add(items_, true);
  add(passed_, !rejected);
  add(rejected_, rejected);
  add(fail_safe_, is_fail_safe(verdict.reason));
  add(late_, verdict.reason == Reason::fail_late);
  add(actuation_failed_, has_actuator_ && rejected && !verdict.actuated);
}

void Reporter::put_record(const Outcome& outcome) {
  const Verdict& verdict = outcome.verdict;
  VerdictRecord record;
  record.station = station_;
  record.item = verdict.item;
  record.time = verdict.time;
  record.decision = verdict.decision;
  record.reason = verdict.reason;
  record.score = verdict.score;
  if (outcome.model != nullptr) {
    record.label = outcome.model->label(verdict.label);
    record.model_version = outcome.model->version;
  }
  record.deadline_met = verdict.deadline_met;
  record.actuated = verdict.actuated;
  record.decision_ns = since_trigger(verdict.stamps, verdict.stamps.decision);
  record.actuation_ns = since_trigger(verdict.stamps, verdict.stamps.actuation);
  out_.records.put(Lane::urgent, std::move(record));
}

void Reporter::watch_load(const Verdict& verdict) {
  const MonoTime now = desk_.clock().mono();
  const bool overload = verdict.reason == Reason::fail_late || verdict.reason == Reason::fail_overload;
  if (overload && overload_until_ == MonoTime{})
    out_.events.report("station.overload", Severity::high,
                       std::format("Item {} got the fail-safe verdict ({}): the model does not keep up.", verdict.item,
                                   to_string(verdict.reason)),
                       {{"item", std::to_string(verdict.item)}, {"reason", to_string(verdict.reason)}});
  if (overload) {
    overload_until_ = now + kOverloadClears;
  } else if (overload_until_ != MonoTime{} && now > overload_until_) {
    overload_until_ = {};
    out_.events.report("station.overload_cleared", Severity::info, "Every item gets its verdict in time again.");
  }
}

void Reporter::put_summary(MonoTime now) {
  const StationCounts total = counts();
  StationSummary summary;
  summary.station = station_;
  summary.from = period_from_;
  summary.to = desk_.clock().wall();
  summary.items = total.items - summed_.items;
  summary.passed = total.passed - summed_.passed;
  summary.rejected = total.rejected - summed_.rejected;
  summary.fail_safe = total.fail_safe - summed_.fail_safe;
  summary.late = total.late - summed_.late;
  summary.actuation_failed = total.actuation_failed - summed_.actuation_failed;
  std::uint64_t below = 0;
  for (const auto& [bound_s, cumulative] : period_latency_.snapshot().buckets) {
    if (cumulative > below) summary.decision_latency.emplace_back(std::llround(bound_s * 1e9), cumulative - below);
    below = cumulative;
  }
  complete_summary_(summary);
  out_.records.put(Lane::bulk, std::move(summary));
  period_latency_.reset();
  summed_ = total;
  period_from_ = desk_.clock().wall();
  // Periods that were slept through are not made up for.
  next_summary_ = std::max(next_summary_ + summary_period_, now);
}

}  // namespace lineside::gateway
