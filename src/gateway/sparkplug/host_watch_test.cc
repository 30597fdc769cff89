#include "gateway/sparkplug/host_watch.h"

#include <gtest/gtest.h>

// Each test names the clauses of the Sparkplug 3.0 specification that it covers, without their "tck-id-".

namespace lineside::gateway {
namespace {

using Change = HostWatch::Change;

// message-flow-edge-node-birth-publish-phid-wait-online, -phid-wait-timestamp
TEST(HostWatch, TakesTheFirstStateForTrueAndLaterOnesOnlyIfNotOlder) {
  HostWatch host;
  EXPECT_FALSE(host.online());
  EXPECT_EQ(host.take({false, 100}), Change::offline);
  EXPECT_EQ(host.take({true, 99}), Change::none);
  EXPECT_EQ(host.online(), false);
  EXPECT_EQ(host.take({true, 100}), Change::online);
  EXPECT_EQ(host.take({true, 101}), Change::none);
}

// message-flow-edge-node-birth-publish-phid-offline, operational-behavior-edge-node-termination-host-offline,
// operational-behavior-edge-node-termination-host-offline-timestamp
TEST(HostWatch, PassesOverTheWillOfAnEarlierConnection) {
  HostWatch host;
  EXPECT_EQ(host.take({true, 200}), Change::online);
  EXPECT_EQ(host.take({false, 199}), Change::none);
  EXPECT_EQ(host.online(), true);
  EXPECT_EQ(host.take({false, 200}), Change::offline);
}

}  // namespace
}  // namespace lineside::gateway
