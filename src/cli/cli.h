#pragma once
// The command line of each program, as a table: from it come parsing, --help with examples, --version, the man page
// (--man), and shell completion (--completion bash). A main fills a Program and returns run().
//
//   cli::Program program{.name = "lineside-gateway", .summary = "Inspects items beside the line."};
//   std::filesystem::path config;
//   program.root.options = {cli::required("--config", "FILE", "settings (YAML)", config)};
//   program.root.examples = {{"lineside-gateway --config gateway.yaml", "run with these settings"}};
//   program.root.run = [&] { return serve(config); };
//   return cli::run(program, argc, argv);
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"

namespace lineside::cli {

// Where an option's value goes; it must live until run() returns. bool: a flag without a value. The value that the
// variable has at first is the default and is shown in --help (empty texts and zero-length lists are not shown).
using Target = std::variant<bool*, std::int64_t*, int*, std::uint64_t*, double*, std::string*, std::filesystem::path*,
                            std::vector<std::string>*>;

struct Option {
  std::string name;        // "--config", or "FILE" without dashes for a positional argument; "FILE..." takes several
  std::string value_name;  // in --help: "FILE", "N"; file-like ones (FILE, DIR) complete as paths; "X...": several
  std::string help;        // one line, lower case, with unit and range
  Target target;
  bool required = false;
  double min = 0, max = 0;           // of numbers; both 0: any
  std::vector<std::string> choices;  // of texts; empty: any
};

// Short forms for the usual cases.
template <class T>
Option option(std::string name, std::string value_name, std::string help, T& target) {
  return {.name = std::move(name), .value_name = std::move(value_name), .help = std::move(help), .target = &target};
}
template <class T>
Option required(std::string name, std::string value_name, std::string help, T& target) {
  Option result = option(std::move(name), std::move(value_name), std::move(help), target);
  result.required = true;
  return result;
}
template <class T>
Option argument(std::string name, std::string help, T& target) {  // positional and required
  Option result = required(name, name, std::move(help), target);
  return result;
}
inline Option flag(std::string name, std::string help, bool& target) {
  return option(std::move(name), "", std::move(help), target);
}

struct Example {
  std::string command, meaning;
};

// What a command does; its error is printed to standard error as "PROGRAM: CODE: MESSAGE" with the code's advice, and
// its exit code (docs/errors.md) becomes the process's. A command that has its own exit status returns it.
using Action = std::function<Result<int>()>;

struct Command {
  std::string name;     // one word, e.g. "verify"; empty for a program's root
  std::string summary;  // one line
  std::string details;  // for --help and the man page; may be several paragraphs
  std::vector<Option> options;
  std::vector<Example> examples;
  Action run;  // empty: needs one of its subcommands
  std::vector<Command> commands;
};

struct Program {
  std::string name;     // "lineside-gateway"
  std::string summary;  // one line
  Command root;         // its options, examples, action and subcommands
};

// Parses and does it. 0: done, 2: usage error, otherwise the exit code of the error. Never throws.
int run(const Program& program, int argc, const char* const* argv);

// The same table as text: troff man page (section 1), bash completion script.
std::string man_page(const Program& program);
std::string bash_completion(const Program& program);

}  // namespace lineside::cli
