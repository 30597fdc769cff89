#pragma once
// What a connection is made of. Only for this module's sources: the library's headers come with it.
#include <open62541/client.h>
#include <open62541/client_subscriptions.h>

#include <format>
#include <optional>
#include <span>

#include "opcua/client_setup.h"
#include "opcua/connection.h"
#include "opcua/convert.h"

namespace lineside::opcua {

// Fewer at once may do.
inline bool is_too_much(UA_StatusCode status) {
  return status == UA_STATUSCODE_BADTOOMANYOPERATIONS || status == UA_STATUSCODE_BADRESPONSETOOLARGE ||
         status == UA_STATUSCODE_BADREQUESTTOOLARGE || status == UA_STATUSCODE_BADENCODINGLIMITSEXCEEDED;
}

class Connection::Impl {
 public:
  Impl(const OpcuaAccess& access, std::chrono::milliseconds answer_max) : access_(access), answer_max_(answer_max) {}
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> connect(const Credentials& credentials, MonoTime deadline, const std::stop_token& stop);
  Result<void> subscribe(const std::vector<Item>& items, const Publishing& publishing, ItemSink& sink,
                         MonoTime deadline, const std::stop_token& stop);
  Result<void> watch_items(std::vector<std::size_t> todo, MonoTime deadline, const std::stop_token& stop);
  Result<void> serve(std::chrono::milliseconds wait_max);
  Result<std::vector<Node>> children(const std::string& node, MonoTime deadline, const std::stop_token& stop);
  Result<std::vector<DataValue>> read(const std::vector<std::string>& nodes, MonoTime deadline,
                                      const std::stop_token& stop);
  Result<void> write(const std::string& node, std::string_view type, double number, MonoTime deadline,
                     const std::stop_token& stop);

  std::vector<std::size_t> refused_;

 private:
  struct WatchedItem {
    Impl* self = nullptr;
    std::size_t index = 0;
    std::optional<NodeIdText> node;
    double sampling_ms = 0;
    std::uint32_t queue = 1;
    bool each_time = false;
    double deadband = 0;
    bool filtered() const { return each_time || deadband > 0; }
  };
  // What an answer goes to. It outlives the wait for it: an answer may come when nobody waits any more.
  struct Reply {
    UA_UInt32 id = 0;
    void* to = nullptr;
    const UA_DataType* type = nullptr;
    bool done = false;
  };

  Result<std::vector<std::string>> addresses(const Endpoint& endpoint, MonoTime deadline, const std::stop_token& stop);
  Result<void> connect_to(const std::string& url, const Credentials& credentials, MonoTime deadline,
                          const std::stop_token& stop);
  // The library has a code for it that also means other things.
  bool no_endpoint() const { return surroundings_.last_trouble.contains("No suitable endpoint"); }
  Error connect_error(UA_StatusCode status) const;
  Result<void> alive() const;
  std::unexpected<Error> lost(std::string_view why) const;
  Result<void> still_wanted(MonoTime deadline, const std::stop_token& stop) const;
  Result<void> wait_for_reply(MonoTime deadline, const std::stop_token& stop);
  template <class Request, class Response>
  Result<void> ask(const Request& request, const UA_DataType& request_type, Response& response,
                   const UA_DataType& response_type, MonoTime deadline, const std::stop_token& stop);
  Result<bool> watch_batch(std::span<const std::size_t> batch, MonoTime deadline, const std::stop_token& stop);
  void take_results(std::span<const std::size_t> batch, std::span<const UA_MonitoredItemCreateResult> results);
  Result<void> add_children(const std::string& node, UA_BrowseResult& from, std::vector<Node>& to) const;
  Result<void> read_batch(std::span<const NodeIdText> ids, std::vector<DataValue>& values, MonoTime deadline,
                          const std::stop_token& stop);
  void expect(void* to, const UA_DataType& type) { reply_ = {0, to, &type, false}; }  // the next answer

  static void answered(UA_Client*, void* self, UA_UInt32 id, void* response);
  static void value_came(UA_Client*, UA_UInt32, void*, UA_UInt32, void* context, UA_DataValue* value);
  static void subscription_changed(UA_Client*, UA_UInt32, void* self, UA_StatusChangeNotification* change);
  static void subscription_gone(UA_Client*, UA_UInt32, void* self);

  const OpcuaAccess access_;
  const std::chrono::milliseconds answer_max_;
  ClientSurroundings surroundings_;
  UA_Client* client_ = nullptr;
  Reply reply_;
  UA_UInt32 subscription_ = 0;
  std::string subscription_lost_;      // why; empty: it is there
  std::vector<std::size_t> again_;     // without what the server can't do
  std::size_t items_per_call_ = 1000;  // fewer when the server says that this is too many; likewise:
  std::size_t reads_per_call_ = 1000;
  std::vector<WatchedItem> items_;
  ItemSink* sink_ = nullptr;
  DataValue value_;
};

template <class Request, class Response>
Result<void> Connection::Impl::ask(const Request& request, const UA_DataType& request_type, Response& response,
                                   const UA_DataType& response_type, MonoTime deadline, const std::stop_token& stop) {
  UA_init(&response, &response_type);
  LINESIDE_TRY(still_wanted(deadline, stop));
  expect(&response, response_type);
  const UA_StatusCode sent =
      __UA_Client_AsyncService(client_, &request, &request_type, answered, &response_type, this, &reply_.id);
  if (sent != UA_STATUSCODE_GOOD) return lost(status_name(sent));
  LINESIDE_TRY(wait_for_reply(deadline, stop));
  const UA_StatusCode result = response.responseHeader.serviceResult;
  if (result == UA_STATUSCODE_BADTIMEOUT)
    return fail(ErrorCode::timeout, std::format("{} did not answer in time", access_.endpoint));
  if (is_too_much(result))
    return fail(ErrorCode::limit_reached, std::format("{}: {}", access_.endpoint, status_name(result)));
  if (result != UA_STATUSCODE_GOOD) return lost(status_name(result));
  return {};
}

}  // namespace lineside::opcua
