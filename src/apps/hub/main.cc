// lineside-hub: what gateways deliver, kept and shown.
#include "apps/hub/commands.h"
#include "base/signals.h"
#include "cli/cli.h"

namespace {

using namespace lineside;
using cli::Command;

struct Arguments {
  hub::SiteOptions site;
  std::string admin_password_file, gateway, tenant_name;
  hub::UserOptions user;
  std::filesystem::path out, config;
  std::string audit_line;
  bool json = false;
};

cli::Option port_option(std::string name, std::string help, int& port) {
  auto option = cli::option(std::move(name), "N", std::move(help), port);
  option.min = 1;
  option.max = 65535;
  return option;
}

Command init_command(Arguments& arguments) {
  auto& site = arguments.site;
  return {
      .name = "init",
      .summary = "makes certificates, broker configuration, settings, database and the first user",
      .details =
          "What is there already is left alone, so it is safe to run again. The first user is 'admin' with a "
          "password that is printed once.",
      .options = {cli::required("--data", "DIR", "the hub's folder; made if it is not there", site.data),
                  cli::option("--host", "NAME", "a further name or address of this machine; may be repeated",
                              site.hosts),
                  port_option("--broker-port", "the broker's TLS port", site.broker_port),
                  port_option("--http-port", "the page's port", site.http_port),
                  cli::option("--admin-password-file", "FILE", "first line: the first user's password",
                              arguments.admin_password_file)},
      .examples = {{"lineside-hub init --data /var/lib/lineside-hub --host hub.plant.example", "a hub for a plant"}},
      .run = [&] { return hub::init_site(arguments.site, arguments.admin_password_file); }};
}

Command enroll_command(Arguments& arguments) {
  return {
      .name = "enroll",
      .summary = "makes a gateway's client certificate",
      .details =
          "Writes gateway.crt, gateway.key and ca.crt. Carry them to the gateway, name them under `uplink`, "
          "and keep no copy of the key.",
      .options = {cli::required("--data", "DIR", "the hub's folder", arguments.site.data),
                  cli::option("--tenant", "NAME", "whose gateway it is; see `tenant list`", arguments.user.tenant),
                  cli::required("--gateway", "NAME", "the gateway's id", arguments.gateway),
                  cli::required("--out", "DIR", "where the three files go", arguments.out)},
      .examples = {{"lineside-hub enroll --data /var/lib/lineside-hub --tenant default --gateway line1 --out line1-tls",
                    "certificate of the gateway line1"}},
      .run = [&] { return hub::enroll(arguments.site.data, arguments.user.tenant, arguments.gateway, arguments.out); }};
}

Command user_commands(Arguments& arguments) {
  auto& user = arguments.user;
  const auto data = cli::required("--data", "DIR", "the hub's folder", user.data);
  const auto tenant = cli::option("--tenant", "NAME", "the user's tenant", user.tenant);
  const auto name = cli::argument("NAME", "the user's name", user.name);
  const auto password = cli::option("--password-file", "FILE",
                                    "first line: the password; without it one is made and printed", user.password_file);
  auto role = cli::option("--role", "ROLE", "what the user may do", user.role);
  role.choices = {"admin", "viewer"};
  return {.name = "user",
          .summary = "adds users, changes passwords, lists users",
          .commands = {{.name = "add",
                        .summary = "adds a user",
                        .options = {name, data, tenant, role, password},
                        .run = [&] { return hub::add_user(arguments.user); }},
                       {.name = "passwd",
                        .summary = "changes a user's password and ends the user's sessions",
                        .options = {name, data, tenant, password},
                        .run = [&] { return hub::change_user_password(arguments.user); }},
                       {.name = "list", .summary = "lists all users", .options = {data}, .run = [&] {
                          return hub::list_users(arguments.user.data);
                        }}}};
}

Command tenant_commands(Arguments& arguments) {
  auto& user = arguments.user;
  return {
      .name = "tenant",
      .summary = "adds tenants, lists them",
      .commands = {
          {.name = "add",
           .summary = "adds a tenant; tenants never see each other",
           .options = {cli::argument("NAME", "the tenant's id", user.tenant),
                       cli::required("--data", "DIR", "the hub's folder", user.data),
                       cli::option("--title", "TEXT", "the tenant's name for people", arguments.tenant_name)},
           .run = [&] { return hub::add_tenant(arguments.user.data, arguments.user.tenant, arguments.tenant_name); }},
          {.name = "list",
           .summary = "lists all tenants, with how many users and gateways they have",
           .options = {cli::required("--data", "DIR", "the hub's folder", user.data)},
           .run = [&] { return hub::list_tenants(arguments.user.data); }}}};
}

Command audit_command(Arguments& arguments) {
  return {
      .name = "audit",
      .summary = "verifies the log of what people did: acknowledged, judged, changed passwords",
      .details =
          "Each line of the log has the hash of all before it: one that was changed, left out or put in is found, "
          "with its file and line. Works while the hub runs, and without it. To see also that the newest lines "
          "were not cut off, keep what it says of the newest one somewhere else, for --expect.",
      .options = {cli::required("--data", "DIR", "the hub's folder", arguments.site.data),
                  cli::option("--expect", "LINE", "a line that must be there, as NUMBER:HASH", arguments.audit_line),
                  cli::flag("--json", "print every entry as a line of JSON", arguments.json)},
      .examples = {{"lineside-hub audit --data hub --json", "who did what, and when"}},
      .run = [&] { return hub::show_audit(arguments.site.data, arguments.audit_line, arguments.json); }};
}

}  // namespace

int main(int argc, char** argv) {
  catch_stop_signals();
  Arguments arguments;
  cli::Program program{.name = "lineside-hub", .summary = "Keeps and shows what the gateways deliver."};
  program.root.commands = {
      init_command(arguments),
      enroll_command(arguments),
      user_commands(arguments),
      tenant_commands(arguments),
      audit_command(arguments),
      {.name = "serve",
       .summary = "takes in what gateways deliver, and serves the page",
       .options = {cli::required("--config", "FILE", "the hub's settings (YAML)", arguments.config)},
       .examples = {{"lineside-hub serve --config /var/lib/lineside-hub/hub.yaml", "run until stopped"}},
       .run = [&] { return hub::serve(arguments.config); }}};
  program.root.examples = {{"lineside-hub init --data hub", "make a new hub in the folder hub"},
                           {"lineside-hub serve --config hub/hub.yaml", "run it"}};
  return cli::run(program, argc, argv);
}
