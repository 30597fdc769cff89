#include <gtest/gtest.h>

#include <set>

#include "model/class_names.h"
#include "model/preprocess_spec.h"
#include "model/record.h"
#include "model/verdict.h"

namespace lineside {
namespace {

TEST(Words, AreTheirOwnForEachValue) {
  std::set<std::string> reasons, severities;
  for (int i = 0; i <= static_cast<int>(Reason::fail_camera); ++i) reasons.insert(to_string(static_cast<Reason>(i)));
  for (int i = 0; i <= static_cast<int>(Severity::critical); ++i)
    severities.insert(to_string(static_cast<Severity>(i)));
  EXPECT_EQ(reasons.size(), static_cast<std::size_t>(Reason::fail_camera) + 1);
  EXPECT_EQ(severities.size(), static_cast<std::size_t>(Severity::critical) + 1);
  EXPECT_FALSE(reasons.contains("unknown") || severities.contains("unknown"));
  EXPECT_STREQ(to_string(Decision::pass), "pass");
  EXPECT_STREQ(to_string(Decision::reject), "reject");
  EXPECT_STREQ(to_string(Lane::urgent), "urgent");
  EXPECT_STREQ(to_string(Lane::bulk), "bulk");
}

TEST(Words, SayOfAReasonWhetherItIsFailSafe) {
  for (int i = 0; i <= static_cast<int>(Reason::fail_camera); ++i) {
    const auto reason = static_cast<Reason>(i);
    EXPECT_EQ(is_fail_safe(reason), std::string(to_string(reason)).starts_with("fail_")) << to_string(reason);
  }
}

TEST(Verdict, IsAReject_UntilSomebodySaysOtherwise) {
  EXPECT_EQ(Verdict{}.decision, Decision::reject);
  EXPECT_FALSE(Verdict{}.deadline_met);
  EXPECT_FALSE(Verdict{}.actuated);
}

TEST(PreprocessSpec, TakesItsLimitsThemselves_AndNothingBeyond) {
  PreprocessSpec spec;
  EXPECT_TRUE(validate(spec));
  spec.width = 4096, spec.height = 1;
  spec.crop_left = 0, spec.crop_right = 1;
  spec.mean = {0, 1, 0.5F}, spec.scale = {1e-6F, 1e6F, 2};
  EXPECT_TRUE(validate(spec));
  const auto refused = [](auto change) {
    PreprocessSpec bad;
    change(bad);
    const auto checked = validate(bad);
    return !checked && checked.error().code == ErrorCode::bundle_invalid;
  };
  EXPECT_TRUE(refused([](auto& bad) { bad.width = 0; }));
  EXPECT_TRUE(refused([](auto& bad) { bad.height = 4097; }));
  EXPECT_TRUE(refused([](auto& bad) { bad.crop_left = bad.crop_right; }));
  EXPECT_TRUE(refused([](auto& bad) { bad.crop_bottom = 1.01; }));
  EXPECT_TRUE(refused([](auto& bad) { bad.crop_top = -0.01; }));
  EXPECT_TRUE(refused([](auto& bad) { bad.scale[2] = 0; }));
  EXPECT_TRUE(refused([](auto& bad) { bad.mean[1] = std::numeric_limits<float>::quiet_NaN(); }));
}

TEST(ClassNames, KnowGoodOnes_ThoseThatAreNone_AndTakeTheRestForRejects) {
  for (const char* name : {"good", "GOOD", "normal", "ok", "Pass"}) EXPECT_EQ(kind_of_class(name), ClassKind::good);
  for (const char* name : {"ground_truth", "masks", "Unlabelled", "ignore"})
    EXPECT_EQ(kind_of_class(name), ClassKind::left_out) << name;
  for (const char* name : {"cap_tilted", "goods", "not_ok", ""}) EXPECT_EQ(kind_of_class(name), ClassKind::reject);
}

}  // namespace
}  // namespace lineside
