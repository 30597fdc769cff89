#include "opcua/connection.h"

#include <algorithm>
#include <cstring>
#include <format>
#include <utility>

#include "base/host_names.h"
#include "opcua/connection_impl.h"

namespace lineside::opcua {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStep{50};
constexpr UA_UInt32 kGoodbyeMs = 300;
// A server that hangs up at once would otherwise be called again and again until the deadline.
constexpr int kClosingsMax = 6;

MonoTime now() { return system_clock().mono(); }

UA_UInt32 step_before(MonoTime deadline) {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - now());
  return static_cast<UA_UInt32>(std::clamp(left, milliseconds{1}, kStep).count());
}

const char* to_text(OpcuaAccess::Security security) {
  static constexpr const char* kNames[] = {"none", "sign", "sign_and_encrypt"};
  return kNames[static_cast<std::size_t>(security)];
}

// Many servers leave it open how a sign-in is protected: then the channel does it. One that only signs hides no
// password.
bool may_sign_in_openly(const OpcuaAccess& access) {
  using Security = OpcuaAccess::Security;
  return access.security == Security::sign_and_encrypt ||
         (access.security == Security::sign && (access.username.empty() || access.plain_password));
}

bool password_in_the_open(const OpcuaAccess& access) {
  return !access.username.empty() && access.security == OpcuaAccess::Security::sign && !access.plain_password;
}

}  // namespace

Connection::Impl::~Impl() {
  if (client_ == nullptr) return;
  UA_Client_getConfig(client_)->timeout = kGoodbyeMs;
  UA_Client_delete(client_);
}

// --- connecting

Result<std::vector<std::string>> Connection::Impl::addresses(const Endpoint& endpoint, MonoTime deadline,
                                                             const std::stop_token& stop) {
  HostNames names(endpoint.host);
  for (;;) {
    auto found = names.addresses(kStep * 2);
    if (found || found.error().code != ErrorCode::timeout) return found;
    if (stop.stop_requested()) return fail(ErrorCode::cancelled, "stopped");
    if (now() > deadline)
      return fail(ErrorCode::timeout, std::format("the name server does not answer for {}", endpoint.host));
  }
}

Result<void> Connection::Impl::connect(const Credentials& credentials, MonoTime deadline, const std::stop_token& stop) {
  LINESIDE_ASSIGN(const Endpoint endpoint, parse_endpoint(access_.endpoint));
  surroundings_.host = endpoint.host;
  LINESIDE_ASSIGN(const auto found, addresses(endpoint, deadline, stop));
  Result<void> connected;
  for (const std::string& address : found) {
    const bool v6 = address.contains(':');
    const std::string url =
        std::format("opc.tcp://{}{}{}:{}{}", v6 ? "[" : "", address, v6 ? "]" : "", endpoint.port, endpoint.path);
    connected = connect_to(url, credentials, deadline, stop);
    surroundings_.any_token_policy = !connected && no_endpoint() && may_sign_in_openly(access_);
    if (surroundings_.any_token_policy) connected = connect_to(url, credentials, deadline, stop);
    if (connected || connected.error().code != ErrorCode::opcua_unreachable || now() > deadline) break;
  }
  return connected;
}

Result<void> Connection::Impl::connect_to(const std::string& url, const Credentials& credentials, MonoTime deadline,
                                          const std::stop_token& stop) {
  if (client_ != nullptr) UA_Client_delete(std::exchange(client_, nullptr));
  surroundings_.closings = 0;
  surroundings_.last_trouble.clear();
  LINESIDE_ASSIGN(client_, make_client(access_, credentials, answer_max_, surroundings_));
  UA_StatusCode status = UA_Client_connectAsync(client_, url.c_str());
  for (;;) {
    UA_SessionState session = UA_SESSIONSTATE_CLOSED;
    if (status == UA_STATUSCODE_GOOD) UA_Client_getState(client_, nullptr, &session, &status);
    if (status != UA_STATUSCODE_GOOD) return std::unexpected(connect_error(status));
    if (session == UA_SESSIONSTATE_ACTIVATED) return {};
    if (surroundings_.closings > kClosingsMax) return std::unexpected(connect_error(UA_STATUSCODE_BADCONNECTIONCLOSED));
    if (stop.stop_requested()) return fail(ErrorCode::cancelled, "stopped");
    if (now() > deadline) return fail(ErrorCode::timeout, std::format("{} did not answer in time", access_.endpoint));
    UA_Client_run_iterate(client_, step_before(deadline));
  }
}

