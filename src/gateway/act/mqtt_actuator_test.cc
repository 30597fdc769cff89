#include "gateway/act/mqtt_actuator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mosquitto.h>

#include <filesystem>
#include <format>
#include <fstream>

#include "mqtt/test_broker.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using mqtt::testing::Broker;
using ::testing::HasSubstr;

// Hears what the rejector would hear.
class Listener {
 public:
  Listener(int port, const std::string& topic) : handle_(mosquitto_new(nullptr, true, this)), topic_(topic) {
    mosquitto_message_callback_set(handle_, [](mosquitto*, void* self, const mosquitto_message* message) {
      auto* listener = static_cast<Listener*>(self);
      const std::lock_guard lock(listener->mutex_);
      listener->heard_.emplace_back(static_cast<const char*>(message->payload),
                                    static_cast<std::size_t>(message->payloadlen));
      listener->changed_.notify_all();
    });
    mosquitto_subscribe_callback_set(handle_, [](mosquitto*, void* self, int, int, const int*) {
      auto* listener = static_cast<Listener*>(self);
      const std::lock_guard lock(listener->mutex_);
      listener->subscribed_ = true;
      listener->changed_.notify_all();
    });
    mosquitto_connect(handle_, "127.0.0.1", port, 10);
    mosquitto_subscribe(handle_, nullptr, topic_.c_str(), 1);
    // A thread of its own: mosquitto_loop_stop() does not join one that has ended by itself.
    mosquitto_threaded_set(handle_, true);
    loop_ = std::thread([this] { mosquitto_loop_forever(handle_, -1, 1); });
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 10s, [&] { return subscribed_; });
  }
  ~Listener() {
    mosquitto_disconnect(handle_);
    loop_.join();
    mosquitto_destroy(handle_);
  }
  std::vector<std::string> wait(std::size_t count, std::chrono::milliseconds wait_max = 10s) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, wait_max, [&] { return heard_.size() >= count; });
    return heard_;
  }

 private:
  mosquitto* handle_;
  std::string topic_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread loop_;
  std::vector<std::string> heard_;
  bool subscribed_ = false;
};

class MqttActuatorTest : public ::testing::Test {
 protected:
  MqttActuatorTest() {
    settings_.kind = config::ActuatorSettings::Kind::mqtt;
    settings_.at.port = broker_.port();
    settings_.topic = "plant/line1/rejector";
    settings_.timeout = 500ms;
  }
  void SetUp() override {
    if (!broker_.there()) GTEST_SKIP() << "mosquitto is not installed";
  }
  static MonoTime soon() { return system_clock().mono() + 3s; }
  static ActuationCommand hit(std::uint64_t item) { return {item, system_clock().mono(), soon()}; }

  Broker broker_;
  config::ActuatorSettings settings_;
};

