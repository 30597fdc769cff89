#include "hub/http/drogon_log.h"

#include <gtest/gtest.h>
#include <trantor/utils/Logger.h>

namespace lineside::hub {
namespace {

TEST(DrogonLog, KeepsWhatHappenedAndWhere) {
  const auto line = read_library_line("20261122 22:10:39.182200 UTC 6834 WARN  can't do - it now - HttpServer.cc:12\n");
  EXPECT_EQ(line.level, LogLevel::warning);
  EXPECT_EQ(line.message, "can't do - it now");
  EXPECT_EQ(line.place, "HttpServer.cc:12");
  EXPECT_EQ(read_library_line("20261122 22:10:39.182200 UTC 6834 ERROR bad - A.cc:1\n").level, LogLevel::error);
}

TEST(DrogonLog, IsNotAlarmed_WhenOnlyTheOtherSideHasGone) {
  const auto gone = read_library_line(
      "20261122 22:10:39.182200 UTC 6834 FATAL Transport endpoint is not connected (errno=107) "
      "sockets::shutdownWrite - Socket.cc:110\n");
  EXPECT_EQ(gone.level, LogLevel::debug);
  EXPECT_EQ(
      read_library_line("20261122 22:10:39.1 UTC 6834 FATAL Too many open files (errno=24) accept - A.cc:1\n").level,
      LogLevel::warning);
}

TEST(DrogonLog, PassesOnALineThatItDoesNotUnderstand) {
  for (const char* odd : {"", "\n", "one", "something else entirely than a line of the library"}) {
    const auto line = read_library_line(odd);
    EXPECT_EQ(line.level, LogLevel::warning) << odd;
    EXPECT_TRUE(std::string_view(odd).starts_with(line.message)) << odd;
  }
}

TEST(DrogonLog, TakesTheLibrarysLines) {
  route_drogon_log();
  ::testing::internal::CaptureStderr();
  LOG_WARN << "made up by a test";
  const std::string printed = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(printed.find(" warning http made up by a test "), std::string::npos) << printed;
  ::testing::internal::CaptureStdout();
  LOG_INFO << "of no interest";
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace lineside::hub
