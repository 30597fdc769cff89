#include <cstdio>
#include <format>
#include <memory>

#include "bundle/bundle.h"
#include "condition/asset.h"
#include "config/load.h"
#include "rules/surroundings.h"
#include "toolbox/commands.h"

namespace lineside::toolbox {
namespace {

struct CheckOptions {
  std::vector<std::string> files;
  bool elsewhere = false;
};

// Opens the bundles of stations and assets, the files about machines and those of rules, as the gateway and its trainer
// would. The first error's code, every error's text.
Result<void> check_named_files(const std::string& file) {
  LINESIDE_ASSIGN(const auto settings, config::load_gateway_settings(file));
  LINESIDE_ASSIGN(const auto trust,
                  bundle::Trust::from_files(settings.inference.trusted_keys, settings.inference.allow_unsigned));
  std::optional<Error> failed;
  const auto look = [&](const std::string& whose, const auto& opened) {
    if (opened) return;
    if (!failed) failed = Error{opened.error().code, file + ":"};
    failed->message += std::format("\n  {}: {}", whose, opened.error().message);
  };
  for (const auto& station : settings.stations)
    look(std::format("station '{}'", station.name), bundle::Bundle::open(station.bundle, trust));
  for (const auto& asset : settings.assets) {
    const std::string whose = std::format("asset '{}'", asset.name);
    if (!asset.bundle.empty()) look(whose, bundle::Bundle::open(asset.bundle, trust));
    if (!asset.machine.empty()) look(whose, condition::read_asset(asset.machine));
  }
  if (!settings.rules.empty()) look("rules", rules::rules_of(settings, rules::surroundings_of(settings)));
  if (failed) return std::unexpected(*failed);
  return {};
}

// What the file is, for people.
Result<std::string> check_file(const std::string& file, bool elsewhere) {
  using config::NamedFiles;
  if (rules::holds_rules(file)) {
    LINESIDE_TRY(rules::load_rules(file, {rules::TagList::any()}));
    return "rules, no mistakes as far as can be told without their tags (lineside rules check)";
  }
  auto kind = config::check_settings_file(file, elsewhere ? NamedFiles::elsewhere : NamedFiles::here);
  if (kind && *kind == "gateway" && !elsewhere) LINESIDE_TRY(check_named_files(file));
  if (!kind) return kind;
  return std::format("settings of lineside-{}, no mistakes", *kind);
}

// All files are checked, so that one run shows every mistake; the first error decides the exit code.
Result<int> check(const CheckOptions& options) {
  std::optional<Error> failed;
  for (const std::string& file : options.files) {
    const auto found = check_file(file, options.elsewhere);
    if (found) {
      std::fputs(std::format("{}: {}\n", file, *found).c_str(), stdout);
    } else if (!failed) {
      failed = found.error();
    } else {
      failed->message += "\n" + found.error().message;
    }
  }
  if (failed) return std::unexpected(*failed);
  return 0;
}

struct SettingsOptions {
  std::string kind, format = "markdown";
};

Result<int> print_settings(const SettingsOptions& options) {
  const std::string text =
      options.format == "markdown" ? config::reference_page(options.kind) : config::json_schema(options.kind);
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace

cli::Command check_command() {
  const auto options = std::make_shared<CheckOptions>();
  cli::Command command{.name = "check", .summary = "checks settings files without starting anything"};
  command.details =
      "Tells by its keys whether a file holds the settings of lineside-gateway, lineside-hub or lineside-plant, or "
      "rules, and "
      "lists every mistake with file, line, key and limits, exactly as that program would at its start. Of a gateway's "
      "settings the bundles are opened too (whole, and signed by a trusted key?), and what is said of machines and "
      "its rules are read.";
  command.options = {
      cli::argument("FILE...", "settings files (YAML)", options->files),
      cli::flag("--elsewhere", "for another machine: don't look for the files named in it", options->elsewhere)};
  command.examples = {{"lineside check gateway.yaml", "says what is wrong with it, or that nothing is"}};
  command.run = [options] { return check(*options); };
  return command;
}

cli::Command settings_command() {
  const auto options = std::make_shared<SettingsOptions>();
  cli::Command command{.name = "settings", .summary = "prints the reference of a program's settings"};
  cli::Option program = cli::argument("PROGRAM", "whose settings", options->kind);
  program.choices = {"gateway", "hub", "plant"};
  cli::Option format = cli::option("--format", "FORMAT", "page for people or JSON Schema for editors", options->format);
  format.choices = {"markdown", "json-schema"};
  command.options = {program, format};
  command.examples = {{"lineside settings gateway", "every key with type, unit, range and default"},
                      {"lineside settings hub --format json-schema", "the same for an editor"}};
  command.run = [options] { return print_settings(*options); };
  return command;
}

}  // namespace lineside::toolbox
