#include "toolbox/commands.h"

namespace lineside::toolbox {

cli::Program toolbox_program() {
  cli::Program program{.name = "lineside",
                       .summary = "Lineside's toolbox: settings, model bundles, scores, recordings, the outbox."};
  program.root.commands = {check_command(),    settings_command(), bundle_commands(), score_command(),
                           quantize_command(), filter_command(),   rebuild_command(), rules_commands(),
                           opcua_commands(),   outbox_commands()};
  program.root.examples = {{"lineside check gateway.yaml", "lists every mistake in a settings file"},
                           {"lineside bundle show caps.lsb", "prints what is in a model bundle"}};
  return program;
}

}  // namespace lineside::toolbox
