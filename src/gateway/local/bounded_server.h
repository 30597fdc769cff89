#pragma once
// cpp-httplib's server with one request per connection and a limit on the whole of it: its own limits are per read, so
// a client that sends a byte now and then could hold a thread for ever.
#include <httplib.h>

#include <chrono>

namespace lineside::gateway {

class BoundedServer final : public httplib::Server {
 public:
  // `request_time_max`: from accepting the connection to the last byte of the answer.
  BoundedServer(int threads, int waiting_max, std::chrono::milliseconds request_time_max);

 private:
  bool process_and_close_socket(socket_t socket) override;

  const std::chrono::milliseconds request_time_max_;
};

}  // namespace lineside::gateway
