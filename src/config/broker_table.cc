#include "config/broker_table.h"

#include <cctype>

namespace lineside::config {

Table<BrokerAccess> broker_table(const BrokerAccess& defaults, const BrokerWords& words) {
  const auto of_kind = [&words](std::string text) {
    if (words.of_kind.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    return words.of_kind + text;
  };
  Table<BrokerAccess> table("A broker", defaults);
  table.text("host", &BrokerAccess::host, TextRule::any, words.host)
      .integer("port", &BrokerAccess::port, "", 1, 65'535, words.port);
  if (defaults.port == 0) table.no_default();
  return table.flag("tls", &BrokerAccess::tls, of_kind("use TLS. " + words.without_tls))
      .text("ca_file", &BrokerAccess::ca_file, TextRule::path, of_kind("certificate authority of the broker (PEM)."))
      .text("cert_file", &BrokerAccess::cert_file, TextRule::path, of_kind(words.certificate))
      .text("key_file", &BrokerAccess::key_file, TextRule::path, of_kind("the certificate's private key (PEM)."))
      .text("username", &BrokerAccess::username, TextRule::any, of_kind("user name, where the broker asks for one."))
      .text("password_file", &BrokerAccess::password_file, TextRule::path,
            of_kind("file whose first line is the password."));
}

}  // namespace lineside::config
