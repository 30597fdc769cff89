#include "base/sqlite.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/file.h"
#include "base/test_folder.h"

namespace lineside {
namespace {

constexpr std::string_view kMigrations[] = {"CREATE TABLE t (a INTEGER, b REAL, c TEXT, d BLOB) STRICT;",
                                            "ALTER TABLE t ADD COLUMN e TEXT; CREATE INDEX t_a ON t (a);"};

Database make(const fs::path& path) {
  auto database = Database::open(path).value();
  EXPECT_TRUE(database.migrate(kMigrations));
  return database;
}

std::int64_t count(Database& database) {
  auto query = database.prepare("SELECT count(*) FROM t").value();
  EXPECT_TRUE(query.step().value());
  return query.integer(0);
}

TEST(Sqlite, KeepsEveryType) {
  const TestFolder folder;
  auto database = make(folder / "db");
  const std::vector<std::uint8_t> blob{0, 1, 255};
  auto insert = database.prepare("INSERT INTO t (a, b, c, d) VALUES (?, ?, ?, ?)").value();
  ASSERT_TRUE(insert.bind(1, std::int64_t{-1} << 62).bind(2, 0.25).bind(3, "caf\xC3\xA9").bind(4, blob).run());
  ASSERT_TRUE(
      insert.bind(1, 7).bind_null(2).bind(3, std::string_view()).bind(4, std::span<const std::uint8_t>()).run());
  EXPECT_EQ(database.last_insert_id(), 2);
  auto query = database.prepare("SELECT a, b, c, d FROM t ORDER BY rowid").value();
  ASSERT_TRUE(query.step().value());
  EXPECT_EQ(query.integer(0), std::int64_t{-1} << 62);
  EXPECT_EQ(query.real(1), 0.25);
  EXPECT_EQ(query.text(2), "caf\xC3\xA9");
  EXPECT_EQ(query.blob(3), blob);
  ASSERT_TRUE(query.step().value());
  EXPECT_TRUE(query.is_null(1));
  EXPECT_FALSE(query.is_null(2));
  EXPECT_FALSE(query.is_null(3));
  EXPECT_FALSE(query.step().value());
}

TEST(Sqlite, RefusesAValueWithoutAPlace) {
  const TestFolder folder;
  auto database = make(folder / "db");
  auto insert = database.prepare("INSERT INTO t (a) VALUES (?)").value();
  EXPECT_EQ(insert.bind(2, 1).run().error().code, ErrorCode::internal);
  EXPECT_EQ(database.prepare("SELECT nothing").error().code, ErrorCode::database);
}

TEST(Sqlite, Migrates_FromAnyVersion_AndRefusesANewerOne) {
  const TestFolder folder;
  {
    auto database = Database::open(folder / "db").value();
    ASSERT_TRUE(database.migrate(std::span(kMigrations).first(1)));
  }
  auto database = make(folder / "db");
  ASSERT_TRUE(database.execute("INSERT INTO t (e) VALUES ('x')"));
  ASSERT_TRUE(database.migrate(kMigrations));
  EXPECT_EQ(count(database), 1);
  EXPECT_NE(database.migrate(std::span(kMigrations).first(1)).error().message.find("newer"), std::string::npos);
}

TEST(Sqlite, LeavesTheOldVersion_WhicheverStepOfAMigrationFails) {
  const TestFolder folder;
  bool went_through = false;
  for (std::uint64_t nth = 0; !went_through; ++nth) {
    ASSERT_LT(nth, 30u);
    auto database = Database::open(folder / std::to_string(nth)).value();
    {
      const FaultPlan plan(nth, EIO);
      const auto result = database.migrate(kMigrations);
      went_through = plan.operations() <= nth;
      EXPECT_EQ(result.has_value(), went_through);
    }
    ASSERT_TRUE(database.migrate(kMigrations)) << "the second try finds a usable state";
    EXPECT_EQ(count(database), 0);
  }
}

TEST(Sqlite, KeepsAllOrNothing_WhicheverOperationOfATransactionFails) {
  const TestFolder folder;
  auto database = make(folder / "db");
  const auto two_rows = [&]() -> Result<void> {
    LINESIDE_TRY(database.begin());
    LINESIDE_ASSIGN(auto insert, database.prepare("INSERT INTO t (a) VALUES (?)"));
    LINESIDE_TRY(insert.bind(1, 1).run());
    LINESIDE_TRY(insert.bind(1, 2).run());
    return database.commit();
  };
  bool went_through = false;
  for (std::uint64_t nth = 0; !went_through; ++nth) {
    ASSERT_LT(nth, 20u);
    Result<void> result;
    {
      const FaultPlan plan(nth, ENOSPC);
      result = two_rows();
      went_through = plan.operations() <= nth;
    }
    if (!result) database.rollback();
    EXPECT_EQ(result.has_value(), went_through);
    EXPECT_EQ(count(database), went_through ? 2 : 0);
  }
}

TEST(Sqlite, SaysDiskFull_WhenTheDatabaseMayNotGrow) {
  const TestFolder folder;
  auto database = make(folder / "db");
  ASSERT_TRUE(database.execute("PRAGMA max_page_count = 8"));
  auto insert = database.prepare("INSERT INTO t (c) VALUES (?)").value();
  const auto result = insert.bind(1, std::string(100'000, 'x')).run();
  EXPECT_EQ(result.error().code, ErrorCode::disk_full);
  EXPECT_NE(result.error().message.find(folder.path().string()), std::string::npos);
}

TEST(Sqlite, ReadOnlyNeedsAFileAndDoesNotWrite) {
  const TestFolder folder;
  EXPECT_EQ(Database::open(folder / "none", Durability::full, true).error().code, ErrorCode::file_not_found);
  auto writer = make(folder / "db");
  auto reader = Database::open(folder / "db", Durability::full, true).value();
  EXPECT_EQ(count(reader), 0);
  EXPECT_FALSE(reader.execute("INSERT INTO t (a) VALUES (1)"));
  ASSERT_TRUE(writer.execute("INSERT INTO t (a) VALUES (1)"));
  EXPECT_EQ(count(reader), 1);
}

TEST(Sqlite, SeesDamage) {
  const TestFolder folder;
  {
    auto database = make(folder / "db");
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(database.execute("INSERT INTO t (c) VALUES (hex(randomblob(200)))"));
    EXPECT_TRUE(database.check_integrity());
  }
  auto bytes = read_bytes(folder / "db").value();
  std::fill(bytes.begin() + 8192, bytes.begin() + 24576, 0x5A);
  ASSERT_TRUE(write_atomically(folder / "db", bytes));
  auto database = Database::open(folder / "db").value();
  EXPECT_EQ(database.check_integrity().error().code, ErrorCode::database_damaged);
  ASSERT_TRUE(write_atomically(folder / "text", std::string_view(std::string(5000, 'x'))));
  EXPECT_EQ(Database::open(folder / "text").error().code, ErrorCode::database_damaged);
}

}  // namespace
}  // namespace lineside
