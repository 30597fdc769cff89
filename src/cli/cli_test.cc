#include "cli/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <system_error>

#include "base/file.h"
#include "base/test_folder.h"
#include "cli/address_space.h"
#include "cli/test_run.h"

namespace lineside::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::run_words;

// A program with every kind of option, and what its commands were called with.
struct Sample {
  std::filesystem::path config;
  int count = 3;
  double rate_hz = 2.5;
  bool loud = false;
  std::string codec = "h264";
  std::vector<std::string> keys, files;
  std::string called;
  Error error;

  Program program() {
    Program p{.name = "sample", .summary = "Shows the table."};
    Command serve{.name = "serve", .summary = "serves"};
    serve.options = {required("--config", "FILE", "settings", config),
                     option("--count", "N", "how many, 1 to 9", count),
                     option("--rate", "HZ", "speed", rate_hz),
                     flag("--loud", "says more", loud),
                     option("--codec", "NAME", "how it is coded", codec),
                     option("--key", "KEY", "may be given several times", keys)};
    serve.options[1].min = 1;
    serve.options[1].max = 9;
    serve.options[4].choices = {"h264", "mjpeg"};
    serve.examples = {{"sample serve --config a.yaml", "serves as a.yaml says"}};
    serve.run = [this]() -> Result<int> {
      called = "serve";
      return 0;
    };
    Command list{.name = "list", .summary = "lists files"};
    list.options = {required("FILE...", "FILE", "files to list", files)};
    list.run = [this]() -> Result<int> {
      called = "list";
      return std::unexpected(error);
    };
    p.root.commands = {serve, Command{.name = "files", .summary = "works on files", .commands = {list}}};
    return p;
  }
};

