#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <format>

#include "base/test_port.h"
#include "gateway/tags/opcua_tags.h"
#include "gateway/tags/test_tag_sink.h"
#include "gateway/tags/test_write.h"
#include "opcua/server.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using testing::Asked;
using ::testing::HasSubstr;
using Outcome = TagWritten::Outcome;

constexpr std::uint32_t kBadSensorFailure = 0x808C'0000U;

class OpcuaWritesTest : public testing::TagSourceTest {
 protected:
  OpcuaWritesTest() : TagSourceTest(config::TagSourceSettings::Kind::opcua) {
    options_.port = free_port();
    options_.writable = true;
    settings_.opcua.server.endpoint = std::format("opc.tcp://127.0.0.1:{}", options_.port);
    settings_.opcua.sampling = 10ms;
    settings_.opcua.publishing = 20ms;
  }
  void serve() {
    server_ = opcua::Server::start(options_).value();
    set("a", 1.0);
  }
  void set(const std::string& name, const opcua::ServerValue& value, std::uint32_t status = 0) {
    ASSERT_TRUE(server_->set(name, value, system_clock().wall(), status));
  }
  std::size_t add(const std::string& node) {
    const std::size_t added = TagSourceTest::add();
    tags_[added].opcua.node = "ns=1;s=" + node;
    return added;
  }
  opcua::ServerOptions options_;
  std::unique_ptr<opcua::Server> server_;
};

TEST_F(OpcuaWritesTest, WritesScaled_AndReadsBack) {
  serve();
  const auto a = add("a");
  tags_[a].scale = 10;
  start();
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(a, 10); }));
  Asked written(*source_, a, 42);
  EXPECT_EQ(written.outcome(), Outcome::written) << written.why();
  EXPECT_EQ(written.before(), 10);
  EXPECT_EQ(written.after(), 42);
  EXPECT_TRUE(sink_.wait([&] { return sink_.is(a, 42); })) << "the subscription tells it too";
}

TEST_F(OpcuaWritesTest, TellsWhatTheServerDoesNotTake) {
  options_.writable = false;
  serve();
  set("text", std::string("on"));
  set("list", std::vector<double>{1, 2});
  const auto a = add("a"), text = add("text"), list = add("list"), none = add("none");
  start();
  Asked refused(*source_, a, 42), of_text(*source_, text, 1), of_list(*source_, list, 1), of_none(*source_, none, 1);
  EXPECT_EQ(refused.outcome(), Outcome::refused);
  EXPECT_THAT(refused.why(), HasSubstr("Bad"));
  EXPECT_EQ(refused.after(), 1);
  for (Asked* one : {&of_text, &of_list, &of_none}) {
    EXPECT_EQ(one->outcome(), Outcome::not_sent);
    EXPECT_THAT(one->why(), HasSubstr("has no good number now"));
  }
}

TEST_F(OpcuaWritesTest, ANodeThatIsBadIsNotWritten_NorWhatIsNotWantedAnyMore) {
  serve();
  set("broken", 3.0, kBadSensorFailure);
  const auto a = add("a"), broken = add("broken");
  start();
  Asked of_broken(*source_, broken, 4), unwanted(*source_, a, 4, 30s, fail(ErrorCode::cancelled, "an interlock"));
  EXPECT_EQ(of_broken.outcome(), Outcome::not_sent);
  EXPECT_EQ(unwanted.outcome(), Outcome::not_sent);
  EXPECT_EQ(unwanted.why(), "an interlock");
  ASSERT_TRUE(sink_.wait([&] { return sink_.is(a, 1); }));
}

TEST_F(OpcuaWritesTest, WaitsForTheServerWithinItsTime) {
  const auto a = add("a");
  start();
  Asked late(*source_, a, 40, 200ms), patient(*source_, a, 41, 60s);
  std::this_thread::sleep_for(300ms);
  serve();
  EXPECT_EQ(late.outcome(), Outcome::not_sent);
  EXPECT_EQ(patient.outcome(), Outcome::written) << patient.why();
}

}  // namespace
}  // namespace lineside::gateway
