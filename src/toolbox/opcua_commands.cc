#include <algorithm>
#include <cstdio>
#include <format>
#include <map>
#include <memory>
#include <set>

#include "base/utf8.h"
#include "opcua/connection.h"
#include "toolbox/commands.h"

namespace lineside::toolbox {
namespace {

using namespace std::chrono_literals;

constexpr int kNodesMax = 100'000;
constexpr std::size_t kTagNameMax = 120;

struct BrowseCommand {
  OpcuaAccess access;
  std::string node = "ns=0;i=85", security = "none";
  std::filesystem::path pki_folder, password_file;
  int depth = 8;
  double timeout_s = 60;
  bool settings = false, tags = false;
};

struct Found {
  std::string parent;  // path of names
  opcua::Node node;
  opcua::DataValue value;    // of its numbers the first only
  std::size_t elements = 0;  // how many numbers it has
};

// Walks the nodes below one, each once, and prints them as they come. A node that can't be looked into says so and
// stops nothing.
class Walk {
 public:
  Walk(opcua::Connection& connection, const BrowseCommand& command, MonoTime deadline)
      : connection_(connection), command_(command), deadline_(deadline) {}

  Result<void> below(const std::string& node, const std::string& name, int level) {
    auto children = connection_.children(node, deadline_, {});
    if (!children && children.error().code == ErrorCode::not_found && level > 0) {
      std::fputs(std::format("{:{}}# {}\n", "", indent(level), printable(children.error().message)).c_str(), stdout);
      return {};
    }
    if (!children) return std::unexpected(children.error());
    LINESIDE_ASSIGN(auto found, look_at(std::move(*children), name));
    for (Found& one : found) {
      if (!command_.settings && !command_.tags) print(one, level);
      const std::string id = one.node.id, path = name.empty() ? one.node.name : name + "/" + one.node.name;
      if (one.node.variable) variables.push_back(std::move(one));
      if (level < command_.depth) LINESIDE_TRY(below(id, path, level + 1));
    }
    return {};
  }

  std::vector<Found> variables;

 private:
  // Those that were not seen before, with their values.
  Result<std::vector<Found>> look_at(std::vector<opcua::Node> nodes, const std::string& parent) {
    std::vector<Found> found;
    std::vector<std::string> ids;
    for (opcua::Node& node : nodes) {
      // Namespace 0 is OPC UA's own: the server about itself.
      const bool own = !node.id.starts_with("i=") && !node.id.starts_with("ns=0;");
      if (!own || !seen_.insert(node.id).second) continue;
      if (seen_.size() > kNodesMax)
        return fail(ErrorCode::limit_reached, std::format("more than {} nodes: begin deeper with --node", kNodesMax));
      if (node.variable) ids.push_back(node.id);
      found.push_back({.parent = parent, .node = std::move(node), .value = {}});
    }
    LINESIDE_ASSIGN(auto values, connection_.read(ids, deadline_, {}));
    auto value = values.begin();
    for (Found& one : found) {
      if (!one.node.variable) continue;
      one.value = std::move(*value++);
      one.elements = one.value.numbers.size();
      one.value.numbers.resize(std::min<std::size_t>(one.elements, 1));
      one.value.numbers.shrink_to_fit();
    }
    return found;
  }
  int indent(int level) const { return command_.settings || command_.tags ? 0 : 2 * level; }
  static std::string value_text(const Found& found) {
    const opcua::DataValue& value = found.value;
    if (value.bad()) return std::string(opcua::status_name(value.status));
    if (value.type.empty()) return "no value";
    if (value.array) return std::format("{}[{}]", value.type, found.elements);
    if (!value.numbers.empty()) return std::format("{} = {}", value.type, value.numbers[0]);
    return value.text.empty() ? std::string(value.type) : std::format("{} = \"{}\"", value.type, value.text);
  }
  void print(const Found& found, int level) const {
    const std::string what = found.node.variable ? value_text(found) : "";
    const std::string line = printable(std::format("{}  {}  {}", found.node.name, found.node.id, what));
    std::fputs(std::format("{:{}}{}\n", "", indent(level), line).c_str(), stdout);
  }

