#include "plant/truth_log.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/test_folder.h"

namespace lineside::plant {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

std::vector<json> lines_of(const std::filesystem::path& path) {
  std::vector<json> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
  return lines;
}

class TruthLogTest : public testing::Test {
 protected:
  TestFolder folder_;
  const std::filesystem::path path_ = folder_ / "truth.jsonl";
  std::unique_ptr<TruthLog> truth_ = *TruthLog::open(path_);
};

TEST_F(TruthLogTest, WritesWhatBecameOfABottle) {
  const Passage passage{.bottle = 12,
                        .bottle_class = BottleClass::cap_tilted,
                        .sent = true,
                        .filmed = true,
                        .at_camera_wall = WallTime{1'700'000'000s}};
  truth_->bottle("line1", {.passage = passage, .hit = true, .hit_ms = -1.23456, .item = 99});
  truth_->bottle("line1", {.passage = passage, .safe_state = true});
  const auto lines = lines_of(path_);
  ASSERT_EQ(lines.size(), 2U);
  const json hit{{"line", "line1"},  {"bottle", 12},   {"class", "cap_tilted"}, {"at_ns", 1'700'000'000'000'000'000},
                 {"sent", true},     {"filmed", true}, {"hit", true},           {"safe", false},
                 {"hit_ms", -1.235}, {"item", 99}};
  EXPECT_EQ(lines[0], hit);
  EXPECT_FALSE(lines[1].contains("hit_ms") || lines[1].contains("item"));
  EXPECT_EQ(lines[1]["safe"], true);
}

TEST_F(TruthLogTest, WritesPulsesThatHitNothing_AndTroubles) {
  truth_->miss("line1", {.item = 4, .nearest_ms = 45.0}, WallTime{2s});
  truth_->miss("line1", {}, WallTime{3s});
  truth_->trouble("line2", "camera off", WallTime{4s});
  const auto lines = lines_of(path_);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(
      lines[0],
      (json{{"line", "line1"}, {"pulse_at_ns", 2'000'000'000}, {"item", 4}, {"hit", false}, {"nearest_ms", 45.0}}));
  EXPECT_FALSE(lines[1].contains("nearest_ms")) << "the belt was empty";
  EXPECT_EQ(lines[2], (json{{"line", "line2"}, {"trouble", "camera off"}, {"at_ns", 4'000'000'000}}));
}

TEST_F(TruthLogTest, KeepsLinesWhole_WhenManyLinesWriteAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int n = 0; n < 200; ++n) truth_->trouble("line" + std::to_string(i), "camera freeze", WallTime{1s});
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(lines_of(path_).size(), 800U);
}

TEST_F(TruthLogTest, BeginsAnewInAnOldFile) {
  truth_->trouble("line1", "camera off", WallTime{1s});
  truth_ = *TruthLog::open(path_);
  EXPECT_TRUE(lines_of(path_).empty());
}

TEST_F(TruthLogTest, WritesNothingWithoutAPath_AndRefusesOneThatCantBe) {
  const auto silent = TruthLog::open({});
  ASSERT_TRUE(silent);
  (*silent)->trouble("line1", "camera off", WallTime{1s});
  const auto impossible = TruthLog::open(folder_ / "no/such/folder/truth.jsonl");
  ASSERT_FALSE(impossible);
  EXPECT_EQ(impossible.error().code, ErrorCode::file_not_found);
}

}  // namespace
}  // namespace lineside::plant
