#pragma once
// One connection to an OPC UA server (OPC 10000-4, binary over TCP), from the handshake to its end, by open62541.
// Blocking, each call with a deadline; who wants it to live through restarts takes a Session.
#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/opcua_access.h"
#include "opcua/certificates.h"
#include "opcua/value.h"

namespace lineside::opcua {

// What a connection needs of files, read once.
struct Credentials {
  Identity application;  // empty without a pki_folder
  Identity user;         // empty: no sign-in by certificate
  std::string password;
};

// Errors: file_not_found, file_io, file_format, config_invalid (settings that contradict each other).
Result<Credentials> read_credentials(const OpcuaAccess& access, std::string_view application);

// Which node, and how it is watched.
struct Item {
  std::string node;  // "ns=2;s=Motor1.X", "ns=3;i=1001" (OPC 10000-6, 5.3.1.10)
  // Between two looks of the server at the value; 0: as fast as it can, at each change.
  std::chrono::milliseconds sampling{0};
  std::uint32_t queue = 1;  // values that the server holds until they are sent; the oldest goes first
  bool each_time = false;   // also a value that differs in nothing but its source time, where the server can do that
  double deadband = 0;      // of a number: changes of no more than this are not sent, where the server can do that
};

struct Publishing {
  std::chrono::milliseconds interval{100};  // how often the server sends what has changed
  std::uint32_t keep_alive = 10;            // after so many intervals without a change it says that it is there
  std::uint32_t lifetime = 100;             // after so many without hearing of us it forgets the subscription
};

struct Node {
  std::string id, name;
  bool variable = false, has_children = false;
};

// Told from within Connection's calls, on their thread; may not call the connection.
class ItemSink {
 public:
  virtual ~ItemSink() = default;
  // `value` is only lent.
  virtual void on_value(std::size_t item, const DataValue& value) = 0;
  // The server does not watch this node; the others are watched all the same.
  virtual void on_item_error(std::size_t item, const std::string& why) = 0;
};

// Owner thread only.
class Connection {
 public:
  static constexpr std::chrono::milliseconds kAnswerMax{5000};

  // Signed in, or an error: opcua_unreachable (nobody there, no such endpoint, protocol), opcua_untrusted (what to do
  // is in the message), auth_failed, timeout, cancelled, not_found (host name). `answer_max`: for each request later.
  static Result<std::unique_ptr<Connection>> open(const OpcuaAccess& access, const Credentials& credentials,
                                                  MonoTime deadline, const std::stop_token& stop,
                                                  std::chrono::milliseconds answer_max = kAnswerMax);
  ~Connection();  // says goodbye, within half a second

  // One subscription for all items; `sink` gets their values while serve() runs. Nodes that the server refuses are told
  // to the sink and tried again by retry_refused(). Errors: opcua_unreachable, timeout, cancelled.
  Result<void> subscribe(const std::vector<Item>& items, const Publishing& publishing, ItemSink& sink,
                         MonoTime deadline, const std::stop_token& stop);
  Result<void> retry_refused(MonoTime deadline, const std::stop_token& stop);
  // Waits for messages at most so long and deals with them. Errors: opcua_unreachable: the connection is lost, or the
  // subscription is silent for longer than interval * keep_alive + answer_max.
  Result<void> serve(std::chrono::milliseconds wait_max);

  // Errors of both: opcua_unreachable, usage (what is no node), timeout, cancelled; limit_reached (the server calls
  // even one node too much). Also not_found (no such node, or not for us to see), limit_reached (more than 100,000).
  // Names and ids are the server's: whatever is in them.
  Result<std::vector<Node>> children(const std::string& node, MonoTime deadline, const std::stop_token& stop);
  // Of each node its value now, as many in one request as the server takes. What it can't give has a bad status.
  Result<std::vector<DataValue>> read(const std::vector<std::string>& nodes, MonoTime deadline,
                                      const std::stop_token& stop);
  // Once. `type`: of the node's value, as a read gave it. Errors: usage (what is no node; a type that is no number, or
  // that can't hold it: a whole number where it holds those): nothing was sent. write_refused (the server says no).
  // opcua_unreachable, timeout, cancelled: it may have arrived.
  Result<void> write(const std::string& node, std::string_view type, double number, MonoTime deadline,
                     const std::stop_token& stop);

 private:
  class Impl;
  explicit Connection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lineside::opcua