  opcua::Connection& connection_;
  const BrowseCommand& command_;
  const MonoTime deadline_;
  std::set<std::string> seen_;
};

// Names of servers may have anything in them: what no terminal should see stands as YAML's \u and the number of it.
std::string yaml_text(std::string_view text) {
  const bool plain = printable(text) == text;
  std::string out(1, plain ? '\'' : '"');
  while (!text.empty()) {
    const std::string_view next = text.substr(0, std::max<std::size_t>(utf8_length(text), 1));
    text.remove_prefix(next.size());
    if (plain)
      out += next == "'" ? "''" : next;
    else if (next == "\"" || next == "\\")
      out += '\\', out += next;
    else if (printable(next) == next)
      out += next;
    else
      out += std::format("\\u{:04X}", utf8_length(next) == 0 ? 0xFFFD : utf8_number(next));
  }
  return out + (plain ? '\'' : '"');
}

// A name as settings want one, of the last of a path's names: a-z, 0-9, '-' and '_'.
std::string plain_name(const std::string& path) {
  std::string out;
  for (const char c : path.substr(path.rfind('/') + 1).substr(0, 63)) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool fits = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') || lower == '_';
    out += fits ? lower : '-';
  }
  return out.empty() ? "machine" : out;
}

// A tag's name: letters, digits, '_', '-' and '.', in paths; with a number where it was there before.
std::string tag_name(const Found& found, std::set<std::string>& names) {
  std::string out;
  for (const char c : (found.parent.empty() ? "" : found.parent + "/") + found.node.name) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                      c == '_' || (c == '/' && !out.empty() && out.back() != '/');
    out += fits ? c : '-';
  }
  if (out.size() > kTagNameMax) out.erase(0, out.size() - kTagNameMax);
  if (out.empty()) out = "tag";
  if (out.front() == '/') out.front() = '-';
  if (out.back() == '/') out.back() = '-';
  std::string name = out;
  for (int i = 2; !names.insert(name).second; ++i) name = std::format("{}-{}", out, i);
  return name;
}

std::string source_text(const BrowseCommand& command, std::string_view list) {
  std::string text = std::format("{}:\n  - name: plc\n    kind: opcua\n    opcua:\n", list);
  text += std::format("      endpoint: {}\n", yaml_text(command.access.endpoint));
  if (command.security != "none") text += std::format("      security: {}\n", command.security);
  if (!command.pki_folder.empty())
    text += std::format("      pki_folder: {}\n", yaml_text(command.pki_folder.string()));
  if (!command.access.username.empty())
    text += std::format("      username: {}\n      password_file: {}\n", yaml_text(command.access.username),
                        yaml_text(command.password_file.string()));
  if (command.access.plain_password) text += "      plain_password: true\n";
  return text;
}

// Of arrays too, each element would be a tag: whoever wants that says which.
void print_tags(const BrowseCommand& command, const std::vector<Found>& variables) {
  std::set<std::string> names;
  std::string text = source_text(command, "tag_sources"), tags;
  for (const Found& found : variables) {
    if (found.value.array || found.value.numbers.empty()) continue;
    tags += std::format("  - {{name: {}, source: plc, unit: '', opcua: {{node: {}}}}}   # {} = {}\n",
                        tag_name(found, names), yaml_text(found.node.id), found.value.type, found.value.numbers[0]);
  }
  text += tags.empty() ? "# No numbers were found below the node.\n" : "tags:\n" + tags;
  std::fputs(text.c_str(), stdout);
}

