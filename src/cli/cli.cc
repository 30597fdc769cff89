#include "cli/cli.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <format>
#include <new>
#include <system_error>

#include "base/nearest.h"
#include "base/version.h"
#include "cli/address_space.h"
#include "cli/text.h"

namespace lineside::cli {
namespace {

void print(std::FILE* stream, const std::string& text) { std::fwrite(text.data(), 1, text.size(), stream); }

struct AddOption {
  CLI::App& app;
  const Option& option;
  std::string name;  // without the "..." of a list

  CLI::Option* operator()(bool* target) const { return app.add_flag(name, *target); }
  CLI::Option* operator()(std::filesystem::path* target) const {
    return app.add_option_function<std::string>(name, [target](const std::string& text) { *target = text; });
  }
  CLI::Option* operator()(std::vector<std::string>* target) const {
    CLI::Option* added = app.add_option(name, *target);
    // "--key A --key B", not "--key A B", unless its value says that it takes several: FILES...
    if (!is_positional(option)) added->allow_extra_args(option.value_name.ends_with("..."));
    return added;
  }
  CLI::Option* operator()(auto* target) const { return app.add_option(name, *target); }
};

void add_option(CLI::App& app, const Option& option) {
  std::string name = option.name;
  if (name.ends_with("...")) name.resize(name.size() - 3);
  CLI::Option* added = std::visit(AddOption{app, option, name}, option.target);
  if (option.required) added->required();
  if (option.min != 0 || option.max != 0) added->check(CLI::Range(option.min, option.max));
  // Range lets NaN pass: nothing is above or below it.
  if (std::holds_alternative<double*>(option.target))
    added->check([](const std::string& text) {
      return std::isnan(std::strtod(text.c_str(), nullptr)) ? text + " is no number" : "";
    });
  if (!option.choices.empty()) added->check(CLI::IsMember(option.choices));
}

bool needs_command(const Place& place) { return !place.command->commands.empty() && !place.command->run; }

// Adds the command's options and children to `app`; `chosen` is the place of the deepest command that was given.
void fill(CLI::App& app, const Place& place, Place& chosen) {
  app.set_help_flag("-h,--help");
  for (const Option& option : place.command->options) add_option(app, option);
  for (const Command& child : place.command->commands) {
    Place child_place{&child, place.words};
    child_place.words.push_back(child.name);
    CLI::App* sub = app.add_subcommand(child.name, child.summary);
    sub->preparse_callback([&chosen, child_place](std::size_t) { chosen = child_place; });
    fill(*sub, child_place, chosen);
  }
  if (needs_command(place)) app.require_subcommand(1);
}

std::string suggestion(const Place& place, const std::string& message) {
  const std::size_t at = message.rfind(' ');
  const std::string word = at == std::string::npos ? message : message.substr(at + 1);
  std::vector<std::string> known;
  for (const Command& child : place.command->commands) known.push_back(child.name);
  for (const Option& option : place.command->options) known.push_back(option.name);
  const std::string meant = nearest(word, known);
  return meant.empty() || meant == word ? "" : std::format(" (did you mean {}?)", meant);
}

int usage_error(const Program& program, const Place& place, const std::string& message) {
  std::string words;
  for (const auto& word : place.words) words += word + " ";
  print(stderr, std::format("{}: usage: {}{}\nusage: {}\nSee: {}--help\n", program.name, message,
                            suggestion(place, message), synopsis(place), words));
  return lineside::exit_code(ErrorCode::usage);
}

int report(const Program& program, const Error& error) {
  print(stderr, std::format("{}: {}\n  What to do: {}\n", program.name, to_string(error), code_action(error.code)));
  return lineside::exit_code(error.code);
}

// The word that stands where a command of `place` should; empty if there is none.
std::string wrong_command(const Place& place, const std::vector<std::string>& words) {
  const std::size_t at = place.words.size() - 1;
  return needs_command(place) && at < words.size() && !words[at].starts_with('-') ? words[at] : "";
}

int act(const Program& program, const Place& place) {
  try {
    const Result<int> result = place.command->run();
    return result ? *result : report(program, result.error());
  } catch (const std::bad_alloc&) {
    return report(program, Error{ErrorCode::limit_reached, "the system gives no more memory (ulimit -v, cgroup)"});
  } catch (const std::system_error& e) {
    const bool no_more = e.code() == std::errc::resource_unavailable_try_again;
    return report(program, Error{no_more ? ErrorCode::limit_reached : ErrorCode::internal,
                                 no_more ? "the system gives no more threads or memory (ulimit -u, ulimit -v, cgroup)"
                                         : e.what()});
  } catch (const std::exception& e) {
    return report(program, Error{ErrorCode::internal, e.what()});
  }
}

}  // namespace

int run(const Program& program, int argc, const char* const* argv) {
  checks_address_space();  // what it names is linked only so
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (words.size() == 1 && words[0] == "--man") return print(stdout, man_page(program)), 0;
  Place chosen = root_of(program);
  CLI::App app;
  if (!words.empty() && words[0] == "--completion") {
    if (words.size() != 2 || words[1] != "bash")
      return usage_error(program, chosen, "--completion knows one shell: bash");
    return print(stdout, bash_completion(program)), 0;
  }
  try {
    app.set_version_flag("--version", std::format("{} {}", program.name, version()));
    fill(app, root_of(program), chosen);
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    if (const std::string wrong = wrong_command(chosen, words); !wrong.empty())
      return usage_error(program, chosen, "there is no command " + wrong);
    return print(stdout, help_text(program, chosen)), 0;
  } catch (const CLI::CallForVersion& call) {
    return print(stdout, std::string(call.what()) + "\n"), 0;
  } catch (const CLI::Error& error) {
    // CLI11 would only say what is missing, whatever was given instead of it.
    if (const std::string wrong = wrong_command(chosen, words); !wrong.empty())
      return usage_error(program, chosen, "there is no command " + wrong);
    for (const std::string& extra : app.remaining(true))
      if (extra.starts_with('-') && extra != "--") return usage_error(program, chosen, "there is no option " + extra);
    if (needs_command(chosen)) return usage_error(program, chosen, "a command is missing");
    return usage_error(program, chosen, error.what());
  }
  return act(program, chosen);
}

}  // namespace lineside::cli
