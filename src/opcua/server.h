#pragma once
// A small OPC UA server for the simulated plant and for tests, by open62541. Not for production.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace lineside::opcua {

struct ServerOptions {
  std::string address = "127.0.0.1";
  int port = 4840;
  bool unsecured = true;             // offers security None
  std::filesystem::path pki_folder;  // set: offers Basic256Sha256, both modes, to clients in its trusted/
  bool anonymous = true;
  std::string username, password;  // empty: nobody signs in by name
  int items_per_call_max = 0;      // of one request for monitored items; 0: any
  int reads_per_call_max = 0;      // of one request for values; likewise
  bool writable = false;           // clients may write nodes
};

using ServerValue = std::variant<double, std::string, std::vector<double>, std::vector<float>,
                                 std::vector<std::int16_t>, std::vector<std::int32_t>>;

// Serves on a thread of its own; thread-safe.
class Server {
 public:
  // Errors: address_in_use; those of own_identity().
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options);
  ~Server();  // closes every connection

  std::string url() const;
  // The node ns=1;s=NAME, made below the Objects folder at its first value, gets this value. A value of another type
  // than before is served all the same. Errors: internal (with the library's reason).
  Result<void> set(const std::string& name, const ServerValue& value, WallTime source_time, std::uint32_t status = 0);
  // Frozen: takes connections and bytes (the kernel does) and answers nothing.
  void freeze(bool frozen);

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lineside::opcua
