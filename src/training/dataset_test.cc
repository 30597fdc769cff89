#include "training/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/test_folder.h"
#include "training/made_up_pictures.h"
#include "training/split.h"

namespace lineside::training {
namespace {

Result<Dataset> load(const fs::path& folder, const fs::path& groups = {}) {
  return load_dataset({.images = folder, .groups_csv = groups, .size_px = 32},
                      [](std::size_t, std::size_t) { return true; });
}

bool any_note_has(const Dataset& data, std::string_view text) {
  return std::ranges::any_of(data.notes, [&](const std::string& note) { return note.contains(text); });
}

TEST(Dataset, TakesFoldersAsClasses_AndLeavesMasksOutAloud) {
  const TestFolder folder;
  draw_discs(folder.path(), 10, 1);
  fs::create_directories(folder.path() / "masks");
  fs::copy_file(folder.path() / "good/001.jpg", folder.path() / "masks/001.jpg");
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->labels, (std::vector<std::string>{"good", "spotted"}));
  EXPECT_EQ(data->count(false), 10U);
  EXPECT_EQ(data->count(true), 10U);
  EXPECT_TRUE(any_note_has(*data, "masks"));
  EXPECT_EQ(data->sha256.size(), 64U);
}

TEST(Dataset, NamesAndSkipsUnreadablePictures) {
  const TestFolder folder;
  draw_discs(folder.path(), 10, 1);
  write_atomically(folder.path() / "good/broken.jpg", "not a picture").value();
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->count(false), 10U);
  EXPECT_TRUE(any_note_has(*data, "broken.jpg"));
}

TEST(Dataset, SaysHowManyPicturesAreNeeded_WhenThereAreTooFew) {
  const TestFolder folder;
  draw_discs(folder.path(), 3, 1);
  const auto data = load(folder.path());
  ASSERT_FALSE(data);
  EXPECT_EQ(data.error().code, ErrorCode::dataset_invalid);
  EXPECT_TRUE(data.error().message.contains("at least 8")) << data.error().message;
}

TEST(Dataset, NamesUnreadablePicturesToo_WhenThereAreTooFew) {
  const TestFolder folder;
  draw_discs(folder.path(), 7, 1);
  write_atomically(folder.path() / "good/broken.jpg", "not a picture").value();
  const auto data = load(folder.path());
  ASSERT_FALSE(data);
  EXPECT_TRUE(data.error().message.contains("broken.jpg")) << data.error().message;
}

TEST(Dataset, SecondFolderLevelNamesGroupsAcrossClasses) {
  const TestFolder folder;
  for (const char* day : {"monday", "tuesday"}) {
    const TestFolder drawn;
    draw_discs(drawn.path(), 5, 1);
    for (const char* label : {"good", "spotted"}) {
      fs::create_directories(folder.path() / label);
      fs::copy(drawn.path() / label, folder.path() / label / day);
    }
  }
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_TRUE(data->grouped);
  EXPECT_EQ(data->groups, 2);
}

TEST(Dataset, ReadsGroupsFile_AndPointsAtItsMistakes) {
  const TestFolder folder;
  draw_discs(folder.path() / "pictures", 8, 1);
  std::string csv = "file,group\n";
  for (int i = 0; i < 8; ++i) csv += std::format("good/{:03}.jpg,a\nspotted/{:03}.jpg,b\n", i, i);
  write_atomically(folder.path() / "groups.csv", csv).value();
  const auto data = load(folder.path() / "pictures", folder.path() / "groups.csv");
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->groups, 2);
  write_atomically(folder.path() / "groups.csv", "file,group\nnonsense\n").value();
  const auto wrong = load(folder.path() / "pictures", folder.path() / "groups.csv");
  ASSERT_FALSE(wrong);
  EXPECT_TRUE(wrong.error().message.contains(":2:")) << wrong.error().message;
}

