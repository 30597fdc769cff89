#pragma once
// Tests only: a real RTSP server on a free loopback port, in a thread of its own, that can be killed with its clients.
#include <memory>
#include <string>

namespace lineside::gateway {

class RtspTestServer {
 public:
  // `launch`: GStreamer text whose last element is a payloader named pay0. Port 0: a free one.
  explicit RtspTestServer(const std::string& launch, int port = 0);
  ~RtspTestServer();  // closes every connection at once
  std::string url() const;
  int port() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lineside::gateway
