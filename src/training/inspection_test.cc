#include "training/inspection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "bundle/bundle.h"
#include "inference/classifier.h"
#include "training/made_up_pictures.h"

namespace lineside::training {
namespace {

InspectionOptions small_run(const TestFolder& folder) {
  InspectionOptions options{
      .images = folder.path() / "pictures", .out = folder.path() / "discs.lsb", .key = folder.path() / "key.pem"};
  options.size_px = 32;
  options.steps = 40;
  options.tool = "test";
  if (!fs::exists(options.key)) bundle::SigningKey::load_or_create(options.key).value();
  return options;
}

Result<InspectionReport> run(const InspectionOptions& options) {
  return train_inspection(options, system_clock(), [](const std::string&) {}, [] { return false; });
}

TEST(TrainInspection, MakesABundleThatTellsSpottedFromWholeDiscs) {
  const TestFolder folder;
  draw_discs(folder.path() / "pictures", 16, 7);
  const auto report = run(small_run(folder));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GT(report->manifest.test->auroc, 0.9);
  EXPECT_EQ(report->manifest.training_share, 1);
  EXPECT_LE(report->manifest.parity->onnx_error_max, 0.002);

  MetricsRegistry metrics;
  const bundle::Trust trust{.keys = {bundle::SigningKey::load(folder.path() / "key.pem").value().public_key()}};
  const auto opened = bundle::Bundle::open(folder.path() / "discs.lsb", trust);
  ASSERT_TRUE(opened) << opened.error().message;
  const auto classifier = inference::make_classifier(*opened, config::InferenceSettings{}, metrics);
  ASSERT_TRUE(classifier) << classifier.error().message;
  ASSERT_TRUE((*classifier)->warm_up());
  Random random(99);
  int right = 0;
  for (int i = 0; i < 40; ++i) {
    const Image image = draw_disc(i % 2 == 1, random);
    ASSERT_TRUE((*classifier)->preprocess(image.view()));
    const auto score = (*classifier)->infer();
    ASSERT_TRUE(score) << score.error().message;
    right += (score->reject_score >= (*classifier)->reject_threshold()) == (i % 2 == 1) ? 1 : 0;
  }
  EXPECT_GE(right, 36);
}

TEST(TrainInspection, RefusesAnOutputThatCantBeWritten_BeforeItReadsThePictures) {
  const TestFolder folder;  // without pictures: whoever read them first would say so
  InspectionOptions options = small_run(folder);
  options.out = folder.path() / "none" / "discs.lsb";
  EXPECT_THAT(run(options).error().message, testing::HasSubstr("there is no folder"));
  options.out = folder.path();
  EXPECT_THAT(run(options).error().message, testing::HasSubstr("is a folder: name a file"));
}

TEST(TrainInspection, GivesTheSameBytesForTheSameSeed_HoweverManyTrainAtOnce) {
  const TestFolder folder;
  draw_discs(folder.path() / "pictures", 10, 7);
  InspectionOptions options = small_run(folder);
  options.steps = 25;
  options.precision = Precision::fp32;
  options.jobs = 1;
  ASSERT_TRUE(run(options));
  const auto first = read_bytes(options.out).value();
  options.jobs = 3;
  ASSERT_TRUE(run(options));
  EXPECT_EQ(first, read_bytes(options.out).value());
  options.seed = 2;
  ASSERT_TRUE(run(options));
  EXPECT_NE(first, read_bytes(options.out).value());
}

TEST(TrainInspection, KeepsTheBestSoFar_WhenStopped) {
  const TestFolder folder;
  draw_discs(folder.path() / "pictures", 10, 7);
  InspectionOptions options = small_run(folder);
  options.steps = 100'000;
  options.jobs = 1;
  options.fast = false;
  int asked = 0;
  const auto report =
      train_inspection(options, system_clock(), [](const std::string&) {}, [&] { return ++asked > 24; });
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->stopped_early);
  EXPECT_LT(report->manifest.training_share, 0.5);
  EXPECT_THAT(describe(*report), testing::HasSubstr("WARNING: the training was cut at"));
  EXPECT_TRUE(fs::exists(options.out));
}

TEST(TrainInspection, WritesNothing_WhenThePicturesCantBeUsed) {
  const TestFolder folder;
  draw_discs(folder.path() / "pictures", 2, 7);
  const auto report = run(small_run(folder));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::dataset_invalid);
  EXPECT_FALSE(fs::exists(folder.path() / "discs.lsb"));
}

TEST(TrainInspection, SharesRejectsAmongTheirClasses_WhenThereAreSeveral) {
  const TestFolder folder;
  draw_discs(folder.path() / "pictures", 16, 7);
  fs::create_directories(folder.path() / "pictures/spotted too");
  for (int i = 0; i < 8; ++i)
    fs::rename(folder.path() / std::format("pictures/spotted/{:03}.jpg", i),
               folder.path() / std::format("pictures/spotted too/{:03}.jpg", i));
  const auto report = run(small_run(folder));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->manifest.labels.size(), 3U);
  EXPECT_EQ(report->manifest.reject_labels, (std::vector<std::string>{"spotted", "spotted too"}));
}

}  // namespace
}  // namespace lineside::training
