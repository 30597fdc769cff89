#include "gateway/telemetry/telemetry.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <ranges>

namespace lineside::gateway {
namespace {

constexpr std::size_t kSamplesAtOnce = 16'384, kBadValuesMax = 100;
constexpr int kNice = 5;
// Readings that come one by one are taken together: who brings them need not wake this thread for each.
constexpr std::chrono::milliseconds kGather{2};

std::size_t capacity_of(const config::TelemetrySettings& settings) {
  return static_cast<std::size_t>(std::max(settings.queue_samples, 1));
}

}  // namespace

class Telemetry::Sink final : public TagSink {
 public:
  Sink(Telemetry& telemetry, std::size_t source) : telemetry_(telemetry), source_(source) {}
  void on_samples(std::span<const Sample> samples) override { telemetry_.queue_.push_all(samples); }
  void on_source(bool up, const std::string& why) override {
    const std::lock_guard lock(telemetry_.words_mutex_);
    telemetry_.words_.sources[source_] = {up, why};
  }
  void on_bad_value(std::size_t tag, const std::string& why) override {
    const std::lock_guard lock(telemetry_.words_mutex_);
    auto& words = telemetry_.words_;
    if (words.bad_values.size() < kBadValuesMax)
      words.bad_values.emplace_back(tag, why);
    else
      ++words.more_bad_values;
  }

 private:
  Telemetry& telemetry_;
  const std::size_t source_;
};

Telemetry::Telemetry(const config::TelemetrySettings& settings, TelemetryParts parts)
    : clock_(parts.clock),
      queue_("tag readings", capacity_of(settings), WhenFull::drop_oldest),
      filter_(settings, std::move(parts)),
      shown_(filter_.newest()) {
  for (std::size_t i = 0; i < settings.sources.size(); ++i) sinks_.push_back(std::make_unique<Sink>(*this, i));
}

Telemetry::~Telemetry() { stop(); }

TagSink& Telemetry::sink(std::size_t source) { return *sinks_[source]; }

void Telemetry::start() {
  thread_ = std::jthread([this] { run(); });
}

void Telemetry::stop() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

void Telemetry::run() {
  prctl(PR_SET_NAME, "telemetry");
  // Behind the inspection stations, whose items have deadlines.
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), getpriority(PRIO_PROCESS, 0) + kNice);
  std::vector<Sample> samples;
  MonoTime next_look{};
  while (!queue_.done()) {
    samples.clear();
    queue_.pop_some(samples, kSamplesAtOnce, kTick);
    filter_.take(samples);
    if (samples.size() < kSamplesAtOnce) std::this_thread::sleep_for(kGather);
    const MonoTime now = clock_.mono();
    if (now < next_look) continue;
    next_look = now + kTick;
    hear();
    filter_.look_after();
  }
  hear();
  filter_.close_all();
}

void Telemetry::hear() {
  Words words;
  {
    const std::lock_guard lock(words_mutex_);
    std::swap(words, words_);
  }
  for (const auto& [source, word] : words.sources) filter_.source_is(source, word.first, word.second);
  for (const auto& [tag, why] : words.bad_values) filter_.note_bad_value(tag, why);
  filter_.note_bad_values(words.more_bad_values);
  filter_.note_dropped(queue_.dropped());
  const std::lock_guard lock(shown_mutex_);
  shown_ = filter_.newest();
  const auto alarms = std::views::values(filter_.limit_alarms());
  shown_alarms_.assign(alarms.begin(), alarms.end());
}

std::vector<TagFilter::LimitAlarm> Telemetry::limit_alarms() const {
  const std::lock_guard lock(shown_mutex_);
  return shown_alarms_;
}

std::vector<Sample> Telemetry::newest() const {
  const std::lock_guard lock(shown_mutex_);
  return shown_;
}

}  // namespace lineside::gateway
