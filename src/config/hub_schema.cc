#include "config/hub_settings.h"
#include "config/table.h"

namespace lineside::config {

Schema hub_schema() {
  constexpr double kPortMax = 65'535;
  return Table<HubSettings>("The hub")
      .text("data_dir", &HubSettings::data_dir, TextRule::path, "Folder of the database and the certificate authority.")
      .required()
      .text("broker_host", &HubSettings::broker_host, TextRule::any, "The MQTT broker's host name or address.")
      .integer("broker_port", &HubSettings::broker_port, "", 1, kPortMax, "The broker's TCP port.")
      .flag("broker_tls", &HubSettings::broker_tls, "Use TLS. Without it the broker must be on this machine.")
      .text("broker_ca_file", &HubSettings::broker_ca_file, TextRule::path,
            "Certificate authority of the broker (PEM).")
      .text("broker_cert_file", &HubSettings::broker_cert_file, TextRule::path, "The hub's certificate (PEM).")
      .text("broker_key_file", &HubSettings::broker_key_file, TextRule::path, "The certificate's private key (PEM).")
      .text("broker_username", &HubSettings::broker_username, TextRule::any,
            "User name, where the broker asks for one.")
      .text("broker_password_file", &HubSettings::broker_password_file, TextRule::path,
            "File whose first line is the password.")
      .text("http_address", &HubSettings::http_address, TextRule::any, "Address that the page is served on.")
      .integer("http_port", &HubSettings::http_port, "", 1, kPortMax, "TCP port of the page.")
      .text("http_cert_file", &HubSettings::http_cert_file, TextRule::path,
            "Certificate of the page (PEM). Without certificate and key: plain HTTP, on loopback only.")
      .text("http_key_file", &HubSettings::http_key_file, TextRule::path, "The certificate's private key (PEM).")
      .text("metrics_token_file", &HubSettings::metrics_token_file, TextRule::path,
            "File whose first line is what /metrics asks for (Authorization: Bearer ...); empty: it is not served.")
      .integer("session_hours", &HubSettings::session_hours, "h", 1, 720, "Signed out after so long.")
      .integer("keep_days", &HubSettings::keep_days, "days", 0, 36'500,
               "Older verdicts and summaries are deleted; 0 keeps them for ever.")
      .schema();
}

}  // namespace lineside::config
