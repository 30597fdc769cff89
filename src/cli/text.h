#pragma once
// Texts made from a Program's table; see cli.h for the ones that other modules may want.
#include <string>
#include <vector>

#include "cli/cli.h"

namespace lineside::cli {

// A command and the words that lead to it: {"lineside", "bundle", "verify"}.
struct Place {
  const Command* command;
  std::vector<std::string> words;
};

Place root_of(const Program& program);
// The root and all its commands, parents first.
std::vector<Place> all_places(const Program& program);

bool is_positional(const Option& option);
// "--rate HZ" or "FILE...", as shown to people.
std::string shown_name(const Option& option);
// What the option's variable holds at first; empty if there is nothing worth showing.
std::string shown_default(const Option& option);
// "lineside bundle verify [OPTIONS] FILE"
std::string synopsis(const Place& place);

std::string help_text(const Program& program, const Place& place);

}  // namespace lineside::cli
