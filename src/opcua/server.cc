#include "opcua/server.h"

#include <open62541/plugin/accesscontrol_default.h>
#include <open62541/server.h>
#include <open62541/server_config_default.h>

#include <atomic>
#include <format>
#include <map>
#include <mutex>
#include <thread>

#include "opcua/certificates.h"
#include "opcua/client_setup.h"
#include "opcua/convert.h"

namespace lineside::opcua {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFrozenStep{5};
constexpr UA_UInt32 kStep = 20;  // ms; the library's own loop would keep the destructor waiting
constexpr std::string_view kNone = "http://opcfoundation.org/UA/SecurityPolicy#None";
constexpr std::string_view kBasic256Sha256 = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256";

UA_StatusCode look_at_client(const UA_CertificateVerification* verification, const UA_ByteString* certificate) {
  const auto& folder = *static_cast<const std::filesystem::path*>(verification->context);
  const auto trusted = check_trust(folder, {certificate->data, certificate->length}, "a client");
  return trusted ? UA_STATUSCODE_GOOD : UA_STATUSCODE_BADCERTIFICATEUNTRUSTED;
}

UA_StatusCode any_uri(const UA_CertificateVerification*, const UA_ByteString*, const UA_String*) {
  return UA_STATUSCODE_GOOD;
}

void trust_folder(UA_CertificateVerification& verification, const std::filesystem::path& folder,
                  const UA_Logger* logger) {
  if (verification.clear != nullptr) verification.clear(&verification);
  verification = {};
  verification.context = const_cast<std::filesystem::path*>(&folder);
  verification.verifyCertificate = look_at_client;
  verification.verifyApplicationURI = any_uri;
  verification.logging = logger;
}

UA_StatusCode add_security(UA_ServerConfig& config, const ServerOptions& options, const Identity& identity) {
  UA_ByteString certificate = borrow_bytes(identity.certificate), key = borrow_bytes(identity.key);
  // Clients look for endpoints without security, whatever they then choose.
  UA_StatusCode status =
      UA_ServerConfig_addSecurityPolicyNone(&config, identity.certificate.empty() ? nullptr : &certificate);
  if (options.unsecured)
    status |= UA_ServerConfig_addEndpoint(&config, borrow(kNone), UA_MESSAGESECURITYMODE_NONE);
  else
    config.securityPolicyNoneDiscoveryOnly = true;
  if (identity.certificate.empty()) return status;
  status |= UA_ServerConfig_addSecurityPolicyBasic256Sha256(&config, &certificate, &key);
  status |= UA_ServerConfig_addEndpoint(&config, borrow(kBasic256Sha256), UA_MESSAGESECURITYMODE_SIGN);
  status |= UA_ServerConfig_addEndpoint(&config, borrow(kBasic256Sha256), UA_MESSAGESECURITYMODE_SIGNANDENCRYPT);
  UA_String_clear(&config.applicationDescription.applicationUri);
  config.applicationDescription.applicationUri = UA_String_fromChars(identity.application_uri.c_str());
  return status;
}

UA_StatusCode add_users(UA_ServerConfig& config, const ServerOptions& options) {
  UA_UsernamePasswordLogin login{borrow(options.username), borrow(options.password)};
  config.allowNonePolicyPassword = true;
  return UA_AccessControl_default(&config, options.anonymous, nullptr, options.username.empty() ? 0 : 1, &login);
}

template <class T>
struct Of;
template <>
struct Of<double> {
  static constexpr int kType = UA_TYPES_DOUBLE;
};
template <>
struct Of<float> {
  static constexpr int kType = UA_TYPES_FLOAT;
};
template <>
struct Of<std::int16_t> {
  static constexpr int kType = UA_TYPES_INT16;
};
template <>
struct Of<std::int32_t> {
  static constexpr int kType = UA_TYPES_INT32;
};

// Lends the value's memory to the variant; `text` holds what a text needs besides.
struct Lend {
  UA_Variant& variant;
  UA_String& text;
  template <class T>
  void operator()(const std::vector<T>& values) const {
    UA_Variant_setArray(&variant, const_cast<T*>(values.data()), values.size(), &UA_TYPES[Of<T>::kType]);
  }
  void operator()(const double& value) const {
    UA_Variant_setScalar(&variant, const_cast<double*>(&value), &UA_TYPES[UA_TYPES_DOUBLE]);
  }
  void operator()(const std::string& value) const {
    text = borrow(value);
    UA_Variant_setScalar(&variant, &text, &UA_TYPES[UA_TYPES_STRING]);
  }
};

}  // namespace

struct Server::State {
  ~State() {
    thread.request_stop();
    if (thread.joinable()) thread.join();
    if (server == nullptr) return;
    UA_Server_run_shutdown(server);
    UA_Server_delete(server);
  }
  Result<void> open();
  UA_StatusCode make_node(const std::string& name, const UA_Variant& value);
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (frozen)
        std::this_thread::sleep_for(kFrozenStep);
      else
        UA_Server_getConfig(server)->eventLoop->run(UA_Server_getConfig(server)->eventLoop, kStep);
    }
  }

  ServerOptions options;
  Identity identity;
  UA_Logger logger = quiet_logger(nullptr);
  UA_Server* server = nullptr;
  std::atomic<bool> frozen{false};
  std::mutex mutex;                          // of nodes
  std::map<std::string, std::size_t> nodes;  // by name: the index of the variant type it has
  std::jthread thread;
};

