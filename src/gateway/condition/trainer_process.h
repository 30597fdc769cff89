#pragma once
// lineside-train as a process of its own: lowest priority, bounded memory, killed with the gateway.
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace lineside::gateway {

struct TrainerCommand {
  std::vector<std::string> words;      // program first
  std::filesystem::path log;           // takes its output, replaced
  std::uint64_t memory_bytes_max = 0;  // of data (RLIMIT_DATA); 0: no limit
  nanoseconds time_max{};
};

struct TrainerEnd {
  bool good = false;
  bool refused = false;  // the recordings are no use (dataset.invalid): trying again with them is no use either
  std::string why;       // when not good: "CODE: text" of the error it told, or the last line it said
};

// Owner thread only: the process is killed when that thread ends, so also by kill -9 of the gateway (PR_SET_PDEATHSIG).
class TrainerProcess {
 public:
  // Errors: file_io (the log can't be written, no process can be made). Of a program that is not there its end says so.
  static Result<TrainerProcess> start(const TrainerCommand& command, Clock& clock);
  TrainerProcess(TrainerProcess&& other) noexcept;
  TrainerProcess& operator=(TrainerProcess&&) = delete;
  ~TrainerProcess();  // kills it

  // Its end, once; nothing while it runs. Does not wait. Ends it when it takes longer than allowed.
  std::optional<TrainerEnd> poll();

 private:
  TrainerProcess(pid_t pid, TrainerCommand command, MonoTime give_up, Clock& clock);
  pid_t pid_;
  TrainerCommand command_;
  MonoTime give_up_;
  Clock& clock_;
};

}  // namespace lineside::gateway
