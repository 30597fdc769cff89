#include <algorithm>
#include <format>

#include "base/version.h"
#include "cli/text.h"

namespace lineside::cli {
namespace {

// Text for troff: backslashes and minus signs are its own, and a line must not begin with a control character.
std::string troff(const std::string& text) {
  std::string out;
  for (char c : text) {
    const bool line_start = out.empty() || out.back() == '\n';
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string options_section(const Command& command) {
  std::string out;
  for (const Option& option : command.options) {
    out += std::format(".TP\n.B {}\n{}", troff(shown_name(option)), troff(option.help));
    for (std::size_t i = 0; i < option.choices.size(); ++i)
      out += (i == 0 ? " (" : ", ") + troff(option.choices[i]) + (i + 1 == option.choices.size() ? ")" : "");
    if (option.required && !is_positional(option)) out += "; required";
    if (const std::string text = shown_default(option); !text.empty()) out += "; default " + troff(text);
    out += ".\n";
  }
  return out;
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

}  // namespace

std::string man_page(const Program& program) {
  std::string out = std::format(".TH {} 1 \"\" \"Lineside {}\" \"Lineside\"\n.SH NAME\n{} \\- {}\n",
                                upper(program.name), version(), troff(program.name), troff(program.summary));
  const auto places = all_places(program);
  out += ".SH SYNOPSIS\n";
  for (const Place& place : places)
    if (place.command->run) out += ".B " + troff(synopsis(place)) + "\n.br\n";
  if (!program.root.details.empty()) out += ".SH DESCRIPTION\n" + troff(program.root.details) + "\n";
  out += ".SH OPTIONS\n" + options_section(program.root);
  out +=
      ".TP\n.B \\-h, \\-\\-help\nSay how to use the program or command.\n.TP\n.B \\-\\-version\nPrint the version.\n";
  if (places.size() > 1) out += ".SH COMMANDS\n";
  for (const Place& place : places) {
    if (place.command == &program.root) continue;
    out += ".SS " + troff(synopsis(place)) + "\n" + troff(place.command->summary) + "\n";
    if (!place.command->details.empty()) out += ".PP\n" + troff(place.command->details) + "\n";
    out += options_section(*place.command);
  }
  bool first = true;
  for (const Place& place : places)
    for (const Example& example : place.command->examples) {
      if (first) out += ".SH EXAMPLES\n";
      first = false;
      out += std::format(".TP\n.B {}\n{}\n", troff(example.command), troff(example.meaning));
    }
  out +=
      ".SH EXIT STATUS\n0: done. 2: wrong usage. Others: one for each kind of error, as docs/errors.md lists them.\n";
  return out;
}

}  // namespace lineside::cli
