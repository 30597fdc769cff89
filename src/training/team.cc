#include "training/team.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <format>
#include <mutex>
#include <optional>
#include <thread>

namespace lineside::training {
namespace {

using namespace std::chrono_literals;

constexpr int kStepsToCount = 20;  // a network that did fewer has not learned anything worth keeping

int thread_count(int jobs, std::size_t tasks) {
  const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  return std::clamp(jobs > 0 ? jobs : cores, 1, static_cast<int>(tasks));
}

// Fewer steps if a trial says that the limit would not do. The trial network is thrown away.
Result<int> plan_steps(const Dataset& data, const TeamTask& task, const TeamOptions& options, std::size_t waves,
                       Clock& clock) {
  if (options.time_limit <= 0s) return options.train.steps;
  constexpr int kTrial = 4;
  TrainSpec trial = options.train;
  trial.steps = kTrial;
  MonoTime first_done{}, last_done{};
  Network network(options.network, task.seed);
  LINESIDE_TRY(network.train(data, task.items, options.augment, trial, [&](const TrainProgress& progress) {
    (progress.step == 1 ? first_done : last_done) = clock.mono();
    return true;
  }));
  const double step_s = std::chrono::duration<double>(last_done - first_done).count() / (kTrial - 1);
  const double affordable =
      0.85 * static_cast<double>(options.time_limit.count()) / static_cast<double>(waves) / std::max(1e-6, step_s);
  return std::clamp(static_cast<int>(affordable), kStepsToCount, options.train.steps);
}

// What the threads and the caller share.
class Board {
 public:
  explicit Board(std::size_t tasks) : progress_(tasks) {}

  std::optional<std::size_t> take_task() {
    std::lock_guard lock(mutex_);
    if (next_ >= progress_.size() || error_ || (stop_ && next_ > 0)) return std::nullopt;
    return next_++;
  }
  bool report(std::size_t task, const TrainProgress& progress) {  // false: stop
    std::lock_guard lock(mutex_);
    progress_[task] = progress;
    return !error_ && (!stop_ || progress.step < kStepsToCount);
  }
  void finish_thread(std::optional<Error> error) {
    {
      std::lock_guard lock(mutex_);
      if (error && !error_) error_ = std::move(error);
      ++finished_;
    }
    changed_.notify_all();
  }
  bool wait_finished(int threads, std::chrono::milliseconds wait_max) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, wait_max, [&] { return finished_ == threads; });
  }
  void stop() {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  std::vector<TrainProgress> progress() const {
    std::lock_guard lock(mutex_);
    return progress_;
  }
  std::optional<Error> error() const {
    std::lock_guard lock(mutex_);
    return error_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<TrainProgress> progress_;
  std::size_t next_ = 0;
  int finished_ = 0;
  bool stop_ = false;
  std::optional<Error> error_;
};

std::string describe_time(double seconds) {
  return seconds < 90 ? std::format("{:.0f} s", seconds) : std::format("{:.0f} min", seconds / 60);
}

std::string describe(const std::vector<TrainProgress>& progress, int steps, double elapsed_s) {
  double done = 0, loss = 0, accuracy = 0, begun = 0;
  for (const auto& one : progress) {
    done += static_cast<double>(one.step) / steps / static_cast<double>(progress.size());
    if (one.step == 0) continue;
    loss += one.loss;
    accuracy += one.accuracy;
    begun += 1;
  }
  if (begun == 0) return "training begins";
  return std::format("training {:3.0f} %  loss {:.3f}  accuracy {:5.1f} %  about {} left", 100 * done, loss / begun,
                     100 * accuracy / begun, describe_time(elapsed_s * (1 - done) / std::max(done, 1e-6)));
}

}  // namespace

Result<TeamResult> train_team(const Dataset& data, const std::vector<TeamTask>& tasks, const TeamOptions& options,
                              Clock& clock, const std::function<void(const std::string&)>& say,
                              const std::function<bool()>& stop) {
  const int threads = thread_count(options.jobs, tasks.size());
  const std::size_t waves = (tasks.size() + static_cast<std::size_t>(threads) - 1) / static_cast<std::size_t>(threads);
  const MonoTime start = clock.mono();
  LINESIDE_ASSIGN(const int steps, plan_steps(data, tasks.front(), options, waves, clock));
  if (steps < options.train.steps)
    say(std::format("the time limit allows {} of {} steps per network", steps, options.train.steps));

  TeamResult result;
  for (const TeamTask& task : tasks) result.networks.emplace_back(options.network, task.seed);
  Board board(tasks.size());
  std::atomic<bool> out_of_time{false};
  const auto work = [&] {
    std::optional<Error> error;
    while (const auto task = board.take_task()) {
      TrainSpec spec = options.train;
      spec.seed = tasks[*task].seed;
      spec.steps = steps;
      const auto wave = *task / static_cast<std::size_t>(threads) + 1;
      const MonoTime end = start + nanoseconds(options.time_limit) * wave / waves;
      auto trained = result.networks[*task].train(
          data, tasks[*task].items, options.augment, spec, [&](const TrainProgress& progress) {
            const bool late = options.time_limit > 0s && progress.step >= kStepsToCount && clock.mono() > end;
            if (late) out_of_time = true;
            return board.report(*task, progress) && !late;
          });
      if (!trained) error = trained.error();
    }
    board.finish_thread(std::move(error));
  };
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < threads; ++i) workers.emplace_back(work);
    MonoTime next_line = start + 3s;
    while (!board.wait_finished(threads, 200ms)) {
      if (stop() && !result.stopped_early) {
        result.stopped_early = true;
        board.stop();
      }
      if (clock.mono() < next_line) continue;
      say(describe(board.progress(), steps, std::chrono::duration<double>(clock.mono() - start).count()));
      next_line = clock.mono() + 10s;
    }
  }
  if (auto error = board.error()) return std::unexpected(*error);
  result.stopped_early = result.stopped_early || out_of_time;
  double done = 0;
  for (const auto& progress : board.progress()) {
    result.trained.push_back(progress.step >= std::min(kStepsToCount, steps));
    done += progress.step;
  }
  result.share_done = done / (static_cast<double>(options.train.steps) * static_cast<double>(tasks.size()));
  return result;
}

}  // namespace lineside::training
