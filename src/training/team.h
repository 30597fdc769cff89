#pragma once
// Trains several networks side by side, one thread each, with progress and a fair share of the time for each.
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "training/network.h"

namespace lineside::training {

// One network to train.
struct TeamTask {
  std::uint64_t seed = 1;
  std::vector<std::size_t> items;
};

struct TeamOptions {
  NetworkSpec network;
  AugmentSpec augment;
  TrainSpec train;                     // its seed comes from each task
  int jobs = 0;                        // networks at once; 0: one per core. Does not change what is learned
  std::chrono::seconds time_limit{0};  // for all; 0: none. First fewer steps are planned, then each is stopped in time
};

struct TeamResult {
  std::vector<Network> networks;  // in the order of the tasks
  std::vector<bool> trained;      // false: stopped before its turn came; the first is always trained
  bool stopped_early = false;
  double share_done = 1;  // 0..1: of the steps that all networks together should have had
};

// `say` and `stop` are called on the calling thread only. Errors: those of Network::train; cancelled if none has
// learned anything.
Result<TeamResult> train_team(const Dataset& data, const std::vector<TeamTask>& tasks, const TeamOptions& options,
                              Clock& clock, const std::function<void(const std::string&)>& say,
                              const std::function<bool()>& stop);

}  // namespace lineside::training
