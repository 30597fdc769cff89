#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/file.h"
#include "base/test_folder.h"
#include "opcua/connection.h"
#include "opcua/server.h"
#include "opcua/test_opcua.h"

namespace lineside::opcua {
namespace {

using namespace std::chrono_literals;
using Security = OpcuaAccess::Security;

class SecurityTest : public ::testing::Test {
 protected:
  // One pair of folders for all tests: making RSA keys takes its time.
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TestFolder>();
    ASSERT_TRUE(own_identity(*folder_ / "client", "gateway"));
    ASSERT_TRUE(own_identity(*folder_ / "server", "plant"));
    testing::trust(*folder_ / "client", *folder_ / "server", "plant.der");
    testing::trust(*folder_ / "server", *folder_ / "client", "gateway.der");
    std::ofstream(*folder_ / "password") << "secret\n";
    std::ofstream(*folder_ / "wrong") << "guess\n";
  }
  static void TearDownTestSuite() { folder_.reset(); }

  void serve(ServerOptions options) {
    options.port = free_port();
    auto started = Server::start(options);
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
    ASSERT_TRUE(server_->set("x", 1.5, WallTime{1000s}));
  }
  ServerOptions secured() const { return {.unsecured = false, .pki_folder = *folder_ / "server"}; }

  // Reads x; a word about what went wrong.
  Result<double> read_x(OpcuaAccess access) {
    access.endpoint = server_->url();
    LINESIDE_ASSIGN(const Credentials credentials, read_credentials(access, "gateway"));
    const MonoTime deadline = system_clock().mono() + 10s;
    LINESIDE_ASSIGN(const auto connection, Connection::open(access, credentials, deadline, {}));
    LINESIDE_ASSIGN(const auto values, connection->read({"ns=1;s=x"}, deadline, {}));
    return values.at(0).numbers.at(0);
  }
  OpcuaAccess with(Security security) const {
    return {.security = security, .pki_folder = (*folder_ / "client").string()};
  }

  static std::unique_ptr<TestFolder> folder_;
  std::unique_ptr<Server> server_;
};
std::unique_ptr<TestFolder> SecurityTest::folder_;

TEST_F(SecurityTest, ReadsWithoutSecurity) {
  serve({});
  const auto x = read_x({});
  ASSERT_TRUE(x) << x.error().message;
  EXPECT_EQ(*x, 1.5);
}

TEST_F(SecurityTest, SignsAndEncrypts) {
  serve(secured());
  for (const Security security : {Security::sign, Security::sign_and_encrypt}) {
    const auto x = read_x(with(security));
    ASSERT_TRUE(x) << x.error().message;
    EXPECT_EQ(*x, 1.5);
  }
}

TEST_F(SecurityTest, SaysWhenTheServerOffersNoSuchSecurity) {
  serve({});
  const auto x = read_x(with(Security::sign_and_encrypt));
  ASSERT_FALSE(x);
  EXPECT_EQ(x.error().code, ErrorCode::opcua_unreachable);
  EXPECT_TRUE(x.error().message.contains("no endpoint with security sign_and_encrypt")) << x.error().message;
  serve(secured());
  EXPECT_FALSE(read_x({})) << "a server that wants encryption is not read without";
}

TEST_F(SecurityTest, LetsInByNameAndPassword) {
  auto options = secured();
  options.anonymous = false;
  options.username = "lineside";
  options.password = "secret";
  serve(options);
  auto access = with(Security::sign_and_encrypt);
  EXPECT_FALSE(read_x(access)) << "anonymous";
  access.username = "lineside";
  access.password_file = (*folder_ / "password").string();
  const auto x = read_x(access);
  ASSERT_TRUE(x) << x.error().message;
  access.password_file = (*folder_ / "wrong").string();
  const auto refused = read_x(access);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::auth_failed);
  EXPECT_TRUE(refused.error().message.contains("'lineside'")) << refused.error().message;
  EXPECT_FALSE(refused.error().message.contains("guess"));
  access.security = Security::sign;
  const auto in_the_open = read_x(access);
  ASSERT_FALSE(in_the_open) << "this server would not have the password encrypted by itself";
  EXPECT_TRUE(in_the_open.error().message.contains("sign_and_encrypt")) << in_the_open.error().message;
}

TEST_F(SecurityTest, SendsAPasswordUnencryptedOnlyWhenTold) {
  serve({.anonymous = false, .username = "lineside", .password = "secret"});
  OpcuaAccess access{.username = "lineside", .password_file = (*folder_ / "password").string()};
  const auto refused = read_x(access);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::config_invalid);
  access.plain_password = true;
  const auto x = read_x(access);
  EXPECT_TRUE(x) << x.error().message;
}

