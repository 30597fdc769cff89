#include "hub/http/caller.h"

#include <gtest/gtest.h>

namespace lineside::hub {
namespace {

const std::vector<std::string> kProxies{"127.0.0.1", "10.0.0.2"};

std::string address(const std::string& peer, std::string_view forwarded_for) {
  return caller_behind(kProxies, peer, false, forwarded_for, "").address;
}

TEST(Caller, IsWhomTheConfiguredProxyNames) {
  EXPECT_EQ(address("127.0.0.1", "192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(address("127.0.0.1", "2001:db8::7"), "2001:db8::7");
  EXPECT_EQ(address("10.0.0.2", " 192.0.2.7 "), "192.0.2.7");
  EXPECT_TRUE(caller_behind(kProxies, "127.0.0.1", false, "192.0.2.7", "https").secure);
}

TEST(Caller, IsThePeer_WhenNobodyHasConfiguredItAsAProxy) {
  EXPECT_EQ(address("192.0.2.9", "192.0.2.7"), "192.0.2.9") << "a client chose its own throttle";
  EXPECT_EQ(caller_behind({}, "127.0.0.1", false, "192.0.2.7", "").address, "127.0.0.1");
  EXPECT_FALSE(caller_behind({}, "127.0.0.1", false, "192.0.2.7", "https").secure);
  EXPECT_TRUE(caller_behind({}, "127.0.0.1", true, "", "").secure);
}

TEST(Caller, IsTheLastOneThatAProxyHasSeen_NotWhatTheClientPutBefore) {
  EXPECT_EQ(address("127.0.0.1", "203.0.113.1, 192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(address("127.0.0.1", "203.0.113.1, 192.0.2.7, 10.0.0.2"), "192.0.2.7") << "through two proxies";
}

TEST(Caller, IsThePeer_WhenTheHeaderHoldsNoAddress) {
  for (const char* odd : {"", " ", ",", "unknown", "192.0.2.7, x", "192.0.2.7,", "127.0.0.1"})
    EXPECT_EQ(address("127.0.0.1", odd), "127.0.0.1") << odd;
}

}  // namespace
}  // namespace lineside::hub
