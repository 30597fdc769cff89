#include "gateway/waveform/stream_waveforms.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <format>
#include <random>

#include "base/backoff.h"
#include "gateway/waveform/block_format.h"

namespace lineside::gateway {
namespace {

using std::chrono::milliseconds;
using Kind = config::WaveformSourceSettings::Kind;

constexpr milliseconds kPoll{200};
constexpr milliseconds kConnectMax{5000};
constexpr int kSilenceMs = 10'000;
constexpr int kLookUpPolls = 25;
constexpr int kReceiveBuffer = 4 << 20;

std::string last_error() { return std::strerror(errno); }

// A signal, or a datagram whose checksum was wrong: poll() had said that it is there.
bool nothing_to_read() { return errno == EAGAIN || errno == EINTR; }

struct Addresses {
  ~Addresses() {
    if (first != nullptr) freeaddrinfo(first);
  }
  addrinfo* first = nullptr;
};

bool readable(int socket, int wait_ms) {
  pollfd one{.fd = socket, .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, wait_ms) > 0;
}

// 0 or the errno.
int connect_in_time(int socket, const addrinfo& to, const std::stop_token& stop) {
  if (::connect(socket, to.ai_addr, to.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd one{.fd = socket, .events = POLLOUT, .revents = 0};
  const auto give_up = std::chrono::steady_clock::now() + kConnectMax;
  while (!stop.stop_requested() && std::chrono::steady_clock::now() < give_up) {
    if (::poll(&one, 1, static_cast<int>(kPoll.count())) <= 0) continue;
    int error = 0;
    socklen_t length = sizeof error;
    return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
  }
  return ETIMEDOUT;
}

}  // namespace

StreamWaveforms::StreamWaveforms(const config::WaveformSourceSettings& settings, Clock& clock, MetricsRegistry& metrics,
                                 HostNames::Lookup lookup)
    : settings_(settings), intake_(settings.name, clock, metrics), host_(settings.at.host, std::move(lookup)) {}

StreamWaveforms::~StreamWaveforms() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

Result<void> StreamWaveforms::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  return {};
}

Result<int> StreamWaveforms::open(const std::stop_token& stop) {
  auto addresses = host_.addresses(kPoll);
  for (int i = 1; !addresses && addresses.error().code == ErrorCode::timeout && i < kLookUpPolls; ++i) {
    if (stop.stop_requested()) return fail(ErrorCode::cancelled, "stopping");
    addresses = host_.addresses(kPoll);
  }
  if (!addresses) return std::unexpected(addresses.error());
  Result<int> opened = fail(ErrorCode::broker_unreachable, "no address");
  for (const std::string& address : *addresses) {
    if (stop.stop_requested()) break;
    if (opened = open_at(address, stop); opened) break;
  }
  return opened;
}

Result<int> StreamWaveforms::open_at(const std::string& address, const std::stop_token& stop) const {
  const bool tcp = settings_.kind == Kind::tcp;
  const addrinfo hints{.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = tcp ? SOCK_STREAM : SOCK_DGRAM};
  Addresses found;
  const std::string port = std::to_string(settings_.at.port);
  if (const int error = getaddrinfo(address.c_str(), port.c_str(), &hints, &found.first); error != 0)
    return fail(ErrorCode::broker_unreachable, std::format("{}: {}", address, gai_strerror(error)));
  const addrinfo& to = *found.first;
  const int socket = ::socket(to.ai_family, to.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, to.ai_protocol);
  if (socket < 0) return fail(ErrorCode::broker_unreachable, std::format("{}: {}", address, last_error()));
  setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
  const int error = tcp                                              ? connect_in_time(socket, to, stop)
                    : ::bind(socket, to.ai_addr, to.ai_addrlen) == 0 ? 0
                                                                     : errno;
  if (error == 0) return socket;
  ::close(socket);
  return fail(ErrorCode::broker_unreachable, std::format("{}: {}", address, std::strerror(error)));
}

void StreamWaveforms::run(const std::stop_token& stop) {
  Backoff backoff(settings_.reconnect_min, settings_.reconnect_max, std::random_device{}());
  while (!stop.stop_requested()) {
    std::string why;
    if (const auto socket = open(stop); !socket) {
      why = socket.error().message;
    } else {
      intake_.tell(true, "");
      backoff.reset();
      why = settings_.kind == Kind::tcp ? read_blocks(*socket, stop) : read_datagrams(*socket, stop);
      ::close(*socket);
    }
    if (stop.stop_requested()) return;
    intake_.tell(false, std::format("{}:{} of '{}': {}", settings_.at.host, settings_.at.port, settings_.name, why));
    if (wait_or_stop(stop, backoff.next())) return;
  }
}

std::string StreamWaveforms::read_blocks(int socket, const std::stop_token& stop) {
  std::vector<std::uint8_t> bytes;
  std::array<std::uint8_t, 1 << 16> part;
  int silent_ms = 0;
  while (!stop.stop_requested()) {
    if (!readable(socket, static_cast<int>(kPoll.count()))) {
      // Half-open connections look like silence: a new one tells.
      if ((silent_ms += static_cast<int>(kPoll.count())) >= kSilenceMs) return "nothing came for 10 s";
      continue;
    }
    silent_ms = 0;
    const ssize_t count = ::recv(socket, part.data(), part.size(), 0);
    if (count == 0) return "the other side closed the connection";
    if (count < 0 && nothing_to_read()) continue;
    if (count < 0) return last_error();
    bytes.insert(bytes.end(), part.begin(), part.begin() + count);
    std::size_t done = 0;
    while (bytes.size() - done >= kBlockHeaderBytes) {
      const auto rest = std::span(bytes).subspan(done);
      const auto length = block_bytes(rest);
      if (!length) {
        intake_.take("", std::unexpected(length.error()));
        return length.error().message;
      }
      if (rest.size() < *length) break;
      intake_.take("", parse_binary_block(rest.first(*length)));
      done += *length;
    }
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(done));
  }
  return {};
}

std::string StreamWaveforms::read_datagrams(int socket, const std::stop_token& stop) {
  std::array<std::uint8_t, 1 << 16> datagram;
  while (!stop.stop_requested()) {
    if (!readable(socket, static_cast<int>(kPoll.count()))) continue;
    const ssize_t count = ::recv(socket, datagram.data(), datagram.size(), 0);
    if (count < 0 && nothing_to_read()) continue;
    if (count < 0) return last_error();
    intake_.take("", parse_binary_block(std::span(datagram).first(static_cast<std::size_t>(count))));
  }
  return {};
}

}  // namespace lineside::gateway
