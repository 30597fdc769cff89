#pragma once
// Nodes of an OPC UA server, watched for years: connects, subscribes, and begins anew with back-off and jitter whenever
// the server restarts, the way to it breaks or it falls silent.
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "model/opcua_access.h"
#include "opcua/connection.h"

namespace lineside::opcua {

struct SessionOptions {
  OpcuaAccess server;
  std::string application = "gateway";  // of the certificate that is made when there is none
  Publishing publishing;
  std::chrono::milliseconds connect_max{10'000};
  std::chrono::milliseconds answer_max = Connection::kAnswerMax;  // for one request, and beyond the keep-alive time
  std::chrono::milliseconds reconnect_min{200}, reconnect_max{10'000};
  std::chrono::milliseconds retry_items{10'000};  // nodes that the server refused are asked for again so often
};

// Called on the session's thread; must be quick and must not block. Values of an item come in the order in which the
// server sends them. After each connect the server sends every item's present value, known already or not.
class Handler : public ItemSink {
 public:
  virtual void on_connected() = 0;                     // the subscription is there; first values may have come before
  virtual void on_disconnected(const Error& why) = 0;  // also each time that connecting fails
  virtual void on_served() {}                          // after each round of values, every 100 ms at the latest
  // Likewise, while the subscription is there: the only place from where the connection may be asked. What is asked
  // takes no longer than some seconds, and ends with `stop`.
  virtual void on_connection(Connection&, const std::stop_token&) {}
};

// Owns its thread. Liveness is judged by what comes: the server's keep-alives count, an open TCP connection does not.
class Session {
 public:
  // A server that is not there is no error. Errors: those of read_credentials().
  static Result<std::unique_ptr<Session>> start(const SessionOptions& options, std::vector<Item> items,
                                                Handler& handler);
  ~Session();  // within a second; a call of the handler that is under way is waited for. It hears nothing after it
  void ask_to_stop() { thread_.request_stop(); }  // returns at once; from any thread
  bool connected() const { return connected_; }

 private:
  Session(SessionOptions options, std::vector<Item> items, Handler& handler, Credentials credentials);
  void run(const std::stop_token& stop);
  Error one_connection(const std::stop_token& stop);

  const SessionOptions options_;
  const std::vector<Item> items_;
  Handler& handler_;
  const Credentials credentials_;
  std::atomic<bool> connected_{false};
  std::jthread thread_;
};

}  // namespace lineside::opcua