TEST_F(SecurityTest, LetsInByCertificate) {
  auto options = secured();
  options.anonymous = false;
  serve(options);
  auto access = with(Security::sign_and_encrypt);
  ASSERT_TRUE(own_identity(*folder_ / "operator", "operator"));
  access.user_cert_file = (*folder_ / "operator" / "own" / "certificate.der").string();
  access.user_key_file = (*folder_ / "operator" / "own" / "key.pem").string();
  const auto refused = read_x(access);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::auth_failed) << refused.error().message;
  testing::trust(*folder_ / "server", *folder_ / "operator", "operator.der");
  const auto x = read_x(access);
  EXPECT_TRUE(x) << x.error().message;
}

TEST_F(SecurityTest, SaysWhereToPutAnUntrustedCertificate_AndTakesItFromThere) {
  auto options = secured();
  const TestFolder mine;
  ASSERT_TRUE(own_identity(mine / "pki", "gateway"));
  testing::trust(*folder_ / "server", mine / "pki", "other.der");
  serve(options);
  OpcuaAccess access{.security = Security::sign_and_encrypt, .pki_folder = (mine / "pki").string()};
  const auto refused = read_x(access);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::opcua_untrusted);
  const fs::path trusted = mine / "pki" / "trusted";
  EXPECT_TRUE(refused.error().message.contains(trusted.string())) << refused.error().message;
  const fs::directory_iterator rejected(mine / "pki" / "rejected");
  ASSERT_NE(rejected, fs::directory_iterator());
  EXPECT_TRUE(refused.error().message.contains(rejected->path().string())) << refused.error().message;
  fs::create_directories(trusted);
  fs::rename(rejected->path(), trusted / rejected->path().filename());
  const auto x = read_x(access);
  EXPECT_TRUE(x) << x.error().message;
}

TEST_F(SecurityTest, SaysWhenTheServerDoesNotTrustUs) {
  const TestFolder mine;
  ASSERT_TRUE(own_identity(mine / "pki", "gateway"));
  testing::trust(mine / "pki", *folder_ / "server", "plant.der");
  serve(secured());
  const auto refused = read_x({.security = Security::sign_and_encrypt, .pki_folder = (mine / "pki").string()});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::opcua_untrusted) << refused.error().message;
  EXPECT_TRUE(refused.error().message.contains("own/certificate.der")) << refused.error().message;
}

TEST_F(SecurityTest, RefusesSettingsThatContradictEachOther) {
  const auto refused = [](const OpcuaAccess& access) {
    const auto read = read_credentials(access, "gateway");
    return !read && read.error().code == ErrorCode::config_invalid;
  };
  EXPECT_TRUE(refused({.endpoint = "http://x"}));
  EXPECT_TRUE(refused({.endpoint = "opc.tcp://"}));
  EXPECT_TRUE(refused({.endpoint = "opc.tcp://x", .security = Security::sign}));
  EXPECT_TRUE(refused({.endpoint = "opc.tcp://x", .user_cert_file = "a"}));
  EXPECT_FALSE(refused({.endpoint = "opc.tcp://x:4840/path"}));
}

TEST(Certificates, AreMadeOnce_WithAKeyForTheOwnerOnly) {
  const TestFolder folder;
  const auto made = own_identity(folder.path(), "gateway"), again = own_identity(folder.path(), "gateway");
  ASSERT_TRUE(made && again);
  EXPECT_EQ(made->certificate, again->certificate);
  EXPECT_TRUE(made->application_uri.starts_with("urn:")) << made->application_uri;
  struct stat status{};
  ASSERT_EQ(::stat((folder / "own" / "key.pem").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST(Certificates, AreMadeOfTheKeyThatIsThere_WhenSomebodyWasKilledBetweenTheTwo) {
  const TestFolder folder;
  const auto made = own_identity(folder.path(), "gateway");
  ASSERT_TRUE(made);
  std::filesystem::remove(folder / "own" / "certificate.der");
  const auto again = own_identity(folder.path(), "gateway");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(made->key, again->key);
}

TEST(Certificates, ThatAreNoneOrBelongToAnotherKey_AreRefused) {
  const TestFolder folder;
  ASSERT_TRUE(own_identity(folder / "a", "gateway"));
  ASSERT_TRUE(own_identity(folder / "b", "gateway"));
  const auto mixed = load_identity(folder / "a" / "own" / "certificate.der", folder / "b" / "own" / "key.pem");
  ASSERT_FALSE(mixed);
  EXPECT_EQ(mixed.error().code, ErrorCode::file_format);
  std::ofstream(folder / "junk") << "junk";
  EXPECT_FALSE(load_identity(folder / "junk", folder / "b" / "own" / "key.pem"));
  EXPECT_FALSE(load_identity(folder / "b" / "own" / "certificate.der", folder / "junk"));
  const std::vector<std::uint8_t> junk{0x30, 0x82, 0xFF, 0xFF, 1, 2, 3};
  EXPECT_FALSE(check_trust(folder / "a", junk, "host"));
  EXPECT_FALSE(check_trust(folder / "a", {}, "host"));
}

}  // namespace
}  // namespace lineside::opcua
