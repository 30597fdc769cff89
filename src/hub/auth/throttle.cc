#include "hub/auth/throttle.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace lineside::hub {

using std::chrono::seconds;

std::string network_of(const std::string& address) {
  in6_addr v6{};
  if (inet_pton(AF_INET6, address.c_str(), &v6) != 1) return address;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return inet_ntop(AF_INET, v6.s6_addr + 12, text.data(), text.size());
  std::memset(v6.s6_addr + 8, 0, 8);
  return inet_ntop(AF_INET6, &v6, text.data(), text.size());
}

SignInThrottle::SignInThrottle(Clock& clock, int free_failures, std::size_t keys_max)
    : clock_(clock), free_failures_(free_failures), keys_max_(keys_max) {}

seconds SignInThrottle::penalty(const Entry& entry) const {
  const int over = entry.failures - free_failures_;
  if (over < 0) return seconds{0};
  return seconds{std::min(60, 1 << std::min(over, 6))};
}

seconds SignInThrottle::wait(const std::string& key) const {
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return seconds{0};
  const auto left = found->second.last + penalty(found->second) - clock_.mono();
  return std::max(seconds{0}, std::chrono::ceil<seconds>(left));
}

void SignInThrottle::failed(const std::string& key) {
  std::lock_guard lock(mutex_);
  const auto now = clock_.mono();
  // An hour without a failure wipes the slate: a person who mistypes now and then never waits.
  std::erase_if(entries_, [&](const auto& entry) { return now - entry.second.last > std::chrono::hours{1}; });
  if (!entries_.contains(key) && entries_.size() >= keys_max_)
    entries_.erase(std::ranges::min_element(entries_, {}, [](const auto& entry) { return entry.second.last; }));
  auto& entry = entries_[key];
  ++entry.failures;
  entry.last = now;
}

void SignInThrottle::succeeded(const std::string& key) {
  std::lock_guard lock(mutex_);
  entries_.erase(key);
}

std::size_t SignInThrottle::size() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace lineside::hub
