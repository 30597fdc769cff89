#pragma once
// Tests only: a real Mosquitto on loopback.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <filesystem>
#include <format>
#include <fstream>
#include <string>
#include <thread>

#include "base/test_port.h"

extern char** environ;

namespace lineside::mqtt::testing {

// A real mosquitto on a free loopback port, found with PATH.
class Broker {
 public:
  explicit Broker(const std::string& access = "allow_anonymous true\n") {
    const auto config = std::filesystem::path(::testing::TempDir()) / std::format("broker_{}.conf", port_);
    std::ofstream(config) << "listener " << port_ << " 127.0.0.1\npersistence false\n" << access;
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
    for (int i = 0; i < 500 && pid_ > 0 && !accepts(port_); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
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
  const int port_ = free_port();
  pid_t pid_ = -1;
  std::string config_;
};

}  // namespace lineside::mqtt::testing
