#pragma once
// The commands of `lineside`, the toolbox: each group adds its commands to the table that the command line is made
// from.
#include "cli/cli.h"

namespace lineside::toolbox {

// What a group adds. `Command::run` returns 0, or an error whose exit code becomes the program's. Option variables must
// outlive run(): groups keep them in a std::shared_ptr<struct> that the action captures.
cli::Command check_command();     // lineside check FILE...
cli::Command settings_command();  // lineside settings PROGRAM
cli::Command bundle_commands();   // lineside bundle show|verify|make
cli::Command score_command();     // lineside score
cli::Command quantize_command();  // lineside quantize
cli::Command filter_command();    // lineside filter
cli::Command rebuild_command();   // lineside rebuild SEGMENTS
cli::Command rules_commands();    // lineside rules check|test
cli::Command opcua_commands();    // lineside opcua browse URL
cli::Command outbox_commands();   // lineside outbox show|verify

cli::Program toolbox_program();

}  // namespace lineside::toolbox