Result<void> Server::State::open() {
  if (!options.pki_folder.empty()) {
    LINESIDE_ASSIGN(identity, own_identity(options.pki_folder, "plant"));
  }
  UA_ServerConfig config{};
  config.logging = &logger;
  UA_StatusCode status = UA_ServerConfig_setBasics_withPort(&config, static_cast<UA_UInt16>(options.port));
  if (status == UA_STATUSCODE_GOOD) {
    const std::string url = std::format("opc.tcp://{}:{}", options.address, options.port);
    UA_String_clear(&config.serverUrls[0]);
    config.serverUrls[0] = UA_String_fromChars(url.c_str());
    config.publishingIntervalLimits.min = 10;
    config.samplingIntervalLimits.min = 5;
    config.maxMonitoredItemsPerCall = static_cast<UA_UInt32>(options.items_per_call_max);
    config.maxNodesPerRead = static_cast<UA_UInt32>(options.reads_per_call_max);
    config.queueSizeLimits.max = 10'000;
    status = add_security(config, options, identity);
    if (!options.pki_folder.empty()) {
      trust_folder(config.secureChannelPKI, options.pki_folder, &logger);
      trust_folder(config.sessionPKI, options.pki_folder, &logger);
    }
    status |= add_users(config, options);
  }
  if (status == UA_STATUSCODE_GOOD) server = UA_Server_newWithConfig(&config);
  if (server == nullptr) {
    UA_ServerConfig_clean(&config);
    return fail(ErrorCode::internal, std::format("no OPC UA server: {}", status_name(status)));
  }
  status = UA_Server_run_startup(server);
  if (status != UA_STATUSCODE_GOOD)
    return fail(ErrorCode::address_in_use, std::format("the OPC UA server can't listen on {}:{}: {}", options.address,
                                                       options.port, status_name(status)));
  thread = std::jthread([this](const std::stop_token& stop) { run(stop); });
  return {};
}

UA_StatusCode Server::State::make_node(const std::string& name, const UA_Variant& value) {
  UA_VariableAttributes attributes = UA_VariableAttributes_default;
  attributes.displayName = {UA_STRING_NULL, borrow(name)};
  attributes.dataType = value.type->typeId;
  attributes.valueRank = UA_VALUERANK_ANY;  // so that a later value may be anything
  attributes.value = value;
  if (options.writable) attributes.accessLevel = UA_ACCESSLEVELMASK_READ | UA_ACCESSLEVELMASK_WRITE;
  const UA_NodeId id{1, UA_NODEIDTYPE_STRING, {.string = borrow(name)}};
  return UA_Server_addVariableNode(server, id, UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER),
                                   UA_NODEID_NUMERIC(0, UA_NS0ID_ORGANIZES), {1, borrow(name)},
                                   UA_NODEID_NUMERIC(0, UA_NS0ID_BASEDATAVARIABLETYPE), attributes, nullptr, nullptr);
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options) {
  auto state = std::make_unique<State>();
  state->options = options;
  LINESIDE_TRY(state->open());
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

std::string Server::url() const {
  return std::format("opc.tcp://{}:{}", state_->options.address, state_->options.port);
}

Result<void> Server::set(const std::string& name, const ServerValue& value, WallTime source_time,
                         std::uint32_t status) {
  UA_DataValue data;
  UA_DataValue_init(&data);
  UA_String text = UA_STRING_NULL;
  std::visit(Lend{data.value, text}, value);
  data.hasValue = true;
  data.hasSourceTimestamp = true;
  data.sourceTimestamp = to_ua(source_time);
  data.hasStatus = status != 0;
  data.status = status;
  const UA_NodeId id{1, UA_NODEIDTYPE_STRING, {.string = borrow(name)}};
  const std::lock_guard lock(state_->mutex);
  const auto [node, is_new] = state_->nodes.try_emplace(name, value.index());
  UA_StatusCode done = is_new ? state_->make_node(name, data.value) : UA_STATUSCODE_GOOD;
  if (node->second != value.index()) {  // a server that lies about its types
    node->second = value.index();
    done |= UA_Server_writeDataType(state_->server, id, UA_TYPES[UA_TYPES_VARIANT].typeId);
  }
  if (done == UA_STATUSCODE_GOOD) done = UA_Server_writeDataValue(state_->server, id, data);
  if (done != UA_STATUSCODE_GOOD)
    return fail(ErrorCode::internal, std::format("the node {} can't be set: {}", name, status_name(done)));
  return {};
}

void Server::freeze(bool frozen) { state_->frozen = frozen; }

}  // namespace lineside::opcua
