#include "gateway/condition/trainer_process.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <format>
#include <sstream>

#include "base/file.h"

namespace lineside::gateway {
namespace {

constexpr int kNotThere = 127;

// "CODE: text" of the last error, without the advice that follows it; without one the last line that says something.
std::string reason(const std::filesystem::path& log) {
  constexpr std::string_view kError = "lineside-train: ";
  const auto text = read_text(log, 16u << 20);
  if (!text) return "";
  std::istringstream lines(*text);
  std::string last, error;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kError)) error = line.substr(kError.size());
    if (!line.empty()) last = line;
  }
  std::string told = error.empty() ? last : error;
  if (told.ends_with('.')) told.pop_back();
  return told;
}

// Files that can't be read, models and bundles share the exit code with recordings that are no use.
bool refuses_recordings(int code, const std::string& why) {
  return code == exit_code(ErrorCode::dataset_invalid) &&
         why.starts_with(std::format("{}: ", code_name(ErrorCode::dataset_invalid)));
}

// With what it has started: it leads a process group of its own.
void end_group(pid_t leader) {
  kill(-leader, SIGKILL);
  waitpid(leader, nullptr, 0);
}

// A sanitizer reserves terabytes, which count.
#if defined(LINESIDE_SANITIZE)
constexpr bool kLimitsMemory = false;
#else
constexpr bool kLimitsMemory = true;
#endif

struct Child {
  char** words;
  char** environment;
  int log;
  std::uint64_t memory_bytes_max;
  pid_t parent;
};

// In the child, whose memory is the gateway's until exec: system calls only, and nothing is written to.
[[noreturn]] void become(const Child& child) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != child.parent) _exit(kNotThere);  // the gateway has died in between
  setpgid(0, 0);
  setpriority(PRIO_PROCESS, 0, 19);
  const sched_param idle{};
  sched_setscheduler(0, SCHED_IDLE, &idle);
  // The first to be ended when memory runs short; where that can't be said, its own limit holds.
  if (const int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); score >= 0)
    if (write(score, "1000", 4) < 0) close(score);
  if (kLimitsMemory && child.memory_bytes_max > 0) {
    const rlimit limit{child.memory_bytes_max, child.memory_bytes_max};
    setrlimit(RLIMIT_DATA, &limit);
  }
  dup2(child.log, STDOUT_FILENO);
  dup2(child.log, STDERR_FILENO);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execvpe(child.words[0], child.words, child.environment);
  _exit(kNotThere);
}

// vfork, since fork copies the page tables of a gateway with its models, and each page that a station then writes to is
// copied once more. posix_spawn can't set the limits, and set from outside they would come after the program's start.
// Signals wait, so that no handler runs in the child on the gateway's memory before it has its own process group.
pid_t spawn(const Child& child) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = vfork();
  if (pid == 0) become(child);
  const int why = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = why;
  return pid;
}

}  // namespace

Result<TrainerProcess> TrainerProcess::start(const TrainerCommand& command, Clock& clock) {
  const int log = ::open(command.log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (log < 0)
    return fail(ErrorCode::file_io, std::format("can't write {}: {}", command.log.string(), std::strerror(errno)));
  std::vector<char*> words, environment;
  for (const std::string& word : command.words) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  // One thread: the learning may take long, the neighbours' work may not.
  std::string one_thread = "OMP_NUM_THREADS=1";
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (std::strncmp(*variable, "OMP_NUM_THREADS=", 16) != 0) environment.push_back(*variable);
  environment.push_back(one_thread.data());
  environment.push_back(nullptr);
  const pid_t pid = spawn({words.data(), environment.data(), log, command.memory_bytes_max, getpid()});
  const int why = errno;
  ::close(log);
  if (pid < 0) return fail(ErrorCode::file_io, std::format("can't start a process: {}", std::strerror(why)));
  return TrainerProcess(pid, command, clock.mono() + command.time_max, clock);
}

TrainerProcess::TrainerProcess(pid_t pid, TrainerCommand command, MonoTime give_up, Clock& clock)
    : pid_(pid), command_(std::move(command)), give_up_(give_up), clock_(clock) {}

TrainerProcess::TrainerProcess(TrainerProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      command_(std::move(other.command_)),
      give_up_(other.give_up_),
      clock_(other.clock_) {}

TrainerProcess::~TrainerProcess() {
  if (pid_ < 0) return;
  end_group(pid_);
}

std::optional<TrainerEnd> TrainerProcess::poll() {
  int status = 0;
  const pid_t ended = waitpid(pid_, &status, WNOHANG);
  if (ended < 0) {
    const int why = errno;
    pid_ = -1;  // no child of this process any more: its number may be another's
    return TrainerEnd{.why = std::format("how the training ended can't be told: {}", std::strerror(why))};
  }
  if (ended == 0) {
    if (clock_.mono() < give_up_) return std::nullopt;
    end_group(std::exchange(pid_, -1));
    return TrainerEnd{.why = "the training took longer than learning.time_max_minutes and was ended"};
  }
  pid_ = -1;
  if (WIFSIGNALED(status))
    return TrainerEnd{.why =
                          std::format("the training was ended by signal {} ({}); more than learning.memory_bytes_max?",
                                      WTERMSIG(status), strsignal(WTERMSIG(status)))};
  const int code = WEXITSTATUS(status);
  if (code == 0) return TrainerEnd{.good = true};
  if (code == kNotThere)
    return TrainerEnd{.why =
                          std::format("{} can't be run: install it, or set learning.program", command_.words.front())};
  const std::string why = reason(command_.log);
  return TrainerEnd{.refused = refuses_recordings(code, why), .why = why};
}

}  // namespace lineside::gateway
