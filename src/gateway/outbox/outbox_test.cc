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
#include "gateway/outbox/lane_queue.h"
#include "gateway/outbox/outbox_test_box.h"
#include "gateway/outbox/recovery.h"
#include "gateway/outbox/reservation.h"
#include "wire/batch.h"

namespace lineside::gateway {
namespace {

TEST(Outbox, GivesBackWhatWasPut_InOrder_FromOneOn) {
  const TestFolder folder;
  Box box(folder / "outbox");
  box.put_many(Lane::urgent, 101, 150);
  box.put_many(Lane::bulk, 201, 210);
  const auto urgent = everything(*box.outbox, Lane::urgent), bulk = everything(*box.outbox, Lane::bulk);
  ASSERT_EQ(urgent.size(), 50U);
  ASSERT_EQ(bulk.size(), 10U);
  for (std::uint64_t i = 0; i < 50; ++i) {
    EXPECT_EQ(urgent[i].sequence, i + 1);
    EXPECT_EQ(item_of(urgent[i]), 101 + i);
  }
  EXPECT_EQ(item_of(bulk[9]), 210U);
}

TEST(Outbox, GoesOnWhereItWas_AfterACleanStop) {
  const TestFolder folder;
  std::string epoch;
  {
    Box box(folder / "outbox", slow_to_disk());  // closing brings it to disk
    box.put_many(Lane::urgent, 1, 20);
    epoch = box.outbox->epoch();
  }
  Box box(folder / "outbox");
  EXPECT_EQ(box.outbox->epoch(), epoch);
  box.put(Lane::urgent, 21);
  const auto records = everything(*box.outbox, Lane::urgent);
  ASSERT_EQ(records.size(), 21U);
  EXPECT_EQ(item_of(records[20]), 21U);
}

TEST(Outbox, DeletesOnlyWhatWasAcknowledged) {
  const TestFolder folder;
  {
    Box box(folder / "outbox");
    box.put_many(Lane::urgent, 1, 20);
    box.put_many(Lane::bulk, 1, 5);
    everything(*box.outbox, Lane::urgent);
    box.outbox->acknowledge(Lane::urgent, box.outbox->epoch(), 12);
    box.outbox->acknowledge(Lane::urgent, box.outbox->epoch(), 7);  // late: means nothing
    box.outbox->acknowledge(Lane::urgent, "another", 20);
    box.put(Lane::urgent, 21);
    EXPECT_EQ(everything(*box.outbox, Lane::urgent).size(), 9U);
    EXPECT_EQ(box.outbox->status(Lane::urgent).records, 9U);
  }
  Box box(folder / "outbox");
  EXPECT_EQ(item_of(everything(*box.outbox, Lane::urgent).front()), 13U);
  EXPECT_EQ(everything(*box.outbox, Lane::bulk).size(), 5U);
}

TEST(Outbox, DeclaresExactlyWhatAKillTook) {
  const TestFolder folder;
  in_killed_process(folder / "outbox", slow_to_disk(), [](Box& box) {
    box.put_many(Lane::urgent, 1, 10);
    if (!box.outbox->flush(10s)) ::_exit(1);
    box.put_many(Lane::urgent, 11, 17);
    box.put_many(Lane::bulk, 1, 3);
  });
  Box box(folder / "outbox");
  const auto urgent = everything(*box.outbox, Lane::urgent);
  ASSERT_EQ(urgent.size(), 12U);  // ten, the loss, and the event that tells of it
  const auto& loss = std::get<LossRecord>(urgent[10].body);
  EXPECT_EQ(loss.first, 11U);
  EXPECT_EQ(loss.last, 17U);
  EXPECT_EQ(loss.cause, "gateway.killed");
  EXPECT_EQ(std::get<EventRecord>(urgent[11].body).type, "outbox.unclean_stop");
  const auto bulk = everything(*box.outbox, Lane::bulk);
  ASSERT_EQ(bulk.size(), 1U);
  EXPECT_EQ(lost_in(bulk).count, 3U);
}

TEST(Outbox, DeclaresNothing_WhenKilledWithEverythingOnDisk) {
  const TestFolder folder;
  in_killed_process(folder / "outbox", quick(), [](Box& box) {
    box.put_many(Lane::urgent, 1, 10);
    if (!box.outbox->flush(10s)) ::_exit(1);
  });
  Box box(folder / "outbox");
  EXPECT_EQ(everything(*box.outbox, Lane::urgent).size(), 10U);
}

TEST(Outbox, SaysAtMost_WhenTheMachineDied) {
  const TestFolder folder;
  in_killed_process(folder / "outbox", slow_to_disk(), [](Box& box) { box.put_many(Lane::bulk, 1, 5); });
  LiveCounter::remove(folder / "outbox");  // shared memory does not survive the machine
  Box box(folder / "outbox");
  const auto bulk = everything(*box.outbox, Lane::bulk);
  ASSERT_EQ(bulk.size(), 1U);
  EXPECT_EQ(lost_in(bulk).causes.front(), "gateway.power_lost.at_most");
  EXPECT_GE(lost_in(bulk).count, 5U);
  EXPECT_LE(lost_in(bulk).count, 1024U);
}

TEST(Outbox, DeclaresWhatItsQueueCouldNotTake_AndNeverWaits) {
  const TestFolder folder;
  auto settings = quick();
  settings.queue_records = 50;
  Box box(folder / "outbox", settings);
  {
    const FaultPlan full_disk(0, ENOSPC, true);
    const auto began = std::chrono::steady_clock::now();
    box.put_many(Lane::urgent, 1, 5000);
    EXPECT_LT(std::chrono::steady_clock::now() - began, 2s);
    std::this_thread::sleep_for(120ms);
    box.put_many(Lane::urgent, 5001, 5010);
  }
  const auto records = everything(*box.outbox, Lane::urgent);
  const Lost lost = lost_in(records);
  EXPECT_EQ(records.back().sequence, 5010U);
  EXPECT_GE(lost.count, 4800U);
  for (const std::string& cause : lost.causes) EXPECT_EQ(cause, "queue.full");
  EXPECT_EQ(box.outbox->status(Lane::urgent).lost, lost.count);
  for (const Record& record : records) EXPECT_TRUE(item_of(record) == 0 || item_of(record) == record.sequence);
}

TEST(Outbox, DropsTheOldestBulk_WhenItsBudgetIsUsedUp_AndNoUrgentRecordForIt) {
  const TestFolder folder;
  auto settings = quick();
  settings.bulk_bytes_max = 20'000;
  Box box(folder / "outbox", settings);
  box.put_many(Lane::urgent, 1, 100);
  for (int round = 0; round < 10; ++round) {
    box.put_many(Lane::bulk, 1, 100);
    ASSERT_TRUE(box.outbox->flush(10s));
    EXPECT_LE(box.outbox->status(Lane::bulk).bytes, 20'000U);
  }
  const auto bulk = everything(*box.outbox, Lane::bulk);
  const Lost lost = lost_in(bulk);
  ASSERT_EQ(lost.causes, std::vector<std::string>{"outbox.full"});
  EXPECT_EQ(lost.count + bulk.size() - 1, 1000U);
  EXPECT_GT(bulk.size(), 50U);
  const auto urgent = everything(*box.outbox, Lane::urgent);
  EXPECT_EQ(lost_in(urgent).count, 0U);
  EXPECT_EQ(std::get<EventRecord>(urgent.back().body).type, "outbox.full");
}

TEST(Outbox, LosesNothingTwice_WhenDroppedRecordsAreAcknowledgedAfterAll) {
  const TestFolder folder;
  auto settings = quick();
  settings.bulk_bytes_max = 20'000;
  Box box(folder / "outbox", settings);
  box.put_many(Lane::bulk, 1, 1000);
  ASSERT_TRUE(box.outbox->flush(10s));
  const std::uint64_t dropped_to = everything(*box.outbox, Lane::bulk).front().sequence;
  box.outbox->acknowledge(Lane::bulk, box.outbox->epoch(), dropped_to / 2);  // inside the span of the loss
  box.put(Lane::bulk, 1001);
  const auto rest = everything(*box.outbox, Lane::bulk);
  EXPECT_EQ(rest.front().sequence, dropped_to);
  box.outbox->acknowledge(Lane::bulk, box.outbox->epoch(), dropped_to + 1);
  box.put(Lane::bulk, 1002);
  EXPECT_EQ(everything(*box.outbox, Lane::bulk).front().sequence, dropped_to + 2);
}

TEST(Outbox, DeclaresARecordThatIsTooLarge) {
  const TestFolder folder;
  Box box(folder / "outbox");
  box.put(Lane::bulk, 1);
  box.outbox->put(Lane::bulk, PictureRecord{.station = "s", .jpeg = wire::Bytes(wire::kRecordBytesMax + 1)});
  box.put(Lane::bulk, 3);
  const auto records = everything(*box.outbox, Lane::bulk);
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(std::get<LossRecord>(records[1].body).cause, "record.too_large");
}

TEST(Outbox, IsForOneProcessAtATime) {
  const TestFolder folder;
  const Box box(folder / "outbox");
  MetricsRegistry metrics;
  const auto second = Outbox::open(folder / "outbox", quick(), system_clock(), metrics);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::limit_reached);
}

TEST(Outbox, BeginsANewEpoch_WhenTheHubHasMoreThanItsDisk) {
  const TestFolder folder;
  Box box(folder / "outbox");
  box.put_many(Lane::urgent, 1, 10);
  box.put_many(Lane::bulk, 1, 10);
  everything(*box.outbox, Lane::urgent);
  everything(*box.outbox, Lane::bulk);
  const std::string old_epoch = box.outbox->epoch();
  box.outbox->acknowledge(Lane::urgent, old_epoch, 4);
  box.outbox->acknowledge(Lane::bulk, old_epoch, 11);  // the hub knows sequence 11, this outbox does not
  wait_for_new_epoch(*box.outbox, old_epoch, 7);
  EXPECT_TRUE(box.outbox->read(Lane::bulk, old_epoch, 0, 10, 10'000).value().empty());
  box.put(Lane::bulk, 11);
  const auto urgent = everything(*box.outbox, Lane::urgent), bulk = everything(*box.outbox, Lane::bulk);
  EXPECT_EQ(urgent.front().sequence, 1U);
  EXPECT_EQ(item_of(urgent.front()), 5U);
  EXPECT_EQ(std::get<EventRecord>(urgent.back().body).type, "outbox.rolled_back");
  ASSERT_EQ(bulk.size(), 11U);
  EXPECT_EQ(item_of(bulk.back()), 11U);
  EXPECT_EQ(lost_in(bulk).count + lost_in(urgent).count, 0U);
}

TEST(Outbox, NoticesThatItIsAnOldCopy_EvenAfterNewRecordsHaveTakenTheOldNumbers) {
  const TestFolder folder;
  const fs::path dir = folder / "outbox", copy = folder / "copy";
  std::string epoch;
  {
    Box box(dir);
    box.put_many(Lane::urgent, 1, 5);
    epoch = box.outbox->epoch();
  }
  fs::copy(dir, copy, fs::copy_options::recursive);
  Box box(copy);
  box.put_many(Lane::urgent, 1006, 1020);
  ASSERT_TRUE(box.outbox->flush(10s));
  box.outbox->acknowledge(Lane::urgent, epoch, 9);  // 6 to 9 at the hub are others
  wait_for_new_epoch(*box.outbox, epoch, 21);
  const auto records = everything(*box.outbox, Lane::urgent);
  ASSERT_EQ(records.size(), 21U);  // all, and the event
  EXPECT_EQ(item_of(records[19]), 1020U);
}

TEST(Outbox, TakesRecordsFromManyThreads) {
  const TestFolder folder;
  Box box(folder / "outbox");
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&box, t] {
      for (std::uint64_t i = 0; i < 200; ++i) {
        box.put(t % 2 == 0 ? Lane::urgent : Lane::bulk, t * 1000 + i + 1);
        std::this_thread::sleep_for(50us);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(everything(*box.outbox, Lane::urgent).size(), 400U);
  EXPECT_EQ(everything(*box.outbox, Lane::bulk).size(), 400U);
}

// While the disk does not take anything, memory stays bounded whatever the records are.
TEST(LaneQueue, CountsWhatEachKindOfRecordTakesInMemory) {
  constexpr std::size_t kBytesMax = 1u << 20;
  const std::vector<float> bands(10'000);
  const TagBlock block{
      .stream = "s", .bytes = std::vector<std::uint8_t>(150'000), .plan = std::vector<std::uint8_t>(10'000)};
  const AssetSummary asset{.asset = "m", .spectra = {{"x", "g", bands, bands, bands, bands}}};
  const PictureRecord picture{.jpeg = std::vector<std::uint8_t>(160'000)};
  for (const RecordBody& body : {RecordBody(block), RecordBody(asset), RecordBody(picture)}) {
    LaneQueue queue(Lane::bulk, 100, kBytesMax);
    std::uint64_t kept = 0;
    while (kept < 100 && queue.push(kept + 1, RecordBody(body), WallTime{})) ++kept;
    EXPECT_EQ(kept, 6U) << "of kind " << body.index();
  }
}

}  // namespace
}  // namespace lineside::gateway
