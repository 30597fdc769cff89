#include "gateway/source/gpio_trigger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <mutex>

#include "base/backoff.h"
#include "gateway/source/make_source.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

// What the kernel would do, told by the test.
struct Script {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Edge> edges;
  bool broken = false, refuse_open = false;
  int opened = 0;

  void add(std::vector<Edge> more) {
    const std::lock_guard lock(mutex);
    edges.insert(edges.end(), more.begin(), more.end());
    changed.notify_all();
  }
};

class ScriptedLine final : public EdgeLine {
 public:
  explicit ScriptedLine(Script& script) : script_(script) {}
  Result<void> open() override {
    const std::lock_guard lock(script_.mutex);
    if (script_.refuse_open) return fail(ErrorCode::trigger_unavailable, "no such line");
    ++script_.opened;
    script_.broken = false;
    return {};
  }
  Result<void> wait(nanoseconds wait_max, std::vector<Edge>& edges) override {
    std::unique_lock lock(script_.mutex);
    edges.clear();
    script_.changed.wait_for(lock, wait_max, [&] { return !script_.edges.empty() || script_.broken; });
    if (script_.broken) return fail(ErrorCode::trigger_unavailable, "the chip is gone");
    edges.assign(script_.edges.begin(), script_.edges.end());
    script_.edges.clear();
    return {};
  }

 private:
  Script& script_;
};

class Triggers final : public TriggerSink {
 public:
  void on_trigger(MonoTime time) override {
    const std::lock_guard lock(mutex_);
    times_.push_back(time);
    changed_.notify_all();
  }
  void on_trigger_lost(const Error& why) override {
    const std::lock_guard lock(mutex_);
    lost_.push_back(why.message);
    changed_.notify_all();
  }
  bool wait(std::size_t triggers, std::size_t lost) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [&] { return times_.size() >= triggers && lost_.size() >= lost; });
  }
  std::vector<MonoTime> times() {
    const std::lock_guard lock(mutex_);
    return times_;
  }
  std::vector<std::string> lost() {
    const std::lock_guard lock(mutex_);
    return lost_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<MonoTime> times_;
  std::vector<std::string> lost_;
};

constexpr MonoTime at(std::chrono::microseconds time) { return MonoTime{1h} + time; }

class GpioTriggerTest : public testing::Test {
 protected:
  std::uint64_t count(const std::string& what) {
    return metrics_.counter("lineside_trigger_" + what + "_total", "", {{"station", "s1"}}).value();
  }
  Script script_;
  Triggers sink_;
  MetricsRegistry metrics_;
  GpioTrigger trigger_{std::make_unique<ScriptedLine>(script_), 1ms, "s1", metrics_};
};

TEST_F(GpioTriggerTest, TakesTheFirstEdge_AndCountsTheBouncesAfterIt) {
  ASSERT_TRUE(trigger_.start(sink_));
  script_.add({{at(0us), 1}, {at(200us), 2}, {at(900us), 3}, {at(100ms), 4}, {at(100'300us), 5}, {at(200ms), 6}});
  ASSERT_TRUE(sink_.wait(3, 0));
  trigger_.stop();
  EXPECT_THAT(sink_.times(), ElementsAre(at(0us), at(100ms), at(200ms)));
  EXPECT_EQ(count("edges"), 6U);
  EXPECT_EQ(count("bounces"), 3U);
  EXPECT_TRUE(sink_.lost().empty());
}

TEST_F(GpioTriggerTest, ReportsEdgesThatTheKernelCouldNotHold) {
  ASSERT_TRUE(trigger_.start(sink_));
  script_.add({{at(0us), 1}, {at(100ms), 5}});
  ASSERT_TRUE(sink_.wait(2, 1));
  EXPECT_THAT(sink_.lost()[0], HasSubstr("3 trigger edges"));
  EXPECT_EQ(count("lost"), 3U);
}

TEST_F(GpioTriggerTest, ClaimsTheLineAgain_AfterItFailed) {
  ASSERT_TRUE(trigger_.start(sink_));
  {
    const std::lock_guard lock(script_.mutex);
    script_.broken = true;
    script_.changed.notify_all();
  }
  ASSERT_TRUE(sink_.wait(0, 1));
  script_.add({{at(0us), 1}});
  ASSERT_TRUE(sink_.wait(1, 1));
  trigger_.stop();
  EXPECT_EQ(script_.opened, 2);
  EXPECT_THAT(sink_.lost(), ElementsAre("the chip is gone"));
}

TEST_F(GpioTriggerTest, IsAnError_WhenTheLineCantBeClaimedAtStart) {
  script_.refuse_open = true;
  const auto started = trigger_.start(sink_);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::trigger_unavailable);
}

TEST(MakeTriggerSource, NamesTheChipThatIsNotThere) {
  MetricsRegistry metrics;
  config::TriggerSettings settings;
  EXPECT_EQ(*make_trigger_source(settings, "s1", system_clock(), metrics), nullptr);
  settings.kind = config::TriggerSettings::Kind::gpio;
  settings.chip = "gpiochip-none";
  auto made = make_trigger_source(settings, "s1", system_clock(), metrics);
  ASSERT_TRUE(made);
  Triggers sink;
  const auto started = (*made)->start(sink);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("/dev/gpiochip-none"));
}

TEST(Backoff, DoublesWithJitter_UpToTheLimit_AndStartsAgain) {
  Backoff backoff(100ms, 1s, 7);
  nanoseconds ceiling = 100ms;
  for (int i = 0; i < 12; ++i) {
    const nanoseconds pause = backoff.next();
    EXPECT_GE(pause, ceiling / 2);
    EXPECT_LE(pause, ceiling);
    ceiling = std::min<nanoseconds>(1s, 2 * ceiling);
  }
  backoff.reset();
  EXPECT_LE(backoff.next(), 100ms);
}

TEST(Backoff, DiffersBetweenCameras) {
  Backoff one(100ms, 1s, 1), two(100ms, 1s, 2);
  EXPECT_NE(one.next(), two.next());
}

}  // namespace
}  // namespace lineside::gateway
