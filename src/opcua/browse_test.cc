#include <gtest/gtest.h>

#include <algorithm>
#include <format>

#include "base/test_port.h"
#include "opcua/connection.h"
#include "opcua/server.h"

namespace lineside::opcua {
namespace {

using namespace std::chrono_literals;

class BrowseTest : public ::testing::Test {
 protected:
  void connect(ServerOptions options = {}) {
    options.port = free_port();
    server_ = Server::start(options).value();
    OpcuaAccess access;
    access.endpoint = server_->url();
    auto opened = Connection::open(access, {}, soon(), {});
    ASSERT_TRUE(opened) << opened.error().message;
    connection_ = std::move(*opened);
  }
  void set(const std::string& name, const ServerValue& value) {
    ASSERT_TRUE(server_->set(name, value, WallTime{1000s}));
  }
  static MonoTime soon() { return system_clock().mono() + 20s; }

  std::unique_ptr<Server> server_;
  std::unique_ptr<Connection> connection_;
};

constexpr const char* kObjects = "ns=0;i=85";

TEST_F(BrowseTest, FindsAllNodes_OverManyPages) {
  connect();
  for (int i = 0; i < 2500; ++i) set(std::format("n{}", i), 1.0);
  const auto nodes = connection_->children(kObjects, soon(), {});
  ASSERT_TRUE(nodes) << nodes.error().message;
  for (int i = 0; i < 2500; ++i)
    ASSERT_TRUE(std::ranges::contains(*nodes, std::format("ns=1;s=n{}", i), &Node::id)) << i;
}

TEST_F(BrowseTest, ReadsManyNodes_HoweverFewTheServerTakes) {
  connect({.reads_per_call_max = 3});
  std::vector<std::string> wanted;
  for (int i = 0; i < 20; ++i) {
    wanted.push_back(std::format("ns=1;s=n{}", i));
    if (i != 7) set(std::format("n{}", i), static_cast<double>(i));
  }
  const auto values = connection_->read(wanted, soon(), {});
  ASSERT_TRUE(values) << values.error().message;
  ASSERT_EQ(values->size(), 20U);
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ((*values)[i].bad(), i == 7);
    EXPECT_EQ((*values)[i].numbers, i == 7 ? std::vector<double>{} : std::vector{static_cast<double>(i)});
  }
  EXPECT_EQ(status_name((*values)[7].status), "BadNodeIdUnknown");
}

TEST_F(BrowseTest, SaysWhichNodeIsNone) {
  connect();
  EXPECT_EQ(connection_->children("nonsense", soon(), {}).error().code, ErrorCode::usage);
  EXPECT_EQ(connection_->read({"nonsense"}, soon(), {}).error().code, ErrorCode::usage);
  const auto unknown = connection_->children("ns=1;s=nobody", soon(), {});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::not_found);
  EXPECT_TRUE(unknown.error().message.contains("ns=1;s=nobody: BadNodeIdUnknown")) << unknown.error().message;
}

// However quickly the server answers: it may do so with page after page.
TEST_F(BrowseTest, AsksNothingMore_OnceItIsStopped) {
  connect();
  std::stop_source stop;
  stop.request_stop();
  const auto nodes = connection_->children(kObjects, soon(), stop.get_token());
  ASSERT_FALSE(nodes);
  EXPECT_EQ(nodes.error().code, ErrorCode::cancelled);
  const auto late = connection_->read({kObjects}, system_clock().mono() - 1s, {});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::timeout);
}

}  // namespace
}  // namespace lineside::opcua
