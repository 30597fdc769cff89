#include <algorithm>
#include <format>

#include "cli/text.h"

namespace lineside::cli {
namespace {

bool takes_path(const Option& option) {
  return std::holds_alternative<std::filesystem::path*>(option.target) || option.value_name.contains("FILE") ||
         option.value_name.contains("DIR");
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

// The branch that completes the value of the option before the cursor.
std::string value_cases(const Command& command) {
  std::string out;
  for (const Option& option : command.options) {
    if (is_positional(option) || std::holds_alternative<bool*>(option.target)) continue;
    std::string action = "COMPREPLY=()";
    if (!option.choices.empty())
      action = std::format("COMPREPLY=($(compgen -W '{}' -- \"$cur\"))", joined(option.choices));
    if (takes_path(option)) action = "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\"))";
    out += std::format("        {}) {}; return ;;\n", option.name, action);
  }
  return out;
}

std::string place_case(const Program& program, const Place& place) {
  std::vector<std::string> words;
  bool positional = false;
  for (const Command& child : place.command->commands) words.push_back(child.name);
  for (const Option& option : place.command->options) {
    if (is_positional(option)) {
      positional = true;
    } else {
      words.push_back(option.name);
    }
  }
  words.emplace_back("--help");
  if (place.command == &program.root) words.insert(words.end(), {"--version", "--man", "--completion"});
  std::string out = std::format("    '{}')\n", joined(place.words));
  if (const std::string cases = value_cases(*place.command); !cases.empty())
    out += "      case \"$prev\" in\n" + cases + "      esac\n";
  out += std::format("      COMPREPLY=($(compgen -W '{}' -- \"$cur\"))\n", joined(words));
  if (positional)
    out += "      [[ $cur == -* ]] || { compopt -o filenames; COMPREPLY+=($(compgen -f -- \"$cur\")); }\n";
  return out + "      ;;\n";
}

}  // namespace

std::string bash_completion(const Program& program) {
  std::string function = "_" + program.name;
  std::ranges::replace(function, '-', '_');
  std::string known, cases;
  for (const Place& place : all_places(program)) {
    known += std::format("      '{}') place=$next ;;\n", joined(place.words));
    cases += place_case(program, place);
  }
  return std::format(R"(# bash completion of {0}; made by: {0} --completion bash
{1}() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} place={0} word next
  COMPREPLY=()
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    next="$place $word"
    case "$next" in
{2}    esac
  done
  case "$place" in
{3}  esac
}}
complete -F {1} {0}
)",
                     program.name, function, known, cases);
}

}  // namespace lineside::cli