Error Connection::Impl::connect_error(UA_StatusCode status) const {
  if (!surroundings_.trusted) return surroundings_.trusted.error();
  const std::string code(status_name(status));
  const std::string who = !access_.username.empty()        ? std::format("the user '{}'", access_.username)
                          : access_.user_cert_file.empty() ? "anonymous users"
                                                           : std::format("the certificate {}", access_.user_cert_file);
  if (no_endpoint())
    return {
        ErrorCode::opcua_unreachable,
        std::format("{} offers no endpoint with security {} for {}{}", access_.endpoint, to_text(access_.security), who,
                    password_in_the_open(access_) ? " that encrypts the password; sign_and_encrypt does" : "")};
  switch (status) {
    case UA_STATUSCODE_BADUSERACCESSDENIED:
    case UA_STATUSCODE_BADIDENTITYTOKENINVALID:
    case UA_STATUSCODE_BADIDENTITYTOKENREJECTED:
    case UA_STATUSCODE_BADUSERSIGNATUREINVALID:
      return {ErrorCode::auth_failed, std::format("{} does not let {} in ({})", access_.endpoint, who, code)};
    case UA_STATUSCODE_BADCERTIFICATEUNTRUSTED:
    case UA_STATUSCODE_BADCERTIFICATEURIINVALID:
    case UA_STATUSCODE_BADSECURITYCHECKSFAILED:
      return {ErrorCode::opcua_untrusted,
              std::format("{} does not trust this program's certificate {}/own/certificate.der ({}): accept it there",
                          access_.endpoint, access_.pki_folder, code)};
    default:
      return {ErrorCode::opcua_unreachable,
              std::format("{}: {}{}{}", access_.endpoint, code, surroundings_.last_trouble.empty() ? "" : ". ",
                          surroundings_.last_trouble)};
  }
}

std::unexpected<Error> Connection::Impl::lost(std::string_view why) const {
  return fail(ErrorCode::opcua_unreachable, std::format("{}: {}", access_.endpoint, why));
}

Result<void> Connection::Impl::alive() const {
  UA_SessionState session = UA_SESSIONSTATE_CLOSED;
  UA_StatusCode status = UA_STATUSCODE_GOOD;
  UA_Client_getState(client_, nullptr, &session, &status);
  if (status != UA_STATUSCODE_GOOD) return lost(status_name(status));
  if (session != UA_SESSIONSTATE_ACTIVATED) return lost("the connection broke");
  if (!subscription_lost_.empty()) return lost(subscription_lost_);
  if (surroundings_.silent) return lost("it fell silent");
  return {};
}

Result<void> Connection::Impl::serve(milliseconds wait_max) {
  UA_Client_run_iterate(client_, static_cast<UA_UInt32>(wait_max.count()));
  return alive();
}

// --- requests

void Connection::Impl::answered(UA_Client*, void* self, UA_UInt32 id, void* response) {
  Reply& reply = static_cast<Impl*>(self)->reply_;
  if (reply.to == nullptr || reply.id != id) return;
  // The library clears what it lent: the content changes hands.
  std::memcpy(reply.to, response, reply.type->memSize);
  UA_init(response, reply.type);
  reply.done = true;
}

// Before each request too: a server that answers at once, but never all, would be asked for ever.
Result<void> Connection::Impl::still_wanted(MonoTime deadline, const std::stop_token& stop) const {
  if (stop.stop_requested()) return fail(ErrorCode::cancelled, "stopped");
  if (now() > deadline) return fail(ErrorCode::timeout, std::format("{} did not answer in time", access_.endpoint));
  return {};
}

Result<void> Connection::Impl::wait_for_reply(MonoTime deadline, const std::stop_token& stop) {
  Result<void> waited;
  while (waited && !reply_.done) {
    UA_Client_run_iterate(client_, step_before(deadline));
    if (reply_.done) break;
    waited = alive();
    if (waited) waited = still_wanted(deadline, stop);
  }
  reply_.to = nullptr;
  return waited;
}

// --- subscription

void Connection::Impl::value_came(UA_Client*, UA_UInt32, void*, UA_UInt32, void* context, UA_DataValue* value) {
  const auto& item = *static_cast<const WatchedItem*>(context);
  convert(*value, item.self->value_);
  item.self->sink_->on_value(item.index, item.self->value_);
}

