#pragma once
// Tests only: a desk of rules whose writes go to a device that the test plays.
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/test_folder.h"
#include "gateway/rules/rule_desk.h"
#include "rules/alarm_file.h"

namespace lineside::gateway::testing {

class Records final : public RecordSink {
 public:
  void put(Lane, RecordBody body) override { events.push_back(std::get<EventRecord>(body)); }
  std::vector<std::string> told() {
    std::vector<std::string> types;
    for (; told_ < events.size(); ++told_) types.push_back(events[told_].type);
    return types;
  }
  const EventRecord& last() const { return events.back(); }
  std::vector<EventRecord> events;

 private:
  std::size_t told_ = 0;
};

// A source whose device the test plays.
class Device final : public TagWriter {
 public:
  using Outcome = TagWritten::Outcome;
  void write(TagWrite write) override { waiting.push_back(std::move(write)); }
  // The oldest is sent, if it is still wanted.
  void serve(Outcome outcome = Outcome::written, std::optional<double> after = {}) {
    TagWrite write = std::move(waiting.front());
    waiting.erase(waiting.begin());
    if (const auto wanted = write.still_wanted(); !wanted)
      return write.done({.outcome = Outcome::not_sent, .before = 1, .after = {}, .why = wanted.error().message});
    sent.push_back(write.value);
    write.done({.outcome = outcome,
                .before = 1,
                .after = after ? after : write.value,
                .why = outcome == Outcome::written ? "" : "the device says so"});
  }
  std::vector<TagWrite> waiting;
  std::vector<double> sent;
};

inline constexpr std::chrono::milliseconds kStep{100};

class WriteDeskTest : public ::testing::Test {
 protected:
  using Outcome = TagWritten::Outcome;
  enum Tag : std::size_t { t, valve, manual };
  WriteDeskTest() {
    settings_.gateway = "g1";
    settings_.data_dir = (folder_ / "data").string();
    settings_.rules = {(folder_ / "rules.yaml").string()};
    settings_.telemetry.sources.resize(1);
    settings_.telemetry.sources[0].name = "plc";
    for (const char* name : {"t", "valve", "manual"}) {
      auto& tag = settings_.telemetry.tags.emplace_back();
      tag.name = name;
      tag.source = "plc";
      tag.modbus.address = static_cast<int>(settings_.telemetry.tags.size());
    }
    settings_.grants = {{.tag = "valve",
                         .rules = {"hot"},
                         .max = 100,
                         .per_hour_max = 3,
                         .pause = std::chrono::seconds{1},
                         .expires = "2100-01-01T00:00:00Z"}};
    writers_.set(valve, device_);
    rule();
  }
  void rule(const std::string& more = "", const std::string& actions = "") {
    std::ofstream(folder_ / "rules.yaml") << "rules: [{name: hot, asset: boiler, severity: high, when: t > 80, "
                                             "actions: [{kind: write, tag: valve, value: "
                                             "60, min: 0, max: 100, interlocks: ['manual < 1'], ttl_ms: 5000"
                                          << more << "}" << actions << "]}]\n";
  }
  void start() {
    desk_.reset();
    auto made = RuleDesk::create(settings_, {.records = records_,
                                             .metrics = metrics_,
                                             .clock = clock_,
                                             .on_disk = [this] { return on_disk_; },
                                             .writers = writers_});
    ASSERT_TRUE(made) << made.error().message;
    desk_ = std::move(*made);
  }
  // Nothing of what waits in memory is kept.
  void kill() {
    desk_.reset();
    device_.waiting.clear();
  }
  void read(std::size_t tag, double value, Quality quality = Quality::good) {
    const Sample one{.tag = tag, .received = clock_.wall(), .value = value, .quality = quality};
    desk_->take({&one, 1}, 0);
  }
  void wait(std::chrono::milliseconds time) {
    for (auto left = time; left.count() > 0; left -= kStep) {
      clock_.advance(kStep);
      desk_->take({}, 0);
    }
  }
  void hot() {
    read(manual, 0);
    read(t, 90);
  }
  // Cool for long enough for the alarm to have gone, which told nothing else of interest.
  void cool() {
    read(t, 20);
    wait(std::chrono::seconds{90});
  }
  std::vector<std::string> written_down() {
    std::vector<std::string> entries;
    EXPECT_TRUE(audit::verify(audit::folder_in(settings_.data_dir),
                              [&](const audit::Line& line) { entries.emplace_back(line.entry); }));
    return entries;
  }
  std::string why() const {
    const auto& evidence = records_.last().evidence;
    return evidence.contains("why") ? evidence.at("why") : "";
  }

  TestFolder folder_;
  config::GatewaySettings settings_;
  Records records_;
  MetricsRegistry metrics_;
  ManualClock clock_;
  bool on_disk_ = true;
  Device device_;
  TagWriters writers_{3};
  std::unique_ptr<RuleDesk> desk_;
};

}  // namespace lineside::gateway::testing