TEST_F(MqttActuatorTest, PublishesOneMessageForOneItem_AndWaitsForThePuback) {
  MqttActuator actuator(settings_, system_clock());
  ASSERT_TRUE(actuator.open(soon()));
  Listener listener(broker_.port(), settings_.topic);
  const auto fired = actuator.fire(hit(42));
  ASSERT_TRUE(fired) << fired.error().message;
  const auto heard = listener.wait(1);
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_THAT(heard[0], HasSubstr(R"("do":"reject","item":42,"pulse_ms":20,"expires":")"));
  EXPECT_TRUE(actuator.probe(soon()));
}

TEST_F(MqttActuatorTest, SaysThatTheBrokerIsNotThere_AndComesBackWithIt) {
  MqttActuator actuator(settings_, system_clock());
  ASSERT_TRUE(actuator.open(soon()));
  broker_.kill();
  const auto fired = actuator.fire(hit(1));
  ASSERT_FALSE(fired);
  EXPECT_EQ(fired.error().code, ErrorCode::actuator_unreachable);
  EXPECT_FALSE(actuator.probe(soon()));
  broker_.start();
  Listener listener(broker_.port(), settings_.topic);
  const auto again = actuator.fire(hit(2));
  EXPECT_TRUE(again) << again.error().message;
  EXPECT_EQ(listener.wait(1).size(), 1U);
}

TEST_F(MqttActuatorTest, NeverDeliversAHitLate_WhenTheBrokerHung) {
  MqttActuator actuator(settings_, system_clock());
  ASSERT_TRUE(actuator.open(soon()));
  Listener listener(broker_.port(), settings_.topic);
  settings_.timeout = 100ms;
  broker_.freeze();
  const auto before = system_clock().mono();
  const auto fired = actuator.fire({7, before, before + 100ms});
  EXPECT_FALSE(fired);
  EXPECT_EQ(fired.error().code, ErrorCode::actuator_unreachable);
  EXPECT_THAT(fired.error().message, HasSubstr("no answer in time"));
  EXPECT_LT(system_clock().mono() - before, 1s);
  broker_.thaw();
  ASSERT_TRUE(actuator.fire(hit(8)));
  // What was in the socket already may arrive; it carries when it expired, and it comes once.
  const auto heard = listener.wait(2, 500ms);
  EXPECT_THAT(heard.back(), HasSubstr(R"("item":8)"));
  EXPECT_LE(heard.size(), 2U);
}

TEST_F(MqttActuatorTest, PublishesItsSafeState) {
  settings_.safe_state = config::ActuatorSettings::SafeState::reject_all;
  MqttActuator actuator(settings_, system_clock());
  Listener listener(broker_.port(), settings_.topic);
  ASSERT_TRUE(actuator.go_safe(soon()));
  EXPECT_EQ(listener.wait(1).at(0), R"({"do":"reject_all"})");
}

// A broker with TLS that asks for a password, and what a client needs for it.
class MqttActuatorTlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_);
    const auto run = [this](const std::string& command) {
      return std::system(std::format("cd {} && {} >/dev/null 2>&1", folder_, command).c_str()) == 0;
    };
    if (!run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout broker.key "
             "-out broker.crt -subj /CN=localhost -addext subjectAltName=DNS:localhost") ||
        !run("mosquitto_passwd -c -b users rejector secret"))
      GTEST_SKIP() << "openssl or mosquitto is not installed";
    broker_ = std::make_unique<Broker>(std::format(
        "certfile {0}/broker.crt\nkeyfile {0}/broker.key\nallow_anonymous false\npassword_file {0}/users\nuser root\n",
        folder_));
    std::ofstream(folder_ + "/password") << "secret\n";
    settings_.kind = config::ActuatorSettings::Kind::mqtt;
    settings_.at.host = "localhost";
    settings_.at.port = broker_->port();
    settings_.topic = "t";
    settings_.timeout = 5s;
    settings_.at.tls = true;
    settings_.at.ca_file = folder_ + "/broker.crt";
    settings_.at.username = "rejector";
    settings_.at.password_file = folder_ + "/password";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  Result<void> open() const { return MqttActuator(settings_, system_clock()).open(system_clock().mono() + 5s); }

  const std::string folder_ = std::filesystem::path(::testing::TempDir()) / std::format("mqtt_tls_{}", ::getpid());
  std::unique_ptr<Broker> broker_;
  config::ActuatorSettings settings_;
};

TEST_F(MqttActuatorTlsTest, FiresOverTls_WithAPasswordFromAFile) {
  MqttActuator actuator(settings_, system_clock());
  const auto fired = actuator.fire({1, system_clock().mono(), system_clock().mono() + 5s});
  EXPECT_TRUE(fired) << fired.error().message;
}

TEST_F(MqttActuatorTlsTest, TrustsNobodyElse_AndSaysWhatIsWrong) {
  settings_.at.host = "127.0.0.1";  // not the certificate's name
  EXPECT_FALSE(open());
  settings_.at.host = "localhost";
  settings_.at.ca_file.clear();  // the system's authorities do not know this one
  EXPECT_FALSE(open());
  settings_.at.ca_file = folder_ + "/none.crt";
  EXPECT_THAT(open().error().message, HasSubstr("there is no TLS file"));
  settings_.at.ca_file = folder_ + "/broker.crt";
  std::ofstream(settings_.at.password_file) << "wrong\n";
  EXPECT_THAT(open().error().message, HasSubstr("not authorised"));
}

TEST(MqttActuator, GivesUpInTime_WhenWhatListensIsNoBroker) {
  int port = 0;
  const int listener = listen_somewhere(port);
  config::ActuatorSettings settings;
  settings.kind = config::ActuatorSettings::Kind::mqtt;
  settings.topic = "t";
  settings.at.port = port;
  MqttActuator actuator(settings, system_clock());
  const auto before = system_clock().mono();
  const auto opened = actuator.open(before + 100ms);
  EXPECT_FALSE(opened);
  EXPECT_LT(system_clock().mono() - before, 1s);
  ::close(listener);
}

}  // namespace
}  // namespace lineside::gateway
