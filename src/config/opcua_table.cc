#include "config/opcua_table.h"

#include <format>

namespace lineside::config {
namespace {

Table<OpcuaAccess> access_table() {
  using Security = OpcuaAccess::Security;
  return Table<OpcuaAccess>("Access to an OPC UA server")
      .text("endpoint", &OpcuaAccess::endpoint, TextRule::any, "opc.tcp://HOST:PORT/PATH.")
      .required()
      .choice(
          "security", &OpcuaAccess::security,
          {{"none", Security::none}, {"sign", Security::sign}, {"sign_and_encrypt", Security::sign_and_encrypt}},
          "All but none use Basic256Sha256 and the certificates of pki_folder. With none whoever is on that network "
          "can make up values.")
      .text("pki_folder", &OpcuaAccess::pki_folder, TextRule::path,
            "Folder of certificates: own/ is made at the first start; servers' certificates that are accepted lie in "
            "trusted/, refused ones in rejected/.")
      .text("username", &OpcuaAccess::username, TextRule::any, "User name, where the server asks for one.")
      .text("password_file", &OpcuaAccess::password_file, TextRule::path, "File whose first line is the password.")
      .text("user_cert_file", &OpcuaAccess::user_cert_file, TextRule::path,
            "Certificate to sign in with instead (DER or PEM).")
      .text("user_key_file", &OpcuaAccess::user_key_file, TextRule::path, "Its private key (DER or PEM).")
      .flag("plain_password", &OpcuaAccess::plain_password,
            "Send the password without encryption where `security` is none or the server does not encrypt it.");
}

}  // namespace

Table<OpcuaSettings> opcua_table(const OpcuaWords& words) {
  using Stamp = OpcuaSettings::Stamp;
  constexpr double kMinuteMs = 60'000;
  const std::string sampling =
      "How often the server looks whether a node has changed; 0: at each change, as fast as it can.";
  Table<OpcuaSettings> table(words.title, words.defaults);
  table.beside("", &OpcuaSettings::server, access_table())
      .milliseconds("sampling_ms", &OpcuaSettings::sampling, 0, kMinuteMs,
                    sampling + (words.arrays ? " No more than half of what an array lasts, or arrays are missed." : ""))
      .milliseconds("publishing_ms", &OpcuaSettings::publishing, 10, kMinuteMs,
                    "How often the server sends what has changed.")
      .integer("queue", &OpcuaSettings::queue, "", 1, 10'000,
               "Values of a node that the server holds until they are sent; more push out the oldest, seen as a gap.");
  if (words.arrays)
    table.choice("stamp", &OpcuaSettings::stamp,
                 {{"last_sample", Stamp::last_sample}, {"first_sample", Stamp::first_sample}},
                 "Which sample of an array was taken at the array's source time.");
  return table;
}

void check_opcua(const std::string& at, const OpcuaSettings& opcua, Findings& findings) {
  const OpcuaAccess& server = opcua.server;
  const bool secured = server.security != OpcuaAccess::Security::none;
  if (server.endpoint.empty()) {
    findings.problem(at + ".endpoint", "is missing; an OPC UA source needs its server");
    return;
  }
  if (!server.endpoint.starts_with("opc.tcp://"))
    findings.problem(at + ".endpoint", std::format("must begin with opc.tcp://, not '{}'", server.endpoint));
  if (secured && server.pki_folder.empty())
    findings.problem(at + ".pki_folder", "is missing; security needs a folder of certificates");
  if (server.user_cert_file.empty() != server.user_key_file.empty())
    findings.problem(at + (server.user_cert_file.empty() ? ".user_cert_file" : ".user_key_file"),
                     "is missing; certificate and private key go together");
  if (!server.user_cert_file.empty() && server.pki_folder.empty())
    findings.problem(at + ".pki_folder", "is missing; signing in by a certificate needs it too");
  if (!server.user_cert_file.empty() && !server.username.empty())
    findings.problem(at + ".username", "contradicts user_cert_file: sign in by name or by certificate");
  if (!server.username.empty() && server.password_file.empty())
    findings.problem(at + ".password_file", "is missing; the user name needs a password");
  if (!server.username.empty() && !secured && !server.plain_password)
    findings.problem(at + ".security", "none sends the password unencrypted: choose another one, or plain_password");
  check_readable(server.password_file, at + ".password_file", findings);
  check_readable(server.user_cert_file, at + ".user_cert_file", findings);
  check_readable(server.user_key_file, at + ".user_key_file", findings);
}

}  // namespace lineside::config
