// Instruments that publish by MQTT, as fast as a broker and what is behind it take it. Prints one JSON object.
//
//   mqtt_load publish PORT TOPICS VALUES RATE SECONDS   at RATE samples a second (QoS 0)
//   mqtt_load broker PORT TOPICS VALUES SECONDS         the same messages unpaced, and a subscriber that only counts
//   them
//
// Topics bench/0, bench/1 ... in turns; a message is {"t":MS,"v":[...]} with VALUES slowly changing numbers. Speaks to
// 127.0.0.1 over a bare socket: a client library would cost more than what is measured.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <format>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t kSendBytes = 16'384;
constexpr std::chrono::seconds kIdleMax{5};

double seconds_since(Steady::time_point then) { return std::chrono::duration<double>(Steady::now() - then).count(); }

// MQTT 3.1.1, as little of it as is needed here. Any trouble ends the program.
class Wire {
 public:
  explicit Wire(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) give_up("no broker there");
    const timeval idle{kIdleMax.count(), 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof idle);
    send({"\x10\x0C\x00\x04MQTT\x04\x02\x00\x00\x00\x00", 14});  // CONNECT: clean session, no keep-alive, no name
    std::array<char, 4> answer{};
    if (::recv(socket_, answer.data(), answer.size(), MSG_WAITALL) != 4 || answer[3] != 0) give_up("refused");
  }
  ~Wire() { ::close(socket_); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) give_up("the broker hung up");
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  std::size_t receive(std::vector<char>& into) const {  // 0: nothing for kIdleMax, or the end
    return static_cast<std::size_t>(std::max<ssize_t>(::recv(socket_, into.data(), into.size(), 0), 0));
  }
  static void append_length(std::string& to, std::size_t length) {
    for (; length >= 128; length /= 128) to += static_cast<char>(length % 128 + 128);
    to += static_cast<char>(length);
  }

 private:
  [[noreturn]] static void give_up(const char* why) {
    std::cerr << "mqtt_load: " << why << '\n';
    std::_Exit(1);
  }
  int socket_;
};

class Instruments {
 public:
  Instruments(int topics, int values) : values_(values) {
    for (int i = 0; i < topics; ++i) topics_.push_back(std::format("bench/{}", i));
  }
  // The next message as a PUBLISH packet, added to `out`.
  void add_message(std::string& out) {
    const std::string& topic = topics_[messages_ % topics_.size()];
    const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    payload_ = "{\"t\":";
    add_number(now.time_since_epoch().count());
    payload_ += ",\"v\":[";
    const double round = static_cast<double>(messages_ / topics_.size());
    const double base = static_cast<double>(messages_ % topics_.size() * 7 % 90);
    for (int i = 0; i < values_; ++i) {
      if (i > 0) payload_ += ',';
      // Slow, with steps of 0.01: as instruments with a few digits are.
      const double value = base + i + 5 * std::sin(round / 300 + i);
      add_number(std::round(value * 100) / 100);
    }
    payload_ += "]}";
    out += '\x30';
    Wire::append_length(out, 2 + topic.size() + payload_.size());
    out += static_cast<char>(topic.size() / 256);
    out += static_cast<char>(topic.size() % 256);
    out += topic;
    out += payload_;
    ++messages_;
  }
  std::uint64_t messages() const { return messages_; }
  std::uint64_t samples() const { return messages_ * static_cast<std::uint64_t>(values_); }

 private:
  template <class Number>
  void add_number(Number number) {
    std::array<char, 32> digits;
    payload_.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
  }
  const int values_;
  std::vector<std::string> topics_;
  std::string payload_;
  std::uint64_t messages_ = 0;
};

int publish(int port, Instruments instruments, double rate, double seconds) {
  const Wire wire(port);
  std::string out;
  const auto began = Steady::now();
  for (double now = 0; now < seconds; now = seconds_since(began)) {
    while (static_cast<double>(instruments.samples()) < rate * now) {
      instruments.add_message(out);
      if (out.size() < kSendBytes) continue;
      wire.send(out);
      out.clear();
    }
    wire.send(out);
    out.clear();
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  std::cout << std::format(R"({{"messages":{},"samples":{},"seconds":{:.3f}}})", instruments.messages(),
                           instruments.samples(), seconds_since(began))
            << std::endl;
  return 0;
}

// Counts the PUBLISH packets of a stream of packets.
class Counter {
 public:
  void take(const char* bytes, std::size_t size) {
    while (size > 0) {
      if (rest_ == 0) {
        head_ += *bytes++, --size;
        const bool whole = head_.size() > 1 && (head_.back() & 0x80) == 0;
        if (!whole) continue;
        for (std::size_t i = head_.size() - 1; i > 0; --i)
          rest_ = rest_ * 128 + static_cast<std::size_t>(head_[i] & 0x7F);
        messages_ += (head_[0] & 0xF0) == 0x30 ? 1 : 0;
        head_.clear();
      }
      const std::size_t skipped = std::min(rest_, size);
      bytes += skipped, size -= skipped, rest_ -= skipped;
    }
  }
  std::uint64_t messages() const { return messages_; }

 private:
  std::string head_;
  std::size_t rest_ = 0;
  std::uint64_t messages_ = 0;
};

int broker(int port, Instruments instruments, double seconds) {
  const Wire listening(port);
  std::string subscribe{
      "\x82\x0C\x00\x01\x00\x07"
      "bench/#\x00",
      14};  // SUBSCRIBE, QoS 0
  listening.send(subscribe);
  std::vector<char> buffer(1 << 16);
  if (listening.receive(buffer) != 5) return 1;  // SUBACK
  const auto began = Steady::now();
  std::atomic<std::uint64_t> sent{0};  // when all of it is
  std::jthread publisher([&] {
    const Wire wire(port);
    std::string out;
    while (seconds_since(began) < seconds) {
      while (out.size() < kSendBytes) instruments.add_message(out);
      wire.send(out);
      out.clear();
    }
    sent = instruments.messages();
  });
  Counter counter;
  double took = 0;
  while (sent == 0 || counter.messages() < sent) {
    const std::size_t got = listening.receive(buffer);
    if (got == 0) break;
    counter.take(buffer.data(), got);
    took = seconds_since(began);
  }
  publisher.join();
  std::cout << std::format(R"({{"sent":{},"messages":{},"seconds":{:.3f}}})", sent.load(), counter.messages(), took)
            << std::endl;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() == 6 && args[0] == "publish")
    return publish(std::stoi(args[1]), {std::stoi(args[2]), std::stoi(args[3])}, std::stod(args[4]),
                   std::stod(args[5]));
  if (args.size() == 5 && args[0] == "broker")
    return broker(std::stoi(args[1]), {std::stoi(args[2]), std::stoi(args[3])}, std::stod(args[4]));
  std::cerr << "usage: mqtt_load publish PORT TOPICS VALUES RATE SECONDS | broker PORT TOPICS VALUES SECONDS\n";
  return 2;
}
