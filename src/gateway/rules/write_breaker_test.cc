#include <gtest/gtest.h>

#include <random>

#include "gateway/rules/test_write_desk.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;

// Law 6, by somebody who tries to break it: readings, silences, clocks, devices and kills as they come. `forget`: the
// planted bug, a gateway that does not read its journal when it starts.
class Breaker : public testing::WriteDeskTest {
 protected:
  // How often something was sent that must not be.
  int broken(std::uint32_t seed, bool forget) {
    settings_.data_dir = (folder_ / std::to_string(seed)).string();
    settings_.grants[0].per_hour_max = 1000;
    std::minstd_rand random(seed);
    int broken = 0;
    double manual_is = 1, t_is = 20;
    bool known = false;
    std::size_t of_alarm = 0, sent = device_.sent.size();
    kill();  // what waits at the device is of another life
    start();
    for (int step = 0; step < 300; ++step) {
      switch (random() % 12) {
        case 0:
          read(t, t_is = 90);
          break;
        case 1:
          read(t, t_is = 20);
          wait_long();
          of_alarm = 0;
          break;
        case 2:
          read(manual, manual_is = static_cast<double>(random() % 2));
          known = true;
          break;
        case 3:
          read(manual, 0, Quality::bad);
          known = false;
          break;
        case 4:
          wait(std::chrono::milliseconds(random() % 7000));
          break;
        case 5:
        case 8:
        case 9:
          if (!device_.waiting.empty()) device_.serve(static_cast<Outcome>(random() % 5));
          break;
        case 6:
        case 10:
          if (t_is > 80) {
            kill_and_start(forget);
            if (known) read(manual, manual_is);
            read(t, 90);
          }
          break;
        default:
          wait(100ms);
          break;
      }
      const std::size_t fresh = device_.sent.size() - sent;
      sent += fresh;
      of_alarm += fresh;
      const bool allowed = known && manual_is == 0 && t_is > 80;
      broken += fresh > 0 && (!allowed || of_alarm > 1);
    }
    return broken;
  }
  void kill_and_start(bool forget) {
    kill();
    if (forget) fs::remove_all(audit::folder_in(settings_.data_dir));
    fs::remove_all(rules::alarm_folder(settings_.data_dir));  // the kill was before they were kept
    start();
  }
  // Until the alarm has gone.
  void wait_long() {
    for (int i = 0; i < 90; ++i) {
      clock_.advance(1s);
      desk_->take({}, 0);
    }
  }
};

TEST_F(Breaker, NothingIsWrittenTwice_OrAgainstAnInterlock) {
  for (std::uint32_t seed = 1; seed <= 10; ++seed) EXPECT_EQ(broken(seed, false), 0) << seed;
  EXPECT_GT(device_.sent.size(), 10U) << "something was written at all";
}

TEST_F(Breaker, SeesAPlantedBug) {
  int seen = 0;
  for (std::uint32_t seed = 1; seed <= 10; ++seed) seen += broken(seed, true) > 0;
  EXPECT_GE(seen, 3);
}

}  // namespace
}  // namespace lineside::gateway
