#pragma once
// Slows down who guesses passwords: after a few failures a key has to wait, longer each time, up to a limit.
#include <chrono>
#include <map>
#include <mutex>
#include <string>

#include "base/clock.h"

namespace lineside::hub {

// Whom a wait or a share is for: an IPv4 address itself, also one written as IPv6; the first 64 bits of an IPv6
// address, since whoever has one of those has all of them. Anything else as it is.
std::string network_of(const std::string& address);

// Thread-safe. Bounded: at most `keys_max` keys; when full, the one that failed longest ago is forgotten.
class SignInThrottle {
 public:
  // The first `free_failures` cost nothing; then 1 s, 2 s, 4 s ... up to 60 s from the last failure on.
  explicit SignInThrottle(Clock& clock, int free_failures = 5, std::size_t keys_max = 10'000);

  // How long the key still has to wait; zero: go on.
  std::chrono::seconds wait(const std::string& key) const;
  void failed(const std::string& key);
  void succeeded(const std::string& key);
  std::size_t size() const;

 private:
  struct Entry {
    int failures = 0;
    MonoTime last{};
  };
  std::chrono::seconds penalty(const Entry& entry) const;

  Clock& clock_;
  const int free_failures_;
  const std::size_t keys_max_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace lineside::hub