TEST(Cli, FillsEveryKindOfOption) {
  Sample sample;
  const auto outcome = run_words(sample.program(), {"serve", "--config", "/a b.yaml", "--count", "9", "--rate=0.5",
                                                    "--loud", "--codec", "mjpeg", "--key", "x", "--key", "y"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(sample.called, "serve");
  EXPECT_EQ(sample.config, "/a b.yaml");
  EXPECT_EQ(sample.count, 9);
  EXPECT_EQ(sample.rate_hz, 0.5);
  EXPECT_TRUE(sample.loud);
  EXPECT_EQ(sample.codec, "mjpeg");
  EXPECT_EQ(sample.keys, (std::vector<std::string>{"x", "y"}));
}

TEST(Cli, KeepsDefaults) {
  Sample sample;
  EXPECT_EQ(run_words(sample.program(), {"serve", "--config", "a"}).code, 0);
  EXPECT_EQ(sample.count, 3);
  EXPECT_EQ(sample.codec, "h264");
}

TEST(Cli, GivesTheErrorsExitCodeAndItsAdvice) {
  Sample sample;
  sample.error = Error{ErrorCode::file_format, "b.bin is no picture"};
  const auto outcome = run_words(sample.program(), {"files", "list", "a", "b.bin"});
  EXPECT_EQ(outcome.code, exit_code(ErrorCode::file_format));
  EXPECT_EQ(sample.files, (std::vector<std::string>{"a", "b.bin"}));
  EXPECT_THAT(outcome.err, HasSubstr("sample: file.format: b.bin is no picture\n  What to do: Check"));
}

TEST(Cli, RefusesWrongUsage_WithCode2AndTheWayOut) {
  Sample sample;
  const Program program = sample.program();
  const std::vector<std::pair<std::vector<std::string>, const char*>> cases = {
      {{}, "a command is missing"},
      {{"serv"}, "did you mean serve?"},
      {{"serv", "--help"}, "there is no command serv"},
      {{"--loud"}, "there is no option --loud"},
      {{"serve"}, "--config is required"},
      {{"serve", "--confg", "a"}, "there is no option --confg (did you mean --config?)"},
      {{"serve", "--config", "a", "--loudd"}, "did you mean --loud?"},
      {{"serve", "--config", "a", "--count", "10"}, "10"},
      {{"serve", "--config", "a", "--count", "many"}, "many"},
      {{"serve", "--config", "a", "--rate", "nan"}, "no number"},
      {{"serve", "--config", "a", "--codec", "vp9"}, "vp9"},
      {{"files", "list"}, "FILE is required"},
      {{"--completion", "tcsh"}, "bash"},
  };
  for (const auto& [words, said] : cases) {
    const auto outcome = run_words(program, words);
    EXPECT_EQ(outcome.code, 2) << said;
    EXPECT_THAT(outcome.err, HasSubstr(said));
    EXPECT_THAT(outcome.err, HasSubstr("--help"));
    EXPECT_EQ(outcome.out, "");
  }
  EXPECT_EQ(sample.called, "");
}

TEST(Cli, HelpShowsTheCommandsOwnTable) {
  Sample sample;
  const Program program = sample.program();
  const auto root = run_words(program, {"--help"});
  EXPECT_EQ(root.code, 0);
  EXPECT_THAT(root.out, HasSubstr("Shows the table."));
  EXPECT_THAT(root.out, HasSubstr("  files"));
  const auto serve = run_words(program, {"serve", "-h"});
  EXPECT_EQ(serve.code, 0) << "help is given although --config is missing";
  EXPECT_THAT(serve.out, ::testing::StartsWith("Serves.\n\n"));
  EXPECT_THAT(serve.out, HasSubstr("usage: sample serve --config FILE [OPTIONS]\n"));
  EXPECT_THAT(serve.out, HasSubstr("how many, 1 to 9; default 3"));
  EXPECT_THAT(serve.out, HasSubstr("(h264, mjpeg); default h264"));
  EXPECT_THAT(serve.out, HasSubstr("sample serve --config a.yaml\n      serves as a.yaml says"));
  EXPECT_THAT(serve.out, Not(HasSubstr("files")));
}

TEST(Cli, ShowsAPathBelowTheHomeFolderAsEveryUsersOwn) {
  std::filesystem::path key = std::filesystem::path(::getenv("HOME")) / ".local/key.pem";
  Program program{.name = "sample", .summary = "Signs."};
  program.root.options = {option("--key", "FILE", "signing key", key)};
  program.root.run = [] { return Result<int>(0); };
  EXPECT_THAT(run_words(program, {"--help"}).out, HasSubstr("signing key; default ~/.local/key.pem"));
}

TEST(Cli, RunsTheRoot_WhereCommandsAreOptional) {
  bool called = false;
  Program program{.name = "both", .summary = "Has an action and a command."};
  program.root.run = [&]() -> Result<int> { return called = true, 0; };
  program.root.commands = {Command{.name = "draw", .summary = "draws", .run = [] { return Result<int>(5); }}};
  EXPECT_EQ(run_words(program, {}).code, 0);
  EXPECT_TRUE(called);
  EXPECT_EQ(run_words(program, {"draw"}).code, 5);
  EXPECT_THAT(run_words(program, {"--help"}).out, HasSubstr("usage: both [COMMAND [ARGS]]\n"));
  EXPECT_EQ(run_words(program, {"drow"}).code, 2);
}

TEST(Cli, SaysItsVersion) {
  Sample sample;
  EXPECT_THAT(run_words(sample.program(), {"--version"}).out, ::testing::MatchesRegex("sample [0-9.]+\n"));
}

TEST(Cli, TurnsAnExceptionIntoAnInternalError) {
  Program program{.name = "bad", .summary = "Throws."};
  program.root.run = []() -> Result<int> { throw std::runtime_error("surprise"); };
  const auto outcome = run_words(program, {});
  EXPECT_EQ(outcome.code, exit_code(ErrorCode::internal));
  EXPECT_THAT(outcome.err, HasSubstr("surprise"));
}

TEST(Cli, ManPageNamesEveryCommandAndOption) {
  Sample sample;
  const std::string page = man_page(sample.program());
  for (const char* text :
       {".TH SAMPLE 1", "\\-\\-config FILE", "sample files list FILE...", ".SH EXAMPLES", "default 2.5"})
    EXPECT_THAT(page, HasSubstr(text));
}

// What bash answers when the user presses Tab after `line`.
std::string completed(const Program& program, const std::string& line) {
  const TestFolder folder;
  EXPECT_TRUE(write_atomically(folder / "script", bash_completion(program)));
  EXPECT_TRUE(write_atomically(folder / "afile.yaml", std::string_view("")));
  const std::string shell = std::format(
      "bash -c 'cd {0} && compopt() {{ :; }}; . ./script && COMP_LINE=\"{1}\" && COMP_WORDS=({1}) && "
      "if [[ \"{1}\" == *\" \" ]]; then COMP_WORDS+=(\"\"); fi && COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)) && _sample && "
      "echo \"${{COMPREPLY[*]}}\"' 2>&1",
      folder.path().string(), line);
  std::FILE* pipe = ::popen(shell.c_str(), "r");
  std::string out(4096, '\0');
  out.resize(std::fread(out.data(), 1, out.size(), pipe));
  ::pclose(pipe);
  return out;
}

TEST(Cli, CompletesInBash) {
  Sample sample;
  const Program program = sample.program();
  EXPECT_EQ(completed(program, "sample "), "serve files --help --version --man --completion\n");
  EXPECT_EQ(completed(program, "sample se"), "serve\n");
  EXPECT_EQ(completed(program, "sample files l"), "list\n");
  EXPECT_EQ(completed(program, "sample serve --co"), "--config --count --codec\n");
  EXPECT_EQ(completed(program, "sample serve --codec m"), "mjpeg\n");
  EXPECT_EQ(completed(program, "sample serve --config a"), "afile.yaml\n");
  EXPECT_EQ(completed(program, "sample files list af"), "afile.yaml\n");
}

TEST(AddressSpace, EndsAProgramThatHasTooLittle_BeforeALibraryWaitsForMoreForEver) {
  if (!checks_address_space()) GTEST_SKIP() << "built with a sanitizer, which needs all of it";
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(pipe_ends[1], STDERR_FILENO);
    const rlimit limit{300'000'000, 300'000'000};
    setrlimit(RLIMIT_AS, &limit);
    execl("/proc/self/exe", "cli_test", "--gtest_list_tests", nullptr);
    _exit(1);
  }
  close(pipe_ends[1]);
  std::string said(1000, '\0');
  said.resize(static_cast<std::size_t>(std::max<ssize_t>(0, read(pipe_ends[0], said.data(), said.size()))));
  close(pipe_ends[0]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), exit_code(ErrorCode::limit_reached));
  EXPECT_THAT(said, HasSubstr("ulimit -v"));
}

TEST(Cli, SaysThatTheSystemGivesNoMore_InsteadOfADefect) {
  Program program{.name = "p", .summary = "s", .root = {}};
  program.root.run = []() -> Result<int> {
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
  };
  auto outcome = run_words(program, {});
  EXPECT_EQ(outcome.code, exit_code(ErrorCode::limit_reached));
  EXPECT_THAT(outcome.err, HasSubstr("no more threads or memory"));
  program.root.run = []() -> Result<int> { throw std::bad_alloc(); };
  EXPECT_EQ(run_words(program, {}).code, exit_code(ErrorCode::limit_reached));
}

}  // namespace
}  // namespace lineside::cli
