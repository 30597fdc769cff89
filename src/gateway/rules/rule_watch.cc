#include "gateway/rules/rule_watch.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace lineside::gateway {
namespace {

constexpr std::size_t kQueueReadings = 16'384, kReadingsAtOnce = 4096;
constexpr int kNice = 3;

}  // namespace

// A source that goes gives all its tags a bad reading first: that is all that rules have to know of it.
class RuleWatch::Sink final : public TagSink {
 public:
  explicit Sink(ReadingQueue& queue) : queue_(queue) {}
  void on_samples(std::span<const Sample> samples) override { queue_.push(samples); }
  void on_source(bool, const std::string&) override {}
  void on_bad_value(std::size_t, const std::string&) override {}

 private:
  ReadingQueue& queue_;
};

Result<std::unique_ptr<RuleWatch>> RuleWatch::create(const config::GatewaySettings& settings, RuleParts parts) {
  LINESIDE_ASSIGN(auto desk, RuleDesk::create(settings, std::move(parts)));
  return std::unique_ptr<RuleWatch>(new RuleWatch(std::move(desk)));
}

RuleWatch::RuleWatch(std::unique_ptr<RuleDesk> desk)
    : desk_(std::move(desk)),
      queue_(desk_->has_rules() ? kQueueReadings : 1, desk_->wanted()),
      sink_(std::make_unique<Sink>(queue_)),
      shown_(desk_->shown()) {}

RuleWatch::~RuleWatch() { stop(); }

TagSink& RuleWatch::sink() { return *sink_; }

void RuleWatch::start() {
  if (!desk_->has_rules()) return desk_->keep_alarms();
  thread_ = std::jthread([this] { run(); });
}

void RuleWatch::stop() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

void RuleWatch::run() {
  prctl(PR_SET_NAME, "rules");
  // Behind the inspection stations, whose items have deadlines.
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), getpriority(PRIO_PROCESS, 0) + kNice);
  std::vector<Sample> readings;
  while (!queue_.done()) {
    readings.clear();
    queue_.pop(readings, kReadingsAtOnce, RuleDesk::kTick);
    if (!desk_->take(readings, queue_.dropped())) continue;
    auto shown = desk_->shown();
    const std::lock_guard lock(shown_mutex_);
    shown_ = std::move(shown);
  }
  desk_->close();
}

std::vector<rules::RuleStatus> RuleWatch::shown() const {
  const std::lock_guard lock(shown_mutex_);
  return shown_;
}

}  // namespace lineside::gateway
