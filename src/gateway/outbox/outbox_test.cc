#include "gateway/outbox/outbox.h"

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
#include "gateway/outbox/recovery.h"
#include "gateway/outbox/reservation.h"
#include "wire/batch.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

config::OutboxSettings quick() {
  config::OutboxSettings settings;
  settings.commit_delay = 1ms;
  settings.queue_records = 1000;
  return settings;
}

// An outbox with what it needs around it.
struct Box {
  explicit Box(const fs::path& dir, const config::OutboxSettings& settings = quick())
      : outbox(Outbox::open(dir, settings, system_clock(), metrics).value()) {}
  void put(Lane lane, std::uint64_t item) { outbox->put(lane, VerdictRecord{.station = "s", .item = item}); }
  void put_many(Lane lane, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t item = first; item <= last; ++item) put(lane, item);
  }
  MetricsRegistry metrics;
  std::unique_ptr<Outbox> outbox;
};

std::uint64_t item_of(const Record& record) {
  const auto* verdict = std::get_if<VerdictRecord>(&record.body);
  return verdict == nullptr ? 0 : verdict->item;
}

struct Lost {
  std::uint64_t count = 0;
  std::vector<std::string> causes;
};

// Everything of the lane that is not acknowledged; fails unless it covers each sequence up to the last handed out once.
std::vector<Record> everything(Outbox& outbox, Lane lane) {
  EXPECT_TRUE(outbox.flush(10s));
  const LaneStatus status = outbox.status(lane);
  std::vector<Record> records;
  std::uint64_t after = status.acknowledged;
  while (after < status.durable) {
    const auto stored = outbox.read(lane, outbox.epoch(), after, 7, 1 << 20);
    if (!stored || stored->empty()) {
      ADD_FAILURE() << "nothing after " << after << (stored ? "" : to_string(stored.error()));
      break;
    }
    for (const StoredRecord& one : *stored) {
      auto record = wire::decode_record(one.bytes).value();
      EXPECT_EQ(record.sequence, one.sequence);
      EXPECT_EQ(wire::span_first(record), one.first);
      EXPECT_TRUE(one.first == after + 1 || (records.empty() && one.first <= after)) << one.first << " after " << after;
      after = one.sequence;
      records.push_back(std::move(record));
    }
  }
  EXPECT_EQ(after, status.durable);
  EXPECT_EQ(status.durable, status.handed_out);
  return records;
}

Lost lost_in(const std::vector<Record>& records) {
  Lost lost;
  for (const Record& record : records)
    if (const auto* loss = std::get_if<LossRecord>(&record.body)) {
      lost.count += loss->last - loss->first + 1;
      lost.causes.push_back(loss->cause);
    }
  return lost;
}

// Runs `work` with an outbox in another process, which then dies by SIGKILL without any cleaning up.
template <class Work>
void in_killed_process(const fs::path& dir, const config::OutboxSettings& settings, Work&& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    Box box(dir, settings);
    work(box);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
}

// Until the outbox has begun another epoch and put the event that tells of it.
void wait_for_new_epoch(Outbox& outbox, const std::string& old_epoch, std::uint64_t urgent_last) {
  for (int i = 0; i < 1000; ++i) {
    if (outbox.epoch() != old_epoch && outbox.status(Lane::urgent).handed_out == urgent_last) return;
    std::this_thread::sleep_for(10ms);
  }
  ADD_FAILURE() << "no new epoch within 10 s";
}

config::OutboxSettings slow_to_disk() {
  auto settings = quick();
  settings.commit_delay = 10s;
  return settings;
}

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

}  // namespace
}  // namespace lineside::gateway
