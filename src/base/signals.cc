#include "base/signals.h"

#include <semaphore.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>

namespace lineside {
namespace {

// A signal handler can reach nothing but process-wide state: the flag, and a semaphore because posting one is allowed.
struct Stop {
  Stop() { sem_init(&semaphore, 0, 0); }
  std::atomic<bool> requested{false};
  sem_t semaphore;
};
static_assert(std::atomic<bool>::is_always_lock_free);

Stop& stop() {
  static Stop instance;
  return instance;
}

void on_signal(int) {
  const int saved = errno;
  request_stop();
  errno = saved;
}

}  // namespace

void catch_stop_signals() {
  stop();  // made here, not in the handler
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a closed connection is an error value, not the end of the program
}

bool stop_requested() { return stop().requested.load(std::memory_order_relaxed); }

void request_stop() {
  stop().requested.store(true, std::memory_order_relaxed);
  sem_post(&stop().semaphore);
}

bool wait_for_stop(std::chrono::milliseconds wait_max) {
  timespec until{};
  clock_gettime(CLOCK_MONOTONIC, &until);
  const auto ns = std::chrono::nanoseconds(wait_max).count() + until.tv_nsec;
  until.tv_sec += static_cast<time_t>(ns / 1'000'000'000);
  until.tv_nsec = static_cast<long>(ns % 1'000'000'000);
  while (!stop_requested()) {
    if (sem_clockwait(&stop().semaphore, CLOCK_MONOTONIC, &until) == 0) {
      sem_post(&stop().semaphore);  // for the other waiters
      break;
    }
    if (errno != EINTR) break;
  }
  return stop_requested();
}

}  // namespace lineside
