#include "gateway/local/bounded_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace lineside::gateway {
namespace {

using Deadline = std::chrono::steady_clock::time_point;

constexpr std::size_t kRequestBytesMax = 16'384;  // line, headers and all: these requests have no body

void address_of(const sockaddr_storage& address, std::string& ip, int& port) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    port = ntohs(v4.sin_port);
  } else if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof v6);
    inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    port = ntohs(v6.sin6_port);
  }
  ip = text.data();
}

class DeadlineStream final : public httplib::Stream {
 public:
  DeadlineStream(socket_t socket, Deadline deadline) : socket_(socket), deadline_(deadline) {}

  bool is_readable() const override { return begin_ < end_ || ready(POLLIN); }
  bool is_writable() const override { return ready(POLLOUT); }

  ssize_t read(char* into, std::size_t size) override {
    if (begin_ == end_) {
      if (received_ >= kRequestBytesMax || !ready(POLLIN)) return -1;
      const ssize_t got = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
      if (got <= 0) return got;
      begin_ = 0;
      end_ = static_cast<std::size_t>(got);
      received_ += end_;
    }
    const std::size_t count = std::min(size, end_ - begin_);
    std::memcpy(into, buffer_.data() + begin_, count);
    begin_ += count;
    return static_cast<ssize_t>(count);
  }

  ssize_t write(const char* from, std::size_t size) override {
    return ready(POLLOUT) ? ::send(socket_, from, size, MSG_NOSIGNAL | MSG_DONTWAIT) : -1;
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (getpeername(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0) address_of(address, ip, port);
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0) address_of(address, ip, port);
  }
  socket_t socket() const override { return socket_; }

 private:
  bool ready(short events) const {
    for (;;) {
      const auto rest = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
      if (rest.count() <= 0) return false;
      pollfd wanted{socket_, events, 0};
      const int count = poll(&wanted, 1, static_cast<int>(rest.count()));
      if (count > 0) return true;
      if (count == 0 || errno != EINTR) return false;
    }
  }

  const socket_t socket_;
  const Deadline deadline_;
  std::array<char, 2048> buffer_{};
  std::size_t begin_ = 0, end_ = 0, received_ = 0;
};

}  // namespace

BoundedServer::BoundedServer(int threads, int waiting_max, std::chrono::milliseconds request_time_max)
    : request_time_max_(request_time_max) {
  new_task_queue = [threads, waiting_max] {
    return new httplib::ThreadPool(static_cast<std::size_t>(threads), static_cast<std::size_t>(waiting_max));
  };
  // cpp-httplib's default, SO_REUSEPORT, would let two gateways share a port without a word.
  set_socket_options([](socket_t socket) {
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  set_payload_max_length(0);
}

bool BoundedServer::process_and_close_socket(socket_t socket) {
  DeadlineStream stream(socket, std::chrono::steady_clock::now() + request_time_max_);
  std::string remote, local;
  int remote_port = 0, local_port = 0;
  stream.get_remote_ip_and_port(remote, remote_port);
  stream.get_local_ip_and_port(local, local_port);
  bool closed = false;
  const bool done = process_request(stream, remote, remote_port, local, local_port, true, closed, nullptr);
  ::shutdown(socket, SHUT_RDWR);
  ::close(socket);
  return done;
}

}  // namespace lineside::gateway
