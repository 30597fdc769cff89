#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <thread>

#include "base/file.h"
#include "base/sqlite.h"
#include "base/test_folder.h"
#include "base/uuid.h"
#include "gateway/outbox/outbox_test_box.h"
#include "gateway/outbox/recovery.h"
#include "gateway/outbox/reservation.h"
#include "wire/batch.h"

namespace lineside::gateway {
namespace {

class DamagedOutbox : public ::testing::Test {
 protected:
  // 400 records in each lane, the first 100 acknowledged.
  void fill() {
    Box box(dir_);
    box.put_many(Lane::urgent, 1, 400);
    box.put_many(Lane::bulk, 1, 400);
    everything(*box.outbox, Lane::urgent);
    everything(*box.outbox, Lane::bulk);
    box.outbox->acknowledge(Lane::urgent, box.outbox->epoch(), 100);
    box.outbox->acknowledge(Lane::bulk, box.outbox->epoch(), 100);
    box.put(Lane::urgent, 401);
    box.put(Lane::bulk, 401);
    ASSERT_TRUE(box.outbox->flush(10s));
    epoch_ = box.outbox->epoch();
  }
  fs::path database() const { return newest_database(dir_); }
  void overwrite(std::uint64_t offset, std::size_t count) const {
    std::fstream file(database(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    for (std::size_t i = 0; i < count; ++i) file.put('\x5A');
  }
  // Opens it; whatever is left must cover everything, in the same epoch, and new records must follow.
  void expect_whole(std::uint64_t saved_min) {
    Box box(dir_);
    EXPECT_EQ(box.outbox->epoch(), epoch_);
    box.put(Lane::bulk, 777);
    const auto bulk = everything(*box.outbox, Lane::bulk);
    ASSERT_FALSE(bulk.empty());
    EXPECT_LE(wire::span_first(bulk.front()), 101U);
    EXPECT_EQ(item_of(bulk.back()), 777U);
    std::uint64_t saved = 0;
    for (const Record& record : bulk) {
      if (item_of(record) == 0 || item_of(record) == 777) continue;
      EXPECT_EQ(item_of(record), record.sequence);
      ++saved;
    }
    EXPECT_GE(saved, saved_min);
    const auto urgent = everything(*box.outbox, Lane::urgent);
    EXPECT_TRUE(saved == 301 || lost_in(bulk).count > 0);
    bool told = false;
    for (const Record& record : urgent)
      if (const auto* event = std::get_if<EventRecord>(&record.body)) told = told || event->type == "outbox.damaged";
    EXPECT_TRUE(told);
  }

  TestFolder folder_;
  fs::path dir_ = folder_ / "outbox";
  std::string epoch_;
};

TEST_F(DamagedOutbox, StartsAnew_WhenTheDatabaseIsNone) {
  fill();
  overwrite(0, 4096);
  expect_whole(0);
}

TEST_F(DamagedOutbox, StartsAnew_WhenTheDatabaseIsGone) {
  fill();
  fs::remove(database());
  expect_whole(0);
}

TEST_F(DamagedOutbox, SavesTheRest_WhenPagesAreOverwritten) {
  fill();
  overwrite(fs::file_size(database()) / 2, 8192);
  expect_whole(50);
}

TEST_F(DamagedOutbox, SavesThePrefix_WhenTheFileIsCutOff) {
  fill();
  fs::resize_file(database(), fs::file_size(database()) * 2 / 3);
  expect_whole(0);
}

TEST_F(DamagedOutbox, LosesOneRecord_WhenOneBitOfItFlips) {
  fill();
  {
    auto db = Database::open(database()).value();
    ASSERT_TRUE(
        db.execute("UPDATE record SET bytes = zeroblob(length(bytes)) WHERE key = (SELECT max(key) - 150 FROM "
                   "record)"));
  }
  Box box(dir_);  // found when it is read, not at start
  for (int i = 0; i < 200; ++i) {
    const auto read = box.outbox->read(Lane::bulk, epoch_, 100, 1000, 1 << 20);
    if (read && !read->empty()) break;
    std::this_thread::sleep_for(10ms);
  }
  const auto bulk = everything(*box.outbox, Lane::bulk);
  ASSERT_EQ(bulk.size(), 301U);
  EXPECT_EQ(lost_in(bulk).count, 1U);
  EXPECT_EQ(std::get<LossRecord>(bulk[150].body).cause, "outbox.damaged");
}

TEST_F(DamagedOutbox, SurvivesADamagedReservation) {
  fill();
  std::ofstream(dir_ / "reserve", std::ios::trunc) << "nonsense";
  Box box(dir_);
  box.put(Lane::bulk, 777);
  const auto bulk = everything(*box.outbox, Lane::bulk);
  EXPECT_EQ(box.outbox->epoch(), epoch_);
  EXPECT_EQ(lost_in(bulk).causes, std::vector<std::string>{"gateway.power_lost.at_most"});
  EXPECT_EQ(item_of(bulk.back()), 777U);
}

// Waits until the outbox has noticed; then everything must be where the next start looks for it.
void expect_put_back(const fs::path& dir, Box& box) {
  for (int i = 0; i < 500 && box.metrics.prometheus_text().find("lineside_outbox_missing_total 0") != std::string::npos;
       ++i)
    std::this_thread::sleep_for(10ms);
  EXPECT_NE(box.outbox->trouble().find("deleted while in use"), std::string::npos) << box.outbox->trouble();
  box.put_many(Lane::bulk, 301, 320);
  EXPECT_TRUE(box.outbox->flush(5s));
  const std::string epoch = box.outbox->epoch();
  box.outbox.reset();
  Box next(dir);
  EXPECT_EQ(next.outbox->epoch(), epoch);
  const auto bulk = everything(*next.outbox, Lane::bulk);
  EXPECT_EQ(lost_in(bulk).count, 0U);
  ASSERT_EQ(bulk.size(), 320U);
  EXPECT_EQ(item_of(bulk.front()), 1U);
  EXPECT_EQ(item_of(bulk.back()), 320U);
  int told = 0;
  for (const Record& record : everything(*next.outbox, Lane::urgent))
    if (const auto* event = std::get_if<EventRecord>(&record.body)) told += event->type == "outbox.files_deleted";
  EXPECT_EQ(told, 1);
}

TEST_F(DamagedOutbox, LosesNothing_WhenItsFilesAreDeletedInUse) {
  for (const bool whole_folder : {false, true}) {
    Box box(dir_);
    box.put_many(Lane::bulk, 1, 300);
    ASSERT_TRUE(box.outbox->flush(5s));
    EXPECT_EQ(box.outbox->trouble(), "");
    if (whole_folder) {
      fs::remove_all(dir_);
    } else {
      const std::string file = database().string();
      for (const char* end : {"", "-wal", "-shm"}) fs::remove(file + end);
      fs::remove(dir_ / "reserve");
    }
    expect_put_back(dir_, box);
    fs::remove_all(dir_);
  }
}

TEST_F(DamagedOutbox, SaysSo_WhenItsFolderCantBeMadeAgain) {
  Box box(dir_);
  box.put(Lane::bulk, 1);
  ASSERT_TRUE(box.outbox->flush(5s));
  fs::remove_all(dir_);
  std::ofstream(dir_) << "a file in its place";
  for (int i = 0; i < 500 && box.outbox->trouble().empty(); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_NE(box.outbox->trouble().find("can't"), std::string::npos) << box.outbox->trouble();
  fs::remove(dir_);
  box.put(Lane::bulk, 2);
  EXPECT_TRUE(box.outbox->flush(10s)) << "it did not go on when the folder could be made again";
  EXPECT_EQ(everything(*box.outbox, Lane::bulk).size(), 2U);
}

TEST_F(DamagedOutbox, BeginsAnew_WhenNothingIsLeft) {
  fill();
  fs::remove_all(dir_);
  Box box(dir_);
  EXPECT_NE(box.outbox->epoch(), epoch_);
  box.put(Lane::bulk, 1);
  EXPECT_EQ(everything(*box.outbox, Lane::bulk).size(), 1U);
}

// In memory: these tests make a few hundred outboxes.
class MemoryFolder {
 public:
  MemoryFolder() { fs::create_directories(path); }
  ~MemoryFolder() { fs::remove_all(path); }
  const fs::path path = fs::path("/dev/shm") / ("lineside-test-" + make_uuid());
};

void live_with_fault(const fs::path& dir, const config::OutboxSettings& settings) {
  Box box(dir, settings);
  for (std::uint64_t item = 1; item <= 30; ++item) {
    box.put(Lane::urgent, item);
    box.put(Lane::bulk, item);
    if (item % 15 != 0) continue;
    ASSERT_TRUE(box.outbox->flush(10s));
    while (!box.outbox->read(Lane::urgent, box.outbox->epoch(), 0, 100, 1 << 20)) {
    }
    box.outbox->acknowledge(Lane::urgent, box.outbox->epoch(), 5);
  }
}

// One operation after the other fails once, until a whole life of an outbox has none left to fail.
void fail_each_operation(int system_errno) {
  auto settings = quick();
  settings.bulk_bytes_max = 2000;
  for (std::uint64_t nth = 0; nth < 1000; ++nth) {
    SCOPED_TRACE(nth);
    const MemoryFolder folder;
    bool reached = true;
    {
      const FaultPlan plan(nth, system_errno);
      live_with_fault(folder.path, settings);
      reached = plan.operations() > nth;
    }
    Box box(folder.path, settings);
    const auto urgent = everything(*box.outbox, Lane::urgent);
    std::uint64_t last_item = 0;
    for (const Record& record : urgent) {
      if (item_of(record) == 0) continue;
      EXPECT_GT(item_of(record), last_item);
      last_item = item_of(record);
    }
    EXPECT_EQ(last_item, 30U);
    EXPECT_EQ(lost_in(urgent).count, 0U);
    everything(*box.outbox, Lane::bulk);
    if (!reached) return;
  }
  ADD_FAILURE() << "there were always more operations";
}

TEST(Outbox, LosesNothing_WhicheverOperationFindsTheDiskFull) { fail_each_operation(ENOSPC); }

TEST(Outbox, LosesNothing_WhicheverOperationFails) { fail_each_operation(EIO); }

TEST(Outbox, LosesNothingInANewEpoch_WhicheverOperationFailsAsItBegins) {
  for (std::uint64_t nth = 0; nth < 200; ++nth) {
    SCOPED_TRACE(nth);
    const MemoryFolder folder;
    Box box(folder.path);
    box.put_many(Lane::urgent, 1, 6);
    box.put_many(Lane::bulk, 1, 4);
    ASSERT_TRUE(box.outbox->flush(10s));
    const std::string before = box.outbox->epoch();
    bool reached = true;
    {
      const FaultPlan plan(nth, EIO);
      box.outbox->acknowledge(Lane::urgent, before, 1000);  // the hub has more than this copy
      for (int i = 0; i < 5000 && box.outbox->epoch() == before; ++i) std::this_thread::sleep_for(1ms);
      ASSERT_TRUE(box.outbox->flush(10s));
      reached = plan.operations() > nth;
    }
    // Reading begins again a moment later if it was just that which failed.
    const auto readable = [&] {
      const auto some = box.outbox->read(Lane::bulk, box.outbox->epoch(), 0, 1, 1000);
      return some && !some->empty();
    };
    for (int i = 0; i < 5000 && !readable(); ++i) std::this_thread::sleep_for(1ms);
    const auto urgent = everything(*box.outbox, Lane::urgent), bulk = everything(*box.outbox, Lane::bulk);
    EXPECT_EQ(lost_in(urgent).count + lost_in(bulk).count, 0U) << "declared although nothing is lost";
    ASSERT_EQ(bulk.size(), 4U);
    ASSERT_GE(urgent.size(), 6U);
    EXPECT_EQ(item_of(urgent[5]), 6U);
    EXPECT_EQ(std::ranges::count_if(urgent, [](const Record& record) { return item_of(record) > 0; }), 6);
    if (!reached) return;
  }
  ADD_FAILURE() << "there were always more operations";
}

TEST(Outbox, OpensLater_WhenTheDiskIsFullAtStart) {
  const TestFolder folder;
  {
    Box box(folder / "outbox");
    box.put_many(Lane::urgent, 1, 5);
  }
  std::optional<FaultPlan> full_disk(std::in_place, 0, ENOSPC, true);
  Box box(folder / "outbox");
  box.put_many(Lane::urgent, 6, 10);
  EXPECT_FALSE(box.outbox->flush(100ms));
  full_disk.reset();
  const auto records = everything(*box.outbox, Lane::urgent);
  ASSERT_EQ(records.size(), 10U);
  for (const Record& record : records) EXPECT_EQ(item_of(record), record.sequence);
}

}  // namespace
}  // namespace lineside::gateway