void Connection::Impl::subscription_changed(UA_Client*, UA_UInt32, void* self, UA_StatusChangeNotification* change) {
  if (change->status != UA_STATUSCODE_GOOD)
    static_cast<Impl*>(self)->subscription_lost_ =
        std::format("it ended the subscription: {}", status_name(change->status));
}

void Connection::Impl::subscription_gone(UA_Client*, UA_UInt32, void* self) {
  if (std::string& why = static_cast<Impl*>(self)->subscription_lost_; why.empty()) why = "the subscription is gone";
}

Result<void> Connection::Impl::subscribe(const std::vector<Item>& items, const Publishing& publishing, ItemSink& sink,
                                         MonoTime deadline, const std::stop_token& stop) {
  sink_ = &sink;
  UA_CreateSubscriptionRequest request = UA_CreateSubscriptionRequest_default();
  request.requestedPublishingInterval = static_cast<double>(publishing.interval.count());
  request.requestedMaxKeepAliveCount = publishing.keep_alive;
  request.requestedLifetimeCount = std::max(publishing.lifetime, 3 * publishing.keep_alive);
  UA_CreateSubscriptionResponse response;
  const UA_DataType& type = UA_TYPES[UA_TYPES_CREATESUBSCRIPTIONRESPONSE];
  UA_init(&response, &type);
  expect(&response, type);
  const UA_StatusCode sent = UA_Client_Subscriptions_create_async(client_, request, this, subscription_changed,
                                                                  subscription_gone, answered, this, &reply_.id);
  if (sent != UA_STATUSCODE_GOOD) return lost(status_name(sent));
  LINESIDE_TRY(wait_for_reply(deadline, stop));
  const UA_StatusCode result = response.responseHeader.serviceResult;
  subscription_ = response.subscriptionId;
  UA_clear(&response, &type);
  if (result != UA_STATUSCODE_GOOD) return lost(std::format("no subscription: {}", status_name(result)));
  std::vector<std::size_t> todo;
  items_ = std::vector<WatchedItem>(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    items_[i] = {this,
                 i,
                 NodeIdText::parse(items[i].node),
                 static_cast<double>(items[i].sampling.count()),
                 items[i].queue,
                 items[i].each_time,
                 items[i].deadband};
    if (items_[i].node)
      todo.push_back(i);
    else
      sink.on_item_error(i, std::format("'{}' is no node; one is ns=2;s=NAME or ns=2;i=NUMBER", items[i].node));
  }
  return watch_items(std::move(todo), deadline, stop);
}

Result<void> Connection::Impl::watch_items(std::vector<std::size_t> todo, MonoTime deadline,
                                           const std::stop_token& stop) {
  refused_.clear();
  again_.clear();
  std::span<const std::size_t> left(todo);
  while (!left.empty() || !again_.empty()) {
    if (left.empty()) {
      todo = std::exchange(again_, {});
      left = todo;
    }
    const auto batch = left.first(std::min(items_per_call_, left.size()));
    LINESIDE_ASSIGN(const bool taken, watch_batch(batch, deadline, stop));
    if (taken)
      left = left.subspan(batch.size());
    else
      items_per_call_ = batch.size() / 2;
  }
  return {};
}

