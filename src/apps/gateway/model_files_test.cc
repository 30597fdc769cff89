#include "apps/gateway/model_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/test_folder.h"
#include "bundle/bundle.h"
#include "inference/test_models.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr int kSize = 16;

class ModelFileTest : public testing::Test {
 protected:
  void place(std::uint64_t counter, const bundle::SigningKey& key, int manifest_size = kSize) {
    inference::TestModel model({1, 3, kSize, kSize}, static_cast<unsigned>(counter));
    model.op("GlobalAveragePool").op("Flatten").gemm(3, 1).op("Sigmoid");
    bundle::Manifest manifest;
    manifest.name = "caps", manifest.version = std::to_string(counter), manifest.counter = counter;
    manifest.preprocess.width = manifest.preprocess.height = manifest_size;
    manifest.input = {"image", {1, 3, manifest_size, manifest_size}};
    manifest.output = {model.last(), {1, 1}};
    manifest.labels = {"good", "bad"}, manifest.reject_labels = {"bad"};
    ASSERT_TRUE(bundle::write_bundle(bundle_, manifest, model.finish({1, 1}), key));
    // Files written within one tick of the file system's clock would look the same.
    fs::last_write_time(bundle_, fs::file_time_type::clock::now() + ++age_ * 1s);
  }
  std::unique_ptr<ModelFile> open() {
    config::StationSettings station;
    station.bundle = bundle_;
    return std::make_unique<ModelFile>(station, config::InferenceSettings{}, bundle::Trust{.keys = {key_.public_key()}},
                                       folder_ / "caps.counter", metrics_);
  }
  static ErrorCode code_of(const Result<LoadedModel>& loaded) {
    return loaded ? ErrorCode::internal : loaded.error().code;
  }

  TestFolder folder_;
  const fs::path bundle_ = folder_ / "caps.lsb";
  const bundle::SigningKey key_ = *bundle::SigningKey::generate(), stranger_ = *bundle::SigningKey::generate();
  MetricsRegistry metrics_;
  int age_ = 0;
};

TEST_F(ModelFileTest, LoadsAModelThatRuns_AndRemembersItsCounter) {
  place(3, key_);
  const auto loaded = open()->load(0);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->counter, 3U);
  EXPECT_EQ(loaded->classifier->version(), "caps@3");
  place(2, key_);
  EXPECT_EQ(code_of(open()->load(0)), ErrorCode::bundle_rollback) << "also by a gateway that has been started again";
  place(3, key_);
  EXPECT_TRUE(open()->load(0));
}

TEST_F(ModelFileTest, TakesOverOnlyWithAHigherCounter) {
  place(3, key_);
  const auto same = open()->load(3);
  EXPECT_EQ(code_of(same), ErrorCode::bundle_rollback);
  EXPECT_THAT(same.error().message, HasSubstr("has counter 3, the model in use has 3"));
  place(4, key_);
  EXPECT_TRUE(open()->load(3));
}

TEST_F(ModelFileTest, DoesNotBarTheWayBack_WhenANewerBundleIsOfAStrangerOrDoesNotFit) {
  place(3, key_);
  ASSERT_TRUE(open()->load(0));
  place(9, stranger_);
  EXPECT_EQ(code_of(open()->load(3)), ErrorCode::bundle_signature);
  place(9, key_, 2 * kSize);
  EXPECT_EQ(code_of(open()->load(3)), ErrorCode::bundle_invalid);
  place(4, key_);
  EXPECT_TRUE(open()->load(3));
}

TEST_F(ModelFileTest, NoticesAChangedFile_Once) {
  place(1, key_);
  const auto file = open();
  EXPECT_FALSE(file->has_changed(false));
  place(2, key_);
  EXPECT_TRUE(file->has_changed(false));
  EXPECT_FALSE(file->has_changed(false));
}

TEST_F(ModelFileTest, WaitsUntilTheFileNoLongerChanges_IfAskedTo) {
  place(1, key_);
  const auto file = open();
  place(2, key_);
  EXPECT_FALSE(file->has_changed(true)) << "may still be on its way";
  place(3, key_);
  EXPECT_FALSE(file->has_changed(true));
  EXPECT_TRUE(file->has_changed(true));
  EXPECT_FALSE(file->has_changed(true));
}

TEST_F(ModelFileTest, KeepsStill_WhileTheFileIsGone) {
  place(1, key_);
  const auto file = open();
  fs::remove(bundle_);
  EXPECT_FALSE(file->has_changed(false));
  EXPECT_EQ(code_of(file->load(1)), ErrorCode::file_not_found);
  place(2, key_);
  EXPECT_TRUE(file->has_changed(false));
}

}  // namespace
}  // namespace lineside::gateway
