#include "gateway/samples/sample_store.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cmath>
#include <fstream>
#include <mutex>

#include "base/file.h"
#include "base/test_folder.h"
#include "gateway/samples/sample_index.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

class PictureSink final : public RecordSink {
 public:
  void put(Lane lane, RecordBody body) override {
    std::lock_guard lock(mutex_);
    EXPECT_EQ(lane, Lane::bulk);
    if (auto* picture = std::get_if<PictureRecord>(&body)) pictures_.push_back(std::move(*picture));
  }
  std::vector<PictureRecord> pictures() const {
    std::lock_guard lock(mutex_);
    return pictures_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<PictureRecord> pictures_;
};

class SampleStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<SampleStore> open() {
    auto store = SampleStore::open(folder_.path(), settings_, {"a", "b"}, records_, system_clock(), metrics_);
    EXPECT_TRUE(store.has_value());
    return store ? std::move(*store) : nullptr;
  }
  static Image picture(int side = 64) {
    Image image{side, side, PixelFormat::rgb8, std::vector<std::uint8_t>(static_cast<std::size_t>(side * side * 3))};
    for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(i * 7919);
    return image;
  }
  static Verdict verdict(std::uint64_t item, float score = 0.9F) {
    Verdict v;
    v.item = item;
    v.score = score;
    v.time = WallTime{1'700'000'000s} + std::chrono::seconds(item);
    return v;
  }
  void offer(SampleStore& store, std::uint64_t item, SampleWhy why = SampleWhy::reject, int side = 64) {
    const Image image = picture(side);
    store.station("a").offer(verdict(item), "bad", why, image.view());
  }
  std::uint64_t bytes_on_disk() const {
    std::uint64_t sum = 0;
    for (const auto& file : fs::recursive_directory_iterator(folder_.path()))
      if (file.is_regular_file()) sum += file.file_size();
    return sum;
  }

  TestFolder folder_;
  MetricsRegistry metrics_;
  PictureSink records_;
  config::SampleStoreSettings settings_;
};

TEST(SampleFileName, ReadsBackWhatItWrote) {
  for (const SampleEntry& entry :
       {SampleEntry{.why = SampleWhy::reject, .score = 873, .item = 12, .time_ms = 1'700'000'000'000},
        SampleEntry{.why = SampleWhy::fail_safe, .view = 2, .item = 1, .time_ms = 5}}) {
    const auto back = parse_file_name(file_name(entry));
    ASSERT_TRUE(back.has_value()) << file_name(entry);
    EXPECT_EQ(file_name(*back), file_name(entry));
    EXPECT_EQ(back->score, entry.score);
  }
  for (const char* bad : {"", ".jpg", "x.jpg", "1-2-3.jpg", "0000000000005-1-reject-0873-0.jpg.tmp", "../etc/passwd"})
    EXPECT_FALSE(parse_file_name(bad).has_value()) << bad;
}

TEST_F(SampleStoreTest, WantsRejectsDoubtsFailuresAndAShareOfPasses) {
  settings_.near_threshold = 0.1;
  settings_.pass_share = 0.01;
  const auto store = open();
  SampleSink& sink = store->station("a");
  EXPECT_EQ(sink.wants(Decision::reject, Reason::score, 0.9F, 0.5F), SampleWhy::reject);
  EXPECT_EQ(sink.wants(Decision::pass, Reason::score, 0.45F, 0.5F), SampleWhy::near_threshold);
  EXPECT_EQ(sink.wants(Decision::pass, Reason::fail_late, NAN, 0.5F), SampleWhy::fail_safe);
  int kept = 0;
  for (int i = 0; i < 100'000; ++i) kept += sink.wants(Decision::pass, Reason::score, 0.1F, 0.5F) != SampleWhy::no;
  EXPECT_NEAR(kept, 1000, 150);
}

TEST_F(SampleStoreTest, KeepsPicturesOverARestart_AndFindsThemById) {
  {
    const auto store = open();
    offer(*store, 7);
    store->close();
    EXPECT_EQ(store->id_of("a", 7), "a.7");
  }
  const auto store = open();
  EXPECT_EQ(store->id_of("a", 7), "a.7");
  EXPECT_EQ(store->id_of("b", 7), "");
  EXPECT_EQ(store->id_of("a", 8), "");
  const auto jpeg = store->jpeg("a.7");
  ASSERT_TRUE(jpeg.has_value());
  EXPECT_EQ((*jpeg)[0], 0xFF);
  EXPECT_EQ((*jpeg)[1], 0xD8);
  for (const char* bad : {"a.8", "a", "a.", "../a.7", "c.7", ".7"}) EXPECT_FALSE(store->jpeg(bad).has_value()) << bad;
}

TEST_F(SampleStoreTest, StaysInItsBytes_OldestFirst) {
  settings_.bytes_max = 20'000;
  const auto store = open();
  for (std::uint64_t item = 1; item <= 30; ++item) {
    offer(*store, item);
    std::this_thread::sleep_for(1ms);
  }
  store->close();
  EXPECT_LE(bytes_on_disk(), settings_.bytes_max);
  EXPECT_EQ(store->bytes(), bytes_on_disk());
  EXPECT_EQ(store->id_of("a", 1), "");
  EXPECT_EQ(store->id_of("a", 30), "a.30");
}

TEST_F(SampleStoreTest, ShrinksToASmallerBudgetAtStart) {
  {
    const auto store = open();
    for (std::uint64_t item = 1; item <= 10; ++item) offer(*store, item);
  }
  const std::uint64_t before = bytes_on_disk();
  settings_.bytes_max = before / 2;
  const auto store = open();
  EXPECT_LE(bytes_on_disk(), before / 2);
  EXPECT_EQ(store->id_of("a", 10), "a.10");
}

TEST_F(SampleStoreTest, LetsNothingOut_UnlessThePolicySaysSo) {
  const auto store = open();
  offer(*store, 1);
  store->close();
  EXPECT_TRUE(records_.pictures().empty());
}

TEST_F(SampleStoreTest, SharesThumbnails_CountsBytes_AndNeverRandomPasses) {
  settings_.share.level = config::ShareSettings::Level::thumbnail;
  settings_.share.thumbnail_px = 16;
  const auto store = open();
  offer(*store, 1);
  offer(*store, 2, SampleWhy::random_pass);
  store->close();
  const auto pictures = records_.pictures();
  ASSERT_EQ(pictures.size(), 1U);
  EXPECT_EQ(pictures[0].item, 1U);
  EXPECT_EQ(pictures[0].kind, "thumbnail");
  EXPECT_LT(pictures[0].jpeg.size(), store->jpeg("a.1")->size());
  EXPECT_EQ(metrics_.counter("lineside_shared_bytes_total", "", {{"station", "a"}}).value(), pictures[0].jpeg.size());
}

TEST_F(SampleStoreTest, SharesNoMoreThanSoManyAMinute) {
  settings_.share.level = config::ShareSettings::Level::full;
  settings_.share.per_minute_max = 12;  // of which a sixth at once
  const auto store = open();
  for (std::uint64_t item = 1; item <= 10; ++item) offer(*store, item);
  store->close();
  EXPECT_EQ(records_.pictures().size(), 2U);
  EXPECT_EQ(metrics_.counter("lineside_samples_kept_total", "", {{"station", "a"}}).value(), 10U);
}

TEST_F(SampleStoreTest, ReplacesOldPictures_WhenTheDiskIsFull) {
  const auto store = open();
  offer(*store, 1);
  for (int i = 0; i < 5000 && store->id_of("a", 1).empty(); ++i) std::this_thread::sleep_for(1ms);
  {
    FaultPlan plan(0, ENOSPC);
    offer(*store, 2);
    for (int i = 0; i < 5000 && store->id_of("a", 2).empty(); ++i) std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(store->id_of("a", 2), "a.2");
  EXPECT_EQ(store->id_of("a", 1), "");
}

TEST_F(SampleStoreTest, DropsAndCounts_WhenItCannotWrite) {
  const auto store = open();
  {
    FaultPlan plan(0, EIO, true);
    offer(*store, 1);
    store->close();
  }
  EXPECT_EQ(metrics_.counter("lineside_samples_dropped_total", "", {{"station", "a"}}).value(), 1U);
  EXPECT_NE(store->trouble(), "");
}

}  // namespace
}  // namespace lineside::gateway
