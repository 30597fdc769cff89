#include "hub/http/deed_log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "base/test_folder.h"

namespace lineside::hub {
namespace {

using Json = nlohmann::json;

class DeedLogTest : public ::testing::Test {
 protected:
  std::vector<Json> lines() {
    std::vector<Json> all;
    const auto read = audit::verify(audit::folder_in(folder_.path()),
                                    [&](const audit::Line& line) { all.push_back(Json::parse(line.entry)); });
    EXPECT_TRUE(read) << read.error().message;
    return all;
  }
  Deed deed(std::string what = "alarm.acknowledge") {
    return {.who = ann_, .peer = "10.0.0.1", .what = std::move(what), .about = {{"asset", "pump1"}}};
  }

  const TestFolder folder_;
  ManualClock clock_;
  const Principal ann_{"acme", "ann", "admin", {}};
};

TEST_F(DeedLogTest, ADeedStandsInTheLogBeforeItIsDone) {
  DeedLog log(folder_.path(), clock_);
  std::size_t before = 0;
  ASSERT_TRUE(log.run(deed(), [&]() -> Result<void> {
    before = lines().size();
    return {};
  }));
  EXPECT_EQ(before, 1U);
  const auto all = lines();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0]["deed"], "alarm.acknowledge");
  EXPECT_EQ(all[0]["user"], "ann");
  EXPECT_EQ(all[0]["tenant"], "acme");
  EXPECT_EQ(all[0]["peer"], "10.0.0.1");
  EXPECT_EQ(all[0]["about"]["asset"], "pump1");
  EXPECT_EQ(all[0]["time"], to_rfc3339(clock_.wall()));
}

TEST_F(DeedLogTest, WhatFailsIsSaidToHaveFailed) {
  DeedLog log(folder_.path(), clock_);
  const auto done = log.run(deed(), [] { return fail(ErrorCode::not_found, "no such alarm"); });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::not_found);
  const auto all = lines();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1]["deed"], "failed");
  EXPECT_EQ(all[1]["of"], 1);
  EXPECT_NE(all[1]["why"].get<std::string>().find("no such alarm"), std::string::npos);
}

TEST_F(DeedLogTest, WhatCannotBeWrittenDownIsNotDone) {
  bool done = false;
  const auto doing = [&]() -> Result<void> {
    done = true;
    return {};
  };
  {
    DeedLog log(folder_.path(), clock_);
    auto too_long = deed();
    too_long.about["note"] = std::string(audit::kEntryBytesMax, 'x');
    EXPECT_EQ(log.run(too_long, doing).error().code, ErrorCode::limit_reached);
    ASSERT_TRUE(log.run(deed(), [] { return Result<void>(); }));
  }
  const fs::path file = audit::folder_in(folder_.path()) / "audit-000000000001.jsonl";
  auto text = *read_text(file, 10'000);
  text.replace(text.find("ann"), 3, "bob");
  ASSERT_TRUE(write_atomically(file, text));
  DeedLog log(folder_.path(), clock_);
  ASSERT_TRUE(log.trouble()) << "who did it was changed";
  const auto refused = log.run(deed(), doing);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, log.trouble()->message);
  EXPECT_FALSE(done);
}

TEST_F(DeedLogTest, IsOneChainWhoeverWritesIt_AlsoAfterARestartAndOfOddBytes) {
  for (int start = 0; start < 2; ++start) {
    DeedLog log(folder_.path(), clock_);
    std::vector<std::jthread> people;
    for (int i = 0; i < 4; ++i)
      people.emplace_back([&] {
        for (int k = 0; k < 5; ++k) EXPECT_TRUE(log.run(deed("line\nfeed \xFF"), [] { return Result<void>(); }));
      });
  }
  EXPECT_EQ(lines().size(), 40U);
}

}  // namespace
}  // namespace lineside::hub