void print_settings(const BrowseCommand& command, const std::vector<Found>& variables) {
  std::map<std::string, std::vector<const Found*>> arrays;  // by what they belong to
  for (const Found& found : variables)
    if (found.value.array && !found.value.numbers.empty()) arrays[found.parent].push_back(&found);
  std::string text = source_text(command, "waveform_sources");
  text += arrays.empty() ? "# No arrays of numbers were found below the node.\n" : "assets:\n";
  for (const auto& [parent, nodes] : arrays) {
    text += std::format("  - name: {}\n    source: plc\n", plain_name(parent));
    text += "    rate_hz:   # samples a second: no server says it, ask who programmed the controller\n    channels:\n";
    for (const Found* found : nodes)
      text += std::format("      - {{name: {}, node: {}}}   # {} of {} samples\n", yaml_text(found->node.name),
                          yaml_text(found->node.id), found->value.type, found->elements);
    text += "    mode: learning\n";
  }
  std::fputs(text.c_str(), stdout);
}

Result<int> browse(BrowseCommand command) {
  using Security = OpcuaAccess::Security;
  OpcuaAccess& access = command.access;
  access.security = command.security == "none"   ? Security::none
                    : command.security == "sign" ? Security::sign
                                                 : Security::sign_and_encrypt;
  access.pki_folder = command.pki_folder.string();
  access.password_file = command.password_file.string();
  LINESIDE_ASSIGN(const auto credentials, opcua::read_credentials(access, "toolbox"));
  const MonoTime deadline = system_clock().mono() + nanoseconds{static_cast<std::int64_t>(command.timeout_s * 1e9)};
  LINESIDE_ASSIGN(const auto connection, opcua::Connection::open(access, credentials, deadline, {}));
  Walk walk(*connection, command, deadline);
  LINESIDE_TRY(walk.below(command.node, "", 0));
  if (command.settings) print_settings(command, walk.variables);
  if (command.tags) print_tags(command, walk.variables);
  return 0;
}

}  // namespace

cli::Command opcua_commands() {
  const auto options = std::make_shared<BrowseCommand>();
  cli::Command command{.name = "browse", .summary = "lists the nodes of an OPC UA server"};
  command.details =
      "Each node with its id, as the settings take it, and what its value is now. --settings prints a beginning of a "
      "gateway's settings with every array of numbers instead: what belongs to one object becomes one asset; the rate "
      "has to be filled in. --tags prints one with every single number as a tag.\n\nWith --security the toolbox has a "
      "certificate of its own in --pki, which the server has "
      "to accept; the gateway's folder will do for both.";
  command.options = {
      cli::argument("URL", "opc.tcp://HOST:PORT/PATH", options->access.endpoint),
      cli::option("--node", "NODE", "the node to begin at", options->node),
      cli::option("--depth", "N", "levels below it, 0 to 100", options->depth),
      cli::option("--security", "MODE", "none, sign or sign_and_encrypt", options->security),
      cli::option("--pki", "DIR", "certificates: own/, trusted/, rejected/", options->pki_folder),
      cli::option("--username", "NAME", "sign in by name", options->access.username),
      cli::option("--password-file", "FILE", "its first line is the password", options->password_file),
      cli::flag("--plain-password", "send the password without encryption", options->access.plain_password),
      cli::option("--timeout", "S", "seconds for all of it, 1 to 3600", options->timeout_s),
      cli::flag("--settings", "print settings for the arrays instead of the nodes", options->settings),
      cli::flag("--tags", "print settings for the numbers as tags instead", options->tags)};
  command.options[2].max = 100;
  command.options[3].choices = {"none", "sign", "sign_and_encrypt"};
  command.options[8].min = 1;
  command.options[8].max = 3600;
  command.examples = {
      {"lineside opcua browse opc.tcp://192.168.10.30:4840", "what does this controller offer"},
      {"lineside opcua browse opc.tcp://192.168.10.30:4840 --settings > press.yaml",
       "a beginning of a gateway's settings"},
      {"lineside opcua browse opc.tcp://192.168.10.30:4840 --tags > tags.yaml", "of its numbers as tags"}};
  command.run = [options] { return browse(*options); };
  cli::Command group{.name = "opcua", .summary = "looks at OPC UA servers"};
  group.commands = {std::move(command)};
  return group;
}

}  // namespace lineside::toolbox
