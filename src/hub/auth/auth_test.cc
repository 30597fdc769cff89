#include <gtest/gtest.h>
#include <sys/stat.h>

#include <format>

#include "base/file.h"
#include "base/metrics.h"
#include "base/sqlite.h"
#include "base/uuid.h"
#include "hub/auth/accounts.h"
#include "hub/auth/certificates.h"
#include "hub/auth/passwords.h"
#include "hub/auth/site_files.h"
#include "hub/auth/throttle.h"
#include "hub/store/store.h"

namespace lineside::hub {
namespace {

using namespace std::chrono_literals;

constexpr const char* kPassword = "correct horse battery";

class Folder {
 public:
  Folder() : path(fs::temp_directory_path() / ("lineside-auth-" + make_uuid())) { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  const fs::path path;
};

class AccountsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Store::open(database(), clock, metrics));
    auto opened = Accounts::open(database(), clock, 12h);
    ASSERT_TRUE(opened) << to_string(opened.error());
    accounts = std::move(*opened);
    ASSERT_TRUE(accounts->add_tenant("acme", "Acme"));
    ASSERT_TRUE(accounts->add_tenant("other", "Other"));
    ASSERT_TRUE(accounts->add_user("acme", "ann", kPassword, "admin"));
  }
  fs::path database() const { return folder.path / "hub.db"; }
  std::string token_of(const std::string& password = kPassword) {
    const auto in = accounts->sign_in("acme", "ann", password, "10.0.0.1");
    return in ? in->token : "";
  }
  Folder folder;
  ManualClock clock;
  MetricsRegistry metrics;
  std::unique_ptr<Accounts> accounts;
};

TEST_F(AccountsTest, SignsInWithTheRightPasswordOnly) {
  EXPECT_TRUE(accounts->sign_in("acme", "ann", kPassword, "10.0.0.1"));
  for (const auto& [tenant, name, password] : {std::tuple{"acme", "ann", "correct horse batterx"},
                                               {"acme", "bob", kPassword},
                                               {"other", "ann", kPassword},
                                               {"nowhere", "ann", kPassword},
                                               {"acme", "ann", ""}}) {
    const auto refused = accounts->sign_in(tenant, name, password, "10.0.0.1");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::auth_failed);
    EXPECT_EQ(refused.error().message, "The user name or the password is wrong.");
  }
}

TEST_F(AccountsTest, SessionEndsAtItsTimeAndBySigningOut) {
  const auto token = token_of();
  EXPECT_EQ(accounts->session(token)->tenant, "acme");
  clock.advance(11h);
  EXPECT_TRUE(accounts->session(token));
  clock.advance(1h);
  EXPECT_FALSE(accounts->session(token));
  const auto next = token_of();
  ASSERT_TRUE(accounts->sign_out(next));
  EXPECT_FALSE(accounts->session(next));
  EXPECT_FALSE(accounts->session(""));
}

TEST_F(AccountsTest, DatabaseHoldsNeitherPasswordNorToken) {
  const auto token = token_of();
  std::string bytes;
  for (const auto& entry : fs::directory_iterator(folder.path)) bytes += *read_text(entry.path());
  EXPECT_FALSE(bytes.contains(kPassword));
  EXPECT_FALSE(bytes.contains(token));
  EXPECT_TRUE(bytes.contains("$argon2id$"));
}

TEST_F(AccountsTest, PasswordChangeEndsOtherSessions) {
  const auto mine = token_of(), other = token_of();
  EXPECT_FALSE(accounts->change_password(mine, "not it at all", "a new long password", "10.0.0.1"));
  EXPECT_FALSE(accounts->change_password(mine, kPassword, "short", "10.0.0.1"));
  ASSERT_TRUE(accounts->change_password(mine, kPassword, "a new long password", "10.0.0.1"));
  EXPECT_TRUE(accounts->session(mine));
  EXPECT_FALSE(accounts->session(other));
  EXPECT_EQ(token_of(), "");
  EXPECT_NE(token_of("a new long password"), "");
}

TEST_F(AccountsTest, GuessingIsSlowedDownEvenWithTheRightPasswordAtLast) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(token_of("wrong wrong wrong"), "");
  const auto refused = accounts->sign_in("acme", "ann", kPassword, "10.0.0.1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::limit_reached);
  EXPECT_TRUE(accounts->sign_in("acme", "ann", kPassword, "10.0.0.2")) << "others are not locked out";
  clock.advance(61s);
  EXPECT_NE(token_of(), "");
}

TEST_F(AccountsTest, GuessingIsSlowedDown_ForWhoTakesAnotherAddressOfItsNetworkEachTime) {
  for (int i = 0; i < 6; ++i)
    EXPECT_FALSE(accounts->sign_in("acme", "ann", "wrong wrong wrong", std::format("2001:db8:1:2:{}::7", i)));
  EXPECT_GT(accounts->sign_in_wait("acme", "ann", "2001:db8:1:2::ffff"), 0s);
  EXPECT_EQ(accounts->sign_in_wait("acme", "ann", "2001:db8:1:3::ffff"), 0s);
}

