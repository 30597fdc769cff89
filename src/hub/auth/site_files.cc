#include "hub/auth/site_files.h"

#include <format>

#include "base/file.h"
#include "hub/auth/accounts.h"
#include "hub/auth/certificates.h"
#include "hub/auth/passwords.h"

namespace lineside::hub {
namespace {

constexpr std::string_view kHubName = "lineside-hub";

CertificateFiles pair_in(const fs::path& folder, const std::string& name) {
  return {folder / (name + ".crt"), folder / (name + ".key")};
}

// The certificate is written last, so that its being there means that both are.
bool complete(const CertificateFiles& files) { return fs::exists(files.certificate) && fs::exists(files.key); }

std::string broker_configuration(const SiteOptions& options) {
  return std::format(R"(# Mosquitto for Lineside: `mosquitto -c {0}/mosquitto.conf`. Made by `lineside-hub init`.
# Who connects shows a certificate of this folder's authority; its common name is the user name.
per_listener_settings false
listener {1}{2}
cafile {0}/ca.crt
certfile {0}/broker.crt
keyfile {0}/broker.key
tls_version tlsv1.2
require_certificate true
use_identity_as_username true
# ... and its client id too, whatever it asks for: nobody can take another's id and so end its connection.
use_username_as_clientid true
allow_anonymous false
acl_file {0}/mosquitto.acl
# The broker is not trusted to keep anything: gateways send again what the hub has not acknowledged.
persistence false
max_packet_size 18874368
max_inflight_messages 100
max_queued_messages 1000
)",
                     options.data.string(), options.broker_port, options.hosts.empty() ? " 127.0.0.1" : "");
}

constexpr std::string_view kBrokerAcl = R"(# The hub hears every gateway and answers it.
user lineside-hub
topic readwrite lineside/v1/#

# A gateway's user name is TENANT/GATEWAY: it writes and reads below its own topic only.
pattern write lineside/v1/%u/up
pattern write lineside/v1/%u/state
pattern read lineside/v1/%u/ack
pattern read lineside/v1/%u/down
)";

std::string hub_settings(const SiteOptions& options) {
  return std::format(R"(# The hub's settings; made by `lineside-hub init`. Every key: docs/hub-settings.md.
# Relative paths are relative to this file's folder.
data_dir: .
broker_host: 127.0.0.1
broker_port: {}
broker_ca_file: ca.crt
broker_cert_file: hub.crt
broker_key_file: hub.key
# The page is for this machine; for others put a TLS proxy in front (docs/hub.md).
http_address: 127.0.0.1
http_port: {}
#http_trusted_proxies: [127.0.0.1]
metrics_token_file: metrics.token
)",
                     options.broker_port, options.http_port);
}

class SiteMaker {
 public:
  SiteMaker(const SiteOptions& options, Clock& clock)
      : options_(options), clock_(clock), authority_(pair_in(options.data, "ca")) {}

  Result<void> authority() {
    if (note(authority_.certificate, "certificate authority", complete(authority_))) return {};
    return make_authority(authority_, "Lineside site authority", clock_);
  }

  Result<void> certificate(const std::string& name, const CertificateRequest& request, const std::string& what) {
    const auto files = pair_in(options_.data, name);
    if (note(files.certificate, what, complete(files))) return {};
    return issue_certificate(authority_, request, files, clock_);
  }

  Result<void> text(const std::string& name, std::string_view content, const std::string& what, unsigned mode = 0644) {
    const auto file = options_.data / name;
    if (note(file, what, fs::exists(file))) return {};
    return write_atomically(file, content, mode);
  }

  std::vector<FileNote> notes;

 private:
  bool note(const fs::path& file, const std::string& what, bool there) {
    notes.push_back({file.string(), what, !there});
    return there;
  }
  const SiteOptions& options_;
  Clock& clock_;
  const CertificateFiles authority_;
};

Result<void> make_folder(const fs::path& folder, fs::perms permissions) {
  std::error_code error;
  const bool made = fs::create_directories(folder, error);
  if (!error && made) fs::permissions(folder, permissions, error);
  if (error)
    return fail(ErrorCode::file_io, std::format("Can't make the folder {}: {}.", folder.string(), error.message()));
  return {};
}

}  // namespace

Result<std::vector<FileNote>> make_site_files(const SiteOptions& given, Clock& clock) {
  auto options = given;
  LINESIDE_TRY(make_folder(options.data, fs::perms::owner_all));
  std::error_code error;
  options.data = fs::canonical(options.data, error);
  if (error) return fail(ErrorCode::file_io, std::format("Can't use {}: {}.", given.data.string(), error.message()));
  CertificateRequest broker{
      .common_name = "Lineside broker", .hosts = {"localhost", "127.0.0.1", "::1"}, .server = true};
  broker.hosts.insert(broker.hosts.end(), options.hosts.begin(), options.hosts.end());
  SiteMaker maker(options, clock);
  LINESIDE_TRY(maker.authority());
  LINESIDE_TRY(maker.certificate("broker", broker, "the broker's certificate"));
  LINESIDE_TRY(maker.certificate("hub", {.common_name = std::string(kHubName)}, "the hub's certificate"));
  LINESIDE_TRY(maker.text("mosquitto.acl", kBrokerAcl, "the broker's access rules", 0600));
  LINESIDE_TRY(maker.text("mosquitto.conf", broker_configuration(options), "the broker's configuration"));
  LINESIDE_TRY(maker.text("metrics.token", make_password() + '\n', "what /metrics asks for", 0600));
  LINESIDE_TRY(maker.text("hub.yaml", hub_settings(options), "the hub's settings"));
  return maker.notes;
}

Result<void> enroll_gateway(const fs::path& data, const std::string& tenant, const std::string& gateway,
                            const fs::path& out, Clock& clock) {
  LINESIDE_TRY(check_name("tenant", tenant));
  LINESIDE_TRY(check_name("gateway", gateway));
  const auto authority = pair_in(data, "ca");
  if (!complete(authority))
    return fail(ErrorCode::file_not_found,
                std::format("{} holds no certificate authority: run `lineside-hub init --data {}` first.",
                            data.string(), data.string()));
  const auto files = pair_in(out, "gateway");
  if (fs::exists(files.key))
    return fail(ErrorCode::usage,
                std::format("{} is there already; take another folder, or remove it if that gateway's "
                            "certificate is to be replaced.",
                            files.key.string()));
  LINESIDE_TRY(make_folder(out, fs::perms::owner_all));
  LINESIDE_TRY(
      issue_certificate(authority, {.common_name = tenant + '/' + gateway, .organization = tenant}, files, clock));
  LINESIDE_ASSIGN(const auto authority_text, read_text(authority.certificate, 1u << 20));
  return write_atomically(out / "ca.crt", authority_text);
}

}  // namespace lineside::hub
