#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/test_folder.h"

namespace lineside {
namespace {

TEST(File, ReadsBackWhatWasWritten) {
  const TestFolder folder;
  ASSERT_TRUE(write_atomically(folder / "a", std::string_view("hello\0there", 11)));
  EXPECT_EQ(read_text(folder / "a").value(), std::string("hello\0there", 11));
  EXPECT_EQ(read_bytes(folder / "a").value().size(), 11u);
}

TEST(File, ReadsAnEmptyFileAndOneWithoutASize) {
  const TestFolder folder;
  ASSERT_TRUE(write_atomically(folder / "empty", std::string_view("")));
  EXPECT_EQ(read_text(folder / "empty").value(), "");
  EXPECT_NE(read_text("/proc/self/status").value().find("Name:"), std::string::npos);
}

TEST(File, SaysWhatIsWrong_WhenMissingTooLargeOrAFolder) {
  const TestFolder folder;
  EXPECT_EQ(read_text(folder / "none").error().code, ErrorCode::file_not_found);
  EXPECT_NE(read_text(folder / "none").error().message.find("none"), std::string::npos);
  ASSERT_TRUE(write_atomically(folder / "ten", std::string_view("0123456789")));
  EXPECT_TRUE(read_text(folder / "ten", 10).has_value());
  EXPECT_EQ(read_text(folder / "ten", 9).error().code, ErrorCode::limit_reached);
  EXPECT_EQ(read_text(folder.path()).error().code, ErrorCode::file_io);
}

TEST(File, SetsTheMode) {
  const TestFolder folder;
  ASSERT_TRUE(write_atomically(folder / "key", std::string_view("secret"), 0600));
  EXPECT_EQ(fs::status(folder / "key").permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST(File, KeepsTheOldContent_WhenWhatFillsItFails) {
  const TestFolder folder;
  ASSERT_TRUE(write_atomically(folder / "a", std::string_view("old")));
  const auto written = write_atomically(folder / "a", [](const PutBytes& put) -> Result<void> {
    LINESIDE_TRY(put("half"));
    return fail(ErrorCode::file_format, "the rest is damaged");
  });
  EXPECT_EQ(written.error().code, ErrorCode::file_format);
  EXPECT_EQ(read_text(folder / "a").value(), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}

TEST(File, WritesThroughALink) {
  const TestFolder folder;
  fs::create_directory(folder / "elsewhere");
  ASSERT_TRUE(write_atomically(folder / "elsewhere" / "real", std::string_view("old")));
  fs::create_symlink("elsewhere/real", folder / "link");
  ASSERT_TRUE(write_atomically(folder / "link", std::string_view("new")));
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_text(folder / "elsewhere" / "real").value(), "new");
}

// Root may rename over /dev/null: it was a file of that name, and filled the memory, from then on.
TEST(File, IsWrittenIntoAndNotReplaced_WhenItIsADevice) {
  const TestFolder folder;
  const fs::path pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  ASSERT_TRUE(write_atomically(pipe, std::string_view("hello")));
  char got[8] = {};
  EXPECT_EQ(::read(reader, got, sizeof got), 5);
  ::close(reader);
  EXPECT_TRUE(fs::is_fifo(pipe));
  EXPECT_EQ(fs::status(pipe).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}

// Fails every operation in turn until none fails: the old or the new content is there, never another, and no litter.
TEST(File, KeepsOldOrNewContent_WhicheverOperationFails) {
  const TestFolder folder;
  const fs::path path = folder / "file";
  bool went_through = false;
  for (std::uint64_t nth = 0; !went_through; ++nth) {
    ASSERT_LT(nth, 20u);
    ASSERT_TRUE(write_atomically(path, std::string_view("old")));
    Result<void> result;
    {
      const FaultPlan plan(nth, ENOSPC);
      result = write_atomically(path, std::string_view("new"));
      went_through = plan.operations() <= nth;
    }
    EXPECT_EQ(result.has_value(), went_through);
    if (!result) {
      EXPECT_EQ(result.error().code, ErrorCode::disk_full);
    }
    const std::string content = read_text(path).value();
    EXPECT_TRUE(content == "new" || (content == "old" && !went_through)) << content;
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
  }
}

TEST(AppendFile, GrowsAndContinues) {
  const TestFolder folder;
  {
    auto file = AppendFile::open(folder / "log").value();
    ASSERT_TRUE(file.append("one\n"));
    EXPECT_EQ(file.size(), 4u);
    ASSERT_TRUE(file.sync());
  }
  auto file = AppendFile::open(folder / "log").value();
  EXPECT_EQ(file.size(), 4u);
  AppendFile moved = std::move(file);
  ASSERT_TRUE(moved.append("two\n"));
  EXPECT_EQ(read_text(folder / "log").value(), "one\ntwo\n");
}

TEST(AppendFile, LeavesNoHalfLine_WhenAWriteFails) {
  const TestFolder folder;
  auto file = AppendFile::open(folder / "log").value();
  ASSERT_TRUE(file.append("one\n"));
  {
    const FaultPlan plan(0, ENOSPC);
    EXPECT_EQ(file.append("two\n").error().code, ErrorCode::disk_full);
  }
  ASSERT_TRUE(file.append("three\n"));
  EXPECT_EQ(read_text(folder / "log").value(), "one\nthree\n");
}

TEST(AppendFile, TakesBackAPartialWrite_WhenTheDiskIsReallyFull) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "needs /dev/full";
  auto file = AppendFile::open("/dev/full").value();
  EXPECT_EQ(file.append("x").error().code, ErrorCode::disk_full);
}

TEST(FaultPlan, FailsOnlyTheNth_OrEveryLaterOne) {
  {
    const FaultPlan plan(1, EIO);
    EXPECT_EQ(planned_fault(), 0);
    EXPECT_EQ(planned_fault(), EIO);
    EXPECT_EQ(planned_fault(), 0);
    EXPECT_EQ(plan.operations(), 3u);
  }
  EXPECT_EQ(planned_fault(), 0);
  const FaultPlan plan(1, EIO, true);
  EXPECT_EQ(planned_fault(), 0);
  EXPECT_EQ(planned_fault(), EIO);
  EXPECT_EQ(planned_fault(), EIO);
}

}  // namespace
}  // namespace lineside
