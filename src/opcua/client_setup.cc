#include "opcua/client_setup.h"

#include <open62541/client_config_default.h>

#include <array>
#include <cstdio>
#include <format>

#include "base/file.h"
#include "base/log.h"
#include "base/utf8.h"
#include "opcua/convert.h"

namespace lineside::opcua {
namespace {

constexpr std::string_view kNone = "http://opcfoundation.org/UA/SecurityPolicy#None";
constexpr std::string_view kBasic256Sha256 = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256";
constexpr UA_UInt32 kSessionMs = 60'000, kConnectivityMs = 5'000;
constexpr UA_UInt16 kPublishRequests = 10;

void keep_trouble(void* context, UA_LogLevel level, UA_LogCategory, const char* format, va_list arguments) {
  if (level < UA_LOGLEVEL_WARNING) return;
  std::array<char, 512> text{};
  std::vsnprintf(text.data(), text.size(), format, arguments);
  const std::string trouble = printable(text.data());  // a server's own words may be in it
  if (context != nullptr) *static_cast<std::string*>(context) = trouble;
  log(LogLevel::debug, "opcua", trouble);
}

UA_StatusCode look_at_certificate(const UA_CertificateVerification* verification, const UA_ByteString* certificate) {
  auto& surroundings = *static_cast<ClientSurroundings*>(verification->context);
  surroundings.trusted =
      check_trust(surroundings.pki_folder, {certificate->data, certificate->length}, surroundings.host);
  return surroundings.trusted ? UA_STATUSCODE_GOOD : UA_STATUSCODE_BADCERTIFICATEUNTRUSTED;
}

UA_StatusCode any_certificate(const UA_CertificateVerification*, const UA_ByteString*) { return UA_STATUSCODE_GOOD; }

// A certificate in trusted/ is known by all its bytes, one of an authority by its host: the URI adds nothing.
UA_StatusCode any_uri(const UA_CertificateVerification*, const UA_ByteString*, const UA_String*) {
  return UA_STATUSCODE_GOOD;
}

// Without this the library would ask on the terminal.
UA_StatusCode no_key_password(UA_ClientConfig*, UA_ByteString*) { return UA_STATUSCODE_BADCERTIFICATEINVALID; }

ClientSurroundings& surroundings_of(UA_Client* client) {
  return *static_cast<ClientSurroundings*>(UA_Client_getContext(client));
}

void state_changed(UA_Client* client, UA_SecureChannelState channel, UA_SessionState, UA_StatusCode) {
  if (channel == UA_SECURECHANNELSTATE_CLOSED) ++surroundings_of(client).closings;
}

void subscription_is_silent(UA_Client* client, UA_UInt32, void*) { surroundings_of(client).silent = true; }
void connection_is_silent(UA_Client* client) { surroundings_of(client).silent = true; }

UA_StatusCode set_policies(UA_ClientConfig& config, const Credentials& credentials) {
  if (credentials.application.certificate.empty()) return UA_ClientConfig_setDefault(&config);
  config.privateKeyPasswordCallback = no_key_password;
  return UA_ClientConfig_setDefaultEncryption(&config, borrow_bytes(credentials.application.certificate),
                                              borrow_bytes(credentials.application.key), nullptr, 0, nullptr, 0);
}

void set_security(UA_ClientConfig& config, const OpcuaAccess& access, ClientSurroundings& surroundings) {
  using Security = OpcuaAccess::Security;
  const bool none = access.security == Security::none;
  config.securityMode = none                                ? UA_MESSAGESECURITYMODE_NONE
                        : access.security == Security::sign ? UA_MESSAGESECURITYMODE_SIGN
                                                            : UA_MESSAGESECURITYMODE_SIGNANDENCRYPT;
  const UA_String policy = borrow(none ? kNone : kBasic256Sha256);
  UA_String_copy(&policy, &config.securityPolicyUri);
  UA_CertificateVerification& verification = config.certificateVerification;
  if (verification.clear != nullptr) verification.clear(&verification);
  verification = {};
  verification.context = &surroundings;
  verification.verifyCertificate = none ? any_certificate : look_at_certificate;
  verification.verifyApplicationURI = any_uri;
  verification.logging = config.logging;
  // The password, or the proof of the user's key, is protected by itself wherever the server offers that.
  const bool signs_in = !access.username.empty() || !access.user_cert_file.empty();
  if (signs_in && !surroundings.any_token_policy && !(none && access.plain_password)) {
    const UA_String protects = borrow(kBasic256Sha256);
    UA_String_copy(&protects, &config.authSecurityPolicyUri);
  }
}

UA_StatusCode set_sign_in(UA_ClientConfig& config, const OpcuaAccess& access, const Credentials& credentials) {
  if (!access.username.empty())
    return UA_ClientConfig_setAuthenticationUsername(&config, access.username.c_str(), credentials.password.c_str());
  if (credentials.user.certificate.empty()) return UA_STATUSCODE_GOOD;
  return UA_ClientConfig_setAuthenticationCert(&config, borrow_bytes(credentials.user.certificate),
                                               borrow_bytes(credentials.user.key));
}

void set_behaviour(UA_ClientConfig& config, const Credentials& credentials, std::chrono::milliseconds answer_max) {
  config.timeout = static_cast<UA_UInt32>(answer_max.count());
  config.requestedSessionTimeout = kSessionMs;
  config.connectivityCheckInterval = kConnectivityMs;
  config.outStandingPublishRequests = kPublishRequests;
  config.stateCallback = state_changed;
  config.inactivityCallback = connection_is_silent;
  config.subscriptionInactivityCallback = subscription_is_silent;
  const std::string& uri = credentials.application.application_uri;
  UA_String_clear(&config.clientDescription.applicationUri);
  config.clientDescription.applicationUri = UA_String_fromChars(uri.empty() ? "urn:lineside" : uri.c_str());
  UA_LocalizedText_clear(&config.clientDescription.applicationName);
  config.clientDescription.applicationName = UA_LOCALIZEDTEXT_ALLOC("en", "Lineside");
  config.sessionName = UA_String_fromChars("Lineside");
}

Result<void> check_settings(const OpcuaAccess& access) {
  LINESIDE_TRY(parse_endpoint(access.endpoint));
  if (access.security != OpcuaAccess::Security::none && access.pki_folder.empty())
    return fail(ErrorCode::config_invalid, "security needs certificates: set pki_folder");
  if (access.user_cert_file.empty() != access.user_key_file.empty())
    return fail(ErrorCode::config_invalid, "user_cert_file and user_key_file must be given together");
  if (access.security == OpcuaAccess::Security::none && !access.username.empty() && !access.plain_password)
    return fail(ErrorCode::config_invalid,
                "without security anybody on the network reads the password: set security, or plain_password");
  if (!access.user_cert_file.empty() && access.pki_folder.empty())
    return fail(ErrorCode::config_invalid, "signing in by a certificate needs pki_folder too");
  if (!access.user_cert_file.empty() && !access.username.empty())
    return fail(ErrorCode::config_invalid, "sign in by name or by certificate, not by both");
  return {};
}

}  // namespace

Result<Endpoint> parse_endpoint(const std::string& url) {
  UA_String host = UA_STRING_NULL, path = UA_STRING_NULL;
  UA_UInt16 port = 4840;
  const UA_String text = borrow(url);
  const bool parsed =
      url.starts_with("opc.tcp://") && UA_parseEndpointUrl(&text, &host, &port, &path) == UA_STATUSCODE_GOOD;
  if (!parsed || host.length == 0)
    return fail(ErrorCode::config_invalid, std::format("'{}' is no endpoint; one is opc.tcp://HOST:PORT/PATH", url));
  std::string way(view(path));
  if (!way.empty() && way.front() != '/') way.insert(0, "/");
  return Endpoint{std::string(view(host)), way, port == 0 ? 4840 : port};
}

Result<Credentials> read_credentials(const OpcuaAccess& access, std::string_view application) {
  LINESIDE_TRY(check_settings(access));
  Credentials credentials;
  if (!access.pki_folder.empty()) {
    LINESIDE_ASSIGN(credentials.application, own_identity(access.pki_folder, application));
  }
  if (!access.user_cert_file.empty()) {
    LINESIDE_ASSIGN(credentials.user, load_identity(access.user_cert_file, access.user_key_file));
  }
  if (!access.password_file.empty()) {
    LINESIDE_ASSIGN(const std::string text, read_text(access.password_file, 4096));
    credentials.password = text.substr(0, text.find_first_of("\r\n"));
  }
  return credentials;
}

UA_Logger quiet_logger(std::string* last_trouble) {
  UA_Logger logger{};
  logger.log = keep_trouble;
  logger.context = last_trouble;
  return logger;
}

Result<UA_Client*> make_client(const OpcuaAccess& access, const Credentials& credentials,
                               std::chrono::milliseconds answer_max, ClientSurroundings& surroundings) {
  surroundings.logger = quiet_logger(&surroundings.last_trouble);
  surroundings.pki_folder = access.pki_folder;
  UA_ClientConfig config{};
  config.logging = &surroundings.logger;
  config.clientContext = &surroundings;
  UA_StatusCode status = set_policies(config, credentials);
  if (status == UA_STATUSCODE_GOOD) {
    set_security(config, access, surroundings);
    status = set_sign_in(config, access, credentials);
    set_behaviour(config, credentials, answer_max);
  }
  UA_Client* client = status == UA_STATUSCODE_GOOD ? UA_Client_newWithConfig(&config) : nullptr;
  if (client != nullptr) return client;
  UA_ClientConfig_clear(&config);
  return fail(ErrorCode::config_invalid, std::format("no OPC UA client with these certificates: {}. {}",
                                                     status_name(status), surroundings.last_trouble));
}

}  // namespace lineside::opcua