TEST(Networks, AreThatOfAnAddress) {
  EXPECT_EQ(network_of("10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(network_of("::ffff:10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(network_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
  EXPECT_EQ(network_of("::1"), "::");
  EXPECT_EQ(network_of("no address"), "no address");
}

TEST_F(AccountsTest, RefusesNamesPasswordsAndRolesThatCantBe) {
  EXPECT_FALSE(accounts->add_user("acme", "Ann Other", kPassword, "viewer"));
  EXPECT_FALSE(accounts->add_user("acme", "bob", "aaaaaaaaaaaaaaa", "viewer"));
  EXPECT_FALSE(accounts->add_user("acme", "bob", kPassword, "god"));
  EXPECT_EQ(accounts->add_user("acme", "ann", kPassword, "viewer").error().code, ErrorCode::usage);
  EXPECT_EQ(accounts->add_user("nowhere", "bob", kPassword, "viewer").error().code, ErrorCode::not_found);
  EXPECT_EQ(accounts->set_password("acme", "bob", kPassword).error().code, ErrorCode::not_found);
  EXPECT_EQ(accounts->users()->size(), 1u);
}

TEST(Passwords, MadeOnesDifferAndFitTheRules) {
  EXPECT_NE(make_password(), make_password());
  EXPECT_TRUE(check_password_rules(make_password()));
}

TEST(SignInThrottle, WaitsLongerEachTimeAndForgets) {
  ManualClock clock;
  SignInThrottle throttle(clock, 2);
  EXPECT_EQ(throttle.wait("a"), 0s);
  for (const auto expected : {0s, 1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    throttle.failed("a");
    EXPECT_EQ(throttle.wait("a"), expected);
  }
  EXPECT_EQ(throttle.wait("b"), 0s);
  throttle.succeeded("a");
  EXPECT_EQ(throttle.wait("a"), 0s);
}

TEST(SignInThrottle, StaysBoundedAndForgetsTheOldestFirst) {
  ManualClock clock;
  SignInThrottle throttle(clock, 0, 3);
  for (const char* key : {"a", "b", "c", "d"}) {
    throttle.failed(key);
    clock.advance(1ms);
  }
  EXPECT_EQ(throttle.size(), 3u);
  EXPECT_EQ(throttle.wait("a"), 0s);
  EXPECT_GT(throttle.wait("b"), 0s);
}

TEST(SiteFiles, SecondRunLeavesEverythingAlone) {
  const Folder folder;
  const SiteOptions options{.data = folder.path / "hub", .hosts = {"hub.example", "10.1.2.3"}};
  auto& clock = system_clock();
  const auto first = make_site_files(options, clock);
  ASSERT_TRUE(first) << to_string(first.error());
  for (const auto& note : *first) EXPECT_TRUE(note.made) << note.file;
  const auto authority = *read_text(options.data / "ca.crt");
  const auto second = make_site_files(options, clock);
  for (const auto& note : *second) EXPECT_FALSE(note.made) << note.file;
  EXPECT_EQ(*read_text(options.data / "ca.crt"), authority);
  for (const char* key : {"ca.key", "broker.key", "hub.key"}) {
    struct stat info{};
    ASSERT_EQ(stat((options.data / key).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u) << key;
  }
}

TEST(SiteFiles, InterruptedRunIsCompletedByTheNext) {
  const Folder folder;
  const SiteOptions options{.data = folder.path};
  ASSERT_TRUE(make_site_files(options, system_clock()));
  fs::remove(folder.path / "hub.crt");
  fs::remove(folder.path / "hub.yaml");
  const auto again = make_site_files(options, system_clock());
  ASSERT_TRUE(again);
  EXPECT_TRUE(fs::exists(folder.path / "hub.crt") && fs::exists(folder.path / "hub.yaml"));
}

TEST(SiteFiles, EnrollsOnceAndOnlyGoodNames) {
  const Folder folder;
  const auto out = folder.path / "line1";
  auto& clock = system_clock();
  EXPECT_EQ(enroll_gateway(folder.path, "acme", "line1", out, clock).error().code, ErrorCode::file_not_found);
  ASSERT_TRUE(make_site_files({.data = folder.path}, clock));
  ASSERT_TRUE(enroll_gateway(folder.path, "acme", "line1", out, clock));
  const auto key = *read_text(out / "gateway.key");
  EXPECT_EQ(enroll_gateway(folder.path, "acme", "line1", out, clock).error().code, ErrorCode::usage);
  EXPECT_EQ(*read_text(out / "gateway.key"), key);
  for (const char* name : {"a/b", "+", "#", "UP", "", "a b"}) {
    EXPECT_FALSE(enroll_gateway(folder.path, name, "line1", folder.path / "no", clock)) << name;
    EXPECT_FALSE(enroll_gateway(folder.path, "acme", name, folder.path / "no", clock)) << name;
  }
}

TEST(Certificates, RefusesHostsThatWouldChangeTheExtension) {
  const Folder folder;
  ASSERT_TRUE(make_site_files({.data = folder.path}, system_clock()));
  for (const char* host : {"a,DNS:evil.example", "a b", "", "x;y"}) {
    const auto made = issue_certificate({folder.path / "ca.crt", folder.path / "ca.key"},
                                        {.common_name = "x", .hosts = {host}, .server = true},
                                        {folder.path / "x.crt", folder.path / "x.key"}, system_clock());
    EXPECT_EQ(made.error().code, ErrorCode::usage) << host;
  }
  EXPECT_GT(*certificate_end(folder.path / "broker.crt"), system_clock().wall() + std::chrono::days{1800});
}

}  // namespace
}  // namespace lineside::hub
