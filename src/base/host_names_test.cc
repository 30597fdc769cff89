#include "base/host_names.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace lineside {
namespace {

using namespace std::chrono_literals;
using Addresses = std::vector<std::string>;

TEST(HostNames, GivesAnAddressAtOnce_WithoutAskingAnybody) {
  for (const std::string address : {"192.0.2.7", "2001:db8::7"}) {
    HostNames names(address, [](const std::string&) -> Result<Addresses> {
      ADD_FAILURE() << "asked";
      return Addresses{};
    });
    EXPECT_EQ(names.addresses(0ns).value(), Addresses{address});
  }
}

TEST(HostNames, FindsThisMachine) {
  HostNames names("localhost");
  const auto addresses = names.addresses(10s);
  ASSERT_TRUE(addresses) << addresses.error().message;
  EXPECT_NE(std::ranges::find(*addresses, "127.0.0.1"), addresses->end());
}

TEST(HostNames, SaysSoInTime_WhenTheNameServerHangs_AndIsDestroyedAtOnce) {
  auto release = std::make_shared<std::promise<void>>();
  const std::shared_future<void> released = release->get_future().share();
  const auto began = std::chrono::steady_clock::now();
  {
    HostNames names("hangs.test", [released](const std::string&) -> Result<Addresses> {
      released.wait();
      return Addresses{"192.0.2.1"};
    });
    const auto addresses = names.addresses(50ms);
    ASSERT_FALSE(addresses);
    EXPECT_EQ(addresses.error().code, ErrorCode::timeout);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  release->set_value();
}

TEST(HostNames, KeepsWhatItKnows_WhenTheNameServerFailsLater) {
  auto asked = std::make_shared<std::atomic<int>>(0);
  HostNames names("plc.test", [asked](const std::string&) -> Result<Addresses> {
    if (++*asked > 1) return fail(ErrorCode::not_found, "gone");
    return Addresses{"192.0.2.1"};
  });
  EXPECT_EQ(names.addresses(10s).value(), Addresses{"192.0.2.1"});
  std::this_thread::sleep_for(1100ms);
  for (int i = 0; i < 500 && *asked < 2; ++i) {
    EXPECT_EQ(names.addresses(0ns).value(), Addresses{"192.0.2.1"});
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(*asked, 2);
  EXPECT_EQ(names.addresses(0ns).value(), Addresses{"192.0.2.1"});
}

TEST(HostNames, SaysWhyANameHasNoAddress) {
  HostNames names("nobody.test", [](const std::string&) -> Result<Addresses> {
    return fail(ErrorCode::not_found, "the host name nobody.test has no address");
  });
  const auto addresses = names.addresses(10s);
  ASSERT_FALSE(addresses);
  EXPECT_EQ(addresses.error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace lineside
