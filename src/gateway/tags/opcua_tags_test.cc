#include "gateway/tags/opcua_tags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/test_port.h"
#include "gateway/tags/test_tag_sink.h"
#include "opcua/server.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::tag;
using testing::TakingSink;

constexpr std::uint32_t kBadSensorFailure = 0x808C'0000U, kUncertainLastUsable = 0x4090'0000U;

class OpcuaTagsTest : public testing::TagSourceTest {
 protected:
  OpcuaTagsTest() : TagSourceTest(config::TagSourceSettings::Kind::opcua) {
    options_.port = free_port();
    settings_.opcua.server.endpoint = std::format("opc.tcp://127.0.0.1:{}", options_.port);
    settings_.opcua.sampling = 10ms;
    settings_.opcua.publishing = 20ms;
    serve();
  }
  void serve() {
    server_ = opcua::Server::start(options_).value();
    for (const char* name : {"a", "b"}) set(name, 1.0);
  }
  void set(const std::string& name, const opcua::ServerValue& value, std::uint32_t status = 0) {
    time_ = std::chrono::floor<std::chrono::milliseconds>(system_clock().wall());
    ASSERT_TRUE(server_->set(name, value, time_, status));
  }
  std::size_t add(const std::string& node, int element = -1, double deadband = 0) {
    const std::size_t added = TagSourceTest::add();
    tags_[added].opcua = {.node = "ns=1;s=" + node, .element = element, .deadband = deadband};
    return added;
  }

  opcua::ServerOptions options_;
  WallTime time_{};
  std::unique_ptr<opcua::Server> server_;
};

TEST_F(OpcuaTagsTest, GivesEachChange_WithTheServersTime) {
  const auto a = add("a"), b = add("b");
  tags_[b].scale = 10;
  start();
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(a, 1) && sink_.is(b, 10); }));
  set("a", 2.5);
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(a, 2.5); }));
  sink_.look([&] {
    EXPECT_EQ(sink_.of[a].back().source_time, time_);
    EXPECT_EQ(sink_.ups, 1);
  });
}

TEST_F(OpcuaTagsTest, AStatusIsAQuality) {
  const auto a = add("a");
  start();
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(a, 1); }));
  set("a", 2.0, kUncertainLastUsable);
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(a, 2, Quality::uncertain); }));
  set("a", 3.0, kBadSensorFailure);
  ASSERT_TRUE(sink_.wait([&] { return sink_.is_bad(a); }));
  sink_.look([&] {
    EXPECT_TRUE(std::isnan(sink_.of[a].back().value)) << "a bad value is never a number";
    EXPECT_EQ(sink_.why_bad(a), "ns=1;s=a: BadSensorFailure");
  });
  set("a", 4.0);
  EXPECT_TRUE(sink_.wait([&] { return sink_.is(a, 4); }));
}

TEST_F(OpcuaTagsTest, OneBadNodeDoesNotStopTheRest) {
  const auto missing = add("nobody"), a = add("a"), nonsense = add("a");
  tags_[nonsense].opcua.node = "this=is=no;node";
  start();
  ASSERT_TRUE(sink_.wait([&] { return sink_.is_bad(missing) && sink_.is_bad(nonsense) && sink_.is(a, 1); }));
  sink_.look([&] {
    EXPECT_THAT(sink_.why_bad(missing), HasSubstr("BadNodeIdUnknown"));
    EXPECT_THAT(sink_.why_bad(nonsense), HasSubstr("is no node"));
    EXPECT_EQ(sink_.downs, 0);
  });
}

TEST_F(OpcuaTagsTest, WhatIsNoNumberIsBad) {
  set("text", std::string("on"));
  set("array", std::vector<double>{5, 6});
  set("nan", std::numeric_limits<double>::quiet_NaN());
  const auto text = add("text"), array = add("array"), second = add("array", 1), beyond = add("array", 2),
             scalar = add("a", 0), nan = add("nan"), a = add("a");
  start();
  ASSERT_TRUE(sink_.wait([&] {
    return sink_.is_bad(text) && sink_.is_bad(array) && sink_.is(second, 6) && sink_.is_bad(beyond) &&
           sink_.is_bad(scalar) && sink_.is_bad(nan) && sink_.is(a, 1);
  }));
  sink_.look([&] {
    EXPECT_EQ(sink_.why_bad(text), "ns=1;s=text is a String, not a number");
    EXPECT_THAT(sink_.why_bad(array), HasSubstr("(say which `element`)"));
    EXPECT_EQ(sink_.why_bad(beyond), "ns=1;s=array has 2 elements, none 2");
  });
  set("a", std::string("a server that lies about its types"));
  ASSERT_TRUE(sink_.wait([&] { return sink_.is_bad(a); }));
  set("a", 7.0);
  EXPECT_TRUE(sink_.wait([&] { return sink_.is(a, 7); }));
}

TEST_F(OpcuaTagsTest, TheServerKeepsSmallChangesToItself) {
  const auto coarse = add("a", -1, 1.0), fine = add("a");
  start();
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(coarse, 1) && sink_.is(fine, 1); }));
  for (const double value : {1.4, 1.8, 4.0}) {
    set("a", value);
    ASSERT_TRUE(sink_.wait([&] { return sink_.is(fine, value); }));
  }
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(coarse, 4); }));
  sink_.look([&] {
    for (const Sample& sample : sink_.of[coarse]) EXPECT_TRUE(sample.value == 1 || sample.value == 4) << sample.value;
  });
}

TEST_F(OpcuaTagsTest, AllTagsAreBadWhenTheServerGoes_AndComeBackWithIt) {
  const auto a = add("a"), b = add("b");
  start();
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(a, 1) && sink_.is(b, 1); }));
  server_.reset();
  ASSERT_TRUE(sink_.wait([&] { return sink_.downs > 0; }));
  sink_.look([&] { EXPECT_TRUE(sink_.is_bad(a) && sink_.is_bad(b)); });
  serve();
  EXPECT_TRUE(sink_.wait([&] { return sink_.is(a, 1) && sink_.is(b, 1) && sink_.ups >= 2; }));
}

TEST_F(OpcuaTagsTest, AServerThatFallsSilentIsNoticed) {
  const auto a = add("a");
  start();
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(a, 1); }));
  server_->freeze(true);
  ASSERT_TRUE(sink_.wait([&] { return sink_.downs > 0 && sink_.is_bad(a); }, 40s));
  server_->freeze(false);
  EXPECT_TRUE(sink_.wait([&] { return sink_.is(a, 1); }));
}

}  // namespace
}  // namespace lineside::gateway
