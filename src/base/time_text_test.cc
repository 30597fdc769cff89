#include "base/time_text.h"

#include <gtest/gtest.h>

namespace lineside {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNoon{std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} + 12h};

TEST(TimeText, ReadsWhatDevicesWrite) {
  EXPECT_EQ(from_iso8601("2026-11-22T12:00:00Z"), kNoon);
  EXPECT_EQ(from_iso8601("2026-11-22 12:00:00z"), kNoon);
  EXPECT_EQ(from_iso8601("2026-11-22T12:00Z"), kNoon);
  EXPECT_EQ(from_iso8601("2026-11-22T13:00:00+01:00"), kNoon);
  EXPECT_EQ(from_iso8601("2026-11-22T06:30:00-0530"), kNoon);
  EXPECT_EQ(from_iso8601("2026-11-22T14:00:00+02"), kNoon);
  EXPECT_EQ(from_iso8601("2026-11-22T12:00:00.5Z"), kNoon + 500ms);
  EXPECT_EQ(from_iso8601("2026-11-22T12:00:00,000000001Z"), kNoon + 1ns);
  EXPECT_EQ(from_iso8601("2026-11-22T12:00:00.1234567891Z"), kNoon + 123'456'789ns);
  EXPECT_EQ(from_iso8601("2026-11-22T11:59:60Z"), kNoon);
  EXPECT_EQ(from_iso8601("1970-01-01T00:00:00Z"), WallTime{});
}

TEST(TimeText, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "now", "2026-11-22", "2026-11-22T12:00:00", "2026-13-22T12:00:00Z", "2026-02-29T12:00:00Z",
        "2026-11-22T24:00:00Z", "2026-11-22T12:60:00Z", "2026-11-22T12:00:61Z", "2026-11-22T12:00:00.Z",
        "2026-11-22T12:00:00Zx", "2026-11-22T12:00:00+1", "2026-11-22T12:00:00+99:00", "0001-01-01T00:00:00Z",
        "9999-01-01T00:00:00Z", " 2026-11-22T12:00:00Z", "2026-1-22T12:00:00Z"})
    EXPECT_FALSE(from_iso8601(text)) << text;
}

}  // namespace
}  // namespace lineside
