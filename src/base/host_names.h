#pragma once
// Host names without waiting for a name server: a plant's network often has none that answers, and the system's lookup
// (getaddrinfo) can then take half a minute and can't be called off.
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace lineside {

// Addresses as text ("192.0.2.7", "2001:db8::7"), in the order in which they should be tried. Blocks for as long as the
// system likes. Errors: not_found.
Result<std::vector<std::string>> look_up_host(const std::string& host);

// Looks one name up on a thread of its own and remembers the last answer. Thread-safe.
class HostNames {
 public:
  using Lookup = std::function<Result<std::vector<std::string>>(const std::string& host)>;

  // Begins to look it up. An address needs no lookup and is its own answer.
  explicit HostNames(std::string host, Lookup lookup = look_up_host);
  ~HostNames();  // at once: a lookup under way ends by itself, unheard

  // What is known, at once, and never empty; meanwhile it is looked up again, at most once a second, so that a device
  // that has moved is found. Waits only as long as nothing is known, at most `wait_max`.
  // Errors: not_found, timeout.
  Result<std::vector<std::string>> addresses(std::chrono::nanoseconds wait_max);

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace lineside