void Connection::Impl::take_results(std::span<const std::size_t> batch,
                                    std::span<const UA_MonitoredItemCreateResult> results) {
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const UA_StatusCode status = i < results.size() ? results[i].statusCode : UA_STATUSCODE_BADUNEXPECTEDERROR;
    if ((status & 0x8000'0000U) == 0) continue;
    WatchedItem& item = items_[batch[i]];
    const bool filter = status == UA_STATUSCODE_BADMONITOREDITEMFILTERUNSUPPORTED ||
                        status == UA_STATUSCODE_BADFILTERNOTALLOWED || status == UA_STATUSCODE_BADDEADBANDFILTERINVALID;
    if (filter && item.filtered()) {
      item.each_time = false;
      item.deadband = 0;
      again_.push_back(batch[i]);
      continue;
    }
    refused_.push_back(batch[i]);
    sink_->on_item_error(batch[i], std::format("{}: {}", opcua::to_text(item.node->get()), status_name(status)));
  }
}

// False: too many for one call.
Result<bool> Connection::Impl::watch_batch(std::span<const std::size_t> batch, MonoTime deadline,
                                           const std::stop_token& stop) {
  LINESIDE_TRY(still_wanted(deadline, stop));
  std::vector<UA_DataChangeFilter> filters(batch.size());
  std::vector<UA_MonitoredItemCreateRequest> items;
  std::vector<void*> contexts;
  for (const std::size_t index : batch) {
    WatchedItem& item = items_[index];
    auto& one = items.emplace_back(UA_MonitoredItemCreateRequest_default(item.node->get()));
    one.requestedParameters.samplingInterval = item.sampling_ms;
    one.requestedParameters.queueSize = item.queue;
    if (item.filtered()) {
      UA_DataChangeFilter& filter = filters[items.size() - 1];
      filter = {item.each_time ? UA_DATACHANGETRIGGER_STATUSVALUETIMESTAMP : UA_DATACHANGETRIGGER_STATUSVALUE,
                item.deadband > 0 ? UA_UInt32{UA_DEADBANDTYPE_ABSOLUTE} : UA_UInt32{UA_DEADBANDTYPE_NONE},
                item.deadband};
      UA_ExtensionObject_setValueNoDelete(&one.requestedParameters.filter, &filter,
                                          &UA_TYPES[UA_TYPES_DATACHANGEFILTER]);
    }
    contexts.push_back(&item);
  }
  std::vector<UA_Client_DataChangeNotificationCallback> callbacks(batch.size(), value_came);
  std::vector<UA_Client_DeleteMonitoredItemCallback> no_callbacks(batch.size(), nullptr);
  UA_CreateMonitoredItemsRequest request;
  UA_CreateMonitoredItemsRequest_init(&request);
  request.subscriptionId = subscription_;
  request.timestampsToReturn = UA_TIMESTAMPSTORETURN_BOTH;
  request.itemsToCreate = items.data();
  request.itemsToCreateSize = items.size();
  UA_CreateMonitoredItemsResponse response;
  const UA_DataType& type = UA_TYPES[UA_TYPES_CREATEMONITOREDITEMSRESPONSE];
  UA_init(&response, &type);
  expect(&response, type);
  const UA_StatusCode sent = UA_Client_MonitoredItems_createDataChanges_async(
      client_, request, contexts.data(), callbacks.data(), no_callbacks.data(), answered, this, &reply_.id);
  if (sent != UA_STATUSCODE_GOOD) return lost(status_name(sent));
  LINESIDE_TRY(wait_for_reply(deadline, stop));
  const UA_StatusCode result = response.responseHeader.serviceResult;
  if (result == UA_STATUSCODE_GOOD) take_results(batch, {response.results, response.resultsSize});
  UA_clear(&response, &type);
  if (is_too_much(result) && batch.size() > 1) return false;
  if (result != UA_STATUSCODE_GOOD) return lost(std::format("no monitored items: {}", status_name(result)));
  return true;
}

// --- the outside

Result<std::unique_ptr<Connection>> Connection::open(const OpcuaAccess& access, const Credentials& credentials,
                                                     MonoTime deadline, const std::stop_token& stop,
                                                     milliseconds answer_max) {
  auto impl = std::make_unique<Impl>(access, answer_max);
  LINESIDE_TRY(impl->connect(credentials, deadline, stop));
  return std::unique_ptr<Connection>(new Connection(std::move(impl)));
}

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::~Connection() = default;

Result<void> Connection::subscribe(const std::vector<Item>& items, const Publishing& publishing, ItemSink& sink,
                                   MonoTime deadline, const std::stop_token& stop) {
  return impl_->subscribe(items, publishing, sink, deadline, stop);
}

Result<void> Connection::retry_refused(MonoTime deadline, const std::stop_token& stop) {
  return impl_->watch_items(std::move(impl_->refused_), deadline, stop);
}

Result<void> Connection::serve(milliseconds wait_max) { return impl_->serve(wait_max); }

Result<std::vector<Node>> Connection::children(const std::string& node, MonoTime deadline,
                                               const std::stop_token& stop) {
  return impl_->children(node, deadline, stop);
}

Result<std::vector<DataValue>> Connection::read(const std::vector<std::string>& nodes, MonoTime deadline,
                                                const std::stop_token& stop) {
  return impl_->read(nodes, deadline, stop);
}

Result<void> Connection::write(const std::string& node, std::string_view type, double number, MonoTime deadline,
                               const std::stop_token& stop) {
  return impl_->write(node, type, number, deadline, stop);
}

}  // namespace lineside::opcua
