#include "gateway/act/mqtt_actuator.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mosquitto.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <format>
#include <fstream>
#include <thread>

extern char** environ;

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

int listen_somewhere(int& port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(listener, reinterpret_cast<sockaddr*>(&address), size);
  ::listen(listener, 4);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return listener;
}

bool accepts(int port) {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const bool connected = ::connect(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(probe);
  return connected;
}

// A real mosquitto on a free loopback port, found with PATH.
class Broker {
 public:
  Broker() {
    ::close(listen_somewhere(port_));
    const auto config = std::filesystem::path(testing::TempDir()) / std::format("mqtt_actuator_{}.conf", port_);
    std::ofstream(config) << "listener " << port_ << " 127.0.0.1\nallow_anonymous true\npersistence false\n";
    config_ = config.string();
    start();
  }
  ~Broker() {
    kill();
    std::filesystem::remove(config_);
  }
  void start() {
    std::string program = "mosquitto", flag = "-c";
    std::array<char*, 4> arguments{program.data(), flag.data(), config_.data(), nullptr};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&pid_, "mosquitto", &files, nullptr, arguments.data(), environ) != 0) pid_ = -1;
    posix_spawn_file_actions_destroy(&files);
    for (int i = 0; i < 500 && pid_ > 0 && !accepts(port_); ++i) std::this_thread::sleep_for(10ms);
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGCONT);
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  void freeze() const { ::kill(pid_, SIGSTOP); }
  void thaw() const { ::kill(pid_, SIGCONT); }
  bool there() const { return pid_ > 0; }
  int port() const { return port_; }

 private:
  int port_ = 0;
  pid_t pid_ = -1;
  std::string config_;
};

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
    mosquitto_loop_start(handle_);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 10s, [&] { return subscribed_; });
  }
  ~Listener() {
    mosquitto_disconnect(handle_);
    mosquitto_loop_stop(handle_, false);
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
  std::vector<std::string> heard_;
  bool subscribed_ = false;
};

class MqttActuatorTest : public testing::Test {
 protected:
  MqttActuatorTest() {
    settings_.kind = config::ActuatorSettings::Kind::mqtt;
    settings_.port = broker_.port();
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

TEST(MqttActuator, GivesUpInTime_WhenWhatListensIsNoBroker) {
  int port = 0;
  const int listener = listen_somewhere(port);
  config::ActuatorSettings settings;
  settings.kind = config::ActuatorSettings::Kind::mqtt;
  settings.topic = "t";
  settings.port = port;
  MqttActuator actuator(settings, system_clock());
  const auto before = system_clock().mono();
  const auto opened = actuator.open(before + 100ms);
  EXPECT_FALSE(opened);
  EXPECT_LT(system_clock().mono() - before, 1s);
  ::close(listener);
}

}  // namespace
}  // namespace lineside::gateway
