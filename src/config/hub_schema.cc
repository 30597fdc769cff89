#include "config/broker_table.h"
#include "config/hub_settings.h"
#include "config/table.h"

namespace lineside::config {

Schema hub_schema() {
  constexpr double kPortMax = 65'535;
  return Table<HubSettings>("The hub")
      .text("data_dir", &HubSettings::data_dir, TextRule::path, "Folder of the database and the certificate authority.")
      .required()
      .beside("broker_", &HubSettings::broker,
              broker_table({}, {.of_kind = "",
                                .host = "The MQTT broker's host name or address.",
                                .port = "The broker's TCP port.",
                                .without_tls = "Without it the broker must be on this machine.",
                                .certificate = "the hub's certificate (PEM)."}))
      .text("http_address", &HubSettings::http_address, TextRule::any, "Address that the page is served on.")
      .integer("http_port", &HubSettings::http_port, "", 1, kPortMax, "TCP port of the page.")
      .text("http_cert_file", &HubSettings::http_cert_file, TextRule::path,
            "Certificate of the page (PEM). Without certificate and key: plain HTTP, on loopback only.")
      .text("http_key_file", &HubSettings::http_key_file, TextRule::path, "The certificate's private key (PEM).")
      .text_list("http_trusted_proxies", &HubSettings::http_trusted_proxies, TextRule::any,
                 "IP addresses of the TLS proxies in front. Their X-Forwarded-For and X-Forwarded-Proto are believed, "
                 "nobody else's.")
      .text("metrics_token_file", &HubSettings::metrics_token_file, TextRule::path,
            "File whose first line is what /metrics asks for (Authorization: Bearer ...); empty: it is not served.")
      .integer("session_hours", &HubSettings::session_hours, "h", 1, 720, "Signed out after so long.")
      .integer("keep_days", &HubSettings::keep_days, "days", 0, 36'500,
               "Older verdicts and summaries are deleted; 0 keeps them for ever.")
      .schema();
}

}  // namespace lineside::config
