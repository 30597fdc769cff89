#include "cli/text.h"

#include <algorithm>
#include <cstdlib>
#include <format>

#include "base/version.h"

namespace lineside::cli {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kHelpColumn = 28;

void collect(std::vector<Place>& places, const Command& command, std::vector<std::string> words) {
  places.push_back({&command, words});
  for (const Command& child : command.commands) {
    auto child_words = words;
    child_words.push_back(child.name);
    collect(places, child, std::move(child_words));
  }
}

// Breaks at spaces so that lines with `indent` stay within the width.
std::string wrapped(const std::string& text, std::size_t indent) {
  std::string out;
  std::size_t column = indent, start = 0;
  while (start < text.size()) {
    std::size_t end = text.find_first_of(" \n", start);
    if (end == std::string::npos) end = text.size();
    const std::size_t length = end - start;
    if (column > indent && column + 1 + length > kWidth) {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out.append(text, start, length);
    column += length;
    if (end < text.size() && text[end] == '\n') {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    }
    start = end + 1;
  }
  return out;
}

// "shows a thing" as "Shows a thing."
std::string sentence(std::string text) {
  if (text.empty()) return text;
  if (text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  if (text.back() != '.') text += '.';
  return text;
}

std::string row(const std::string& name, const std::string& help) {
  std::string line = "  " + name;
  if (line.size() + 2 > kHelpColumn) {
    line += std::format("\n{:{}}", "", kHelpColumn);
  } else {
    line.resize(kHelpColumn, ' ');
  }
  return line + wrapped(help, kHelpColumn) + '\n';
}

std::string option_help(const Option& option) {
  std::string help = option.help;
  if (!option.choices.empty()) {
    std::string list;
    for (const auto& choice : option.choices) list += (list.empty() ? "" : ", ") + choice;
    help += " (" + list + ")";
  }
  if (option.required && !is_positional(option)) help += "; required";
  if (const std::string text = shown_default(option); !text.empty()) help += "; default " + text;
  return help;
}

struct Show {
  std::string operator()(const bool*) const { return {}; }
  std::string operator()(const std::string* text) const { return *text; }
  // Below the home folder as "~/": a manual page is not about who made it.
  std::string operator()(const std::filesystem::path* path) const {
    const char* home = ::getenv("HOME");
    const std::string text = path->string(), prefix = home == nullptr ? "" : std::string(home) + "/";
    return prefix.size() > 1 && text.starts_with(prefix) ? "~/" + text.substr(prefix.size()) : text;
  }
  std::string operator()(const std::vector<std::string>*) const { return {}; }
  std::string operator()(const auto* number) const { return std::format("{}", *number); }
};

}  // namespace

Place root_of(const Program& program) { return {&program.root, {program.name}}; }

std::vector<Place> all_places(const Program& program) {
  std::vector<Place> places;
  collect(places, program.root, {program.name});
  return places;
}

bool is_positional(const Option& option) { return !option.name.starts_with('-'); }

std::string shown_name(const Option& option) {
  return option.value_name.empty() || is_positional(option) ? option.name : option.name + " " + option.value_name;
}

std::string shown_default(const Option& option) {
  if (option.required) return {};
  return std::visit(Show{}, option.target);
}

std::string synopsis(const Place& place) {
  std::string out;
  for (const auto& word : place.words) out += (out.empty() ? "" : " ") + word;
  if (!place.command->run) return out + " COMMAND [ARGS]";
  bool optional = false;
  for (const Option& option : place.command->options)
    if (!is_positional(option)) {
      if (option.required) {
        out += " " + shown_name(option);
      } else {
        optional = true;
      }
    }
  if (optional) out += " [OPTIONS]";
  for (const Option& option : place.command->options)
    if (is_positional(option)) out += option.required ? " " + option.name : " [" + option.name + "]";
  return place.command->commands.empty() ? out : out + " [COMMAND [ARGS]]";
}

std::string help_text(const Program& program, const Place& place) {
  const Command& command = *place.command;
  const bool is_root = place.command == &program.root;
  std::string out = sentence(is_root ? program.summary : command.summary) + "\n\nusage: " + synopsis(place) + "\n";
  if (!command.details.empty()) out += "\n" + wrapped(command.details, 0) + "\n";
  if (!command.commands.empty()) {
    out += "\nCommands:\n";
    for (const Command& child : command.commands) out += row(child.name, child.summary);
  }
  out += "\nOptions:\n";
  for (const Option& option : command.options) out += row(shown_name(option), option_help(option));
  out += row("-h, --help", "say this");
  if (is_root) {
    out += row("--version", "print the version");
    out += row("--man", "print the manual page (troff)");
    out += row("--completion SHELL", "print the completion script for SHELL (bash)");
  }
  if (!command.examples.empty()) out += "\nExamples:\n";
  for (const Example& example : command.examples)
    out += std::format("  {}\n      {}\n", example.command, wrapped(example.meaning, 6));
  if (is_root) out += "\nExit codes: 0 done, 2 wrong usage, others as docs/errors.md lists them.\n";
  return out;
}

}  // namespace lineside::cli