TEST(Dataset, KeepsCopiesOfOnePictureTogether) {
  const TestFolder folder;
  draw_discs(folder.path(), 10, 1);
  fs::copy_file(folder.path() / "good/001.jpg", folder.path() / "good/copy.jpg");
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->items[1].group, std::ranges::find(data->items, fs::path("good/copy.jpg"), &Item::file)->group);
}

TEST(Dataset, RefusesAGroupsFileThatIsNone) {
  const TestFolder folder;
  draw_discs(folder.path() / "pictures", 8, 1);
  const std::pair<std::string, const char*> files[] = {
      {"", "names no file"},
      {"file,group\n\n", "names no file"},
      {std::string("\0\x7F\xFF\xFE\n\n,,,", 9), ":1: the first line must be"},
      {"file;group\ngood/000.jpg;a\n", ":1: the first line must be"},
      {"file,group\n,\n", ":2: expected FILE,GROUP"},
      {"file,group\ngood/nowhere.jpg,a\n../../etc/passwd,b\n", "no line of it names one of the pictures"}};
  for (const auto& [text, why] : files) {
    write_atomically(folder.path() / "groups.csv", text).value();
    const auto data = load(folder.path() / "pictures", folder.path() / "groups.csv");
    ASSERT_FALSE(data) << text;
    EXPECT_EQ(data.error().code, ErrorCode::dataset_invalid);
    EXPECT_TRUE(data.error().message.contains(why)) << data.error().message;
  }
  std::string csv =
      "\xEF\xBB\xBF"
      "file,group\r\n";  // as a spreadsheet saves it
  for (int i = 0; i < 8; ++i) csv += std::format("good/{:03}.jpg,a\r\nspotted/{:03}.jpg,b\r\n", i, i);
  write_atomically(folder.path() / "groups.csv", csv).value();
  const auto data = load(folder.path() / "pictures", folder.path() / "groups.csv");
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->groups, 2);
}

Dataset made_up(int groups, int good_each, int rejects_each) {
  Dataset data{.labels = {"good", "bad"}, .groups = groups, .grouped = true};
  for (int group = 0; group < groups; ++group)
    for (int i = 0; i < good_each + rejects_each; ++i)
      data.items.push_back({.label = i < good_each ? 0 : 1, .group = group});
  return data;
}

TEST(Split, NeverSplitsAGroup_AndGivesEachFoldBothClasses) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Dataset data = made_up(8, 5, 2);
    const auto folds = make_folds(data, 4, seed);
    std::map<int, std::set<int>> folds_of_group;
    std::map<int, std::array<int, 2>> counts;
    for (std::size_t i = 0; i < folds.size(); ++i) {
      folds_of_group[data.items[i].group].insert(folds[i]);
      ++counts[folds[i]][data.is_reject(i) ? 1 : 0];
    }
    for (const auto& [group, in] : folds_of_group) EXPECT_EQ(in.size(), 1U);
    EXPECT_EQ(counts.size(), 4U);
    for (const auto& [fold, count] : counts) {
      EXPECT_EQ(count[0], 10);
      EXPECT_EQ(count[1], 4);
    }
  }
}

TEST(Split, SharesPartsAsAnnounced_WhenThereIsEnough) {
  const Dataset data = made_up(200, 1, 1);
  EXPECT_TRUE(enough_for_parts(data));
  EXPECT_FALSE(enough_for_parts(made_up(8, 50, 50)));
  std::array<int, 4> counts{};
  for (const Part part : make_parts(data, 3)) ++counts[static_cast<std::size_t>(part)];
  EXPECT_NEAR(counts[0], 280, 8);
  for (int part = 1; part < 4; ++part) EXPECT_NEAR(counts[static_cast<std::size_t>(part)], 40, 8);
}

TEST(Split, FollowsTheSeed) {
  const Dataset data = made_up(40, 1, 1);
  EXPECT_EQ(make_folds(data, 5, 1), make_folds(data, 5, 1));
  EXPECT_NE(make_folds(data, 5, 1), make_folds(data, 5, 2));
}

}  // namespace
}  // namespace lineside::training
