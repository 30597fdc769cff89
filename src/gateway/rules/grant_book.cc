#include "gateway/rules/grant_book.h"

#include <algorithm>
#include <format>

#include "config/grants.h"

namespace lineside::gateway {
namespace {

constexpr std::chrono::hours kHour{1};

}  // namespace

GrantBook::GrantBook(const config::GatewaySettings& settings, Clock& clock) : clock_(clock) {
  for (const config::GrantSettings& grant : settings.grants)
    grants_.try_emplace(grant.tag, Grant{grant, config::expires_at(grant), {}});
}

std::string GrantBook::refusal(const std::string& tag, const std::string& rule, double value, bool back) const {
  const auto found = grants_.find(tag);
  if (found == grants_.end()) return "nothing grants it";
  const auto& [terms, expires, asked] = found->second;
  if (!std::ranges::contains(terms.rules, rule)) return "its grant does not name the rule";
  const WallTime now = clock_.wall();
  if (now < kClockIsSet) return "the gateway's clock is not set, so that nobody knows whether its grant has expired";
  if (now >= expires) return std::format("its grant expired at {}", terms.expires);
  if (!(value >= terms.min && value <= terms.max))
    return std::format("its grant is for {} to {}", terms.min, terms.max);
  if (back) return {};
  while (!asked.empty() && clock_.mono() - asked.front() >= kHour) asked.pop_front();
  if (asked.size() >= static_cast<std::size_t>(terms.per_hour_max))
    return std::format("its grant is for {} writes an hour", terms.per_hour_max);
  if (!asked.empty() && clock_.mono() - asked.back() < terms.pause)
    return std::format("its grant asks for a pause of {} ms after a write", terms.pause.count());
  return {};
}

void GrantBook::count(const std::string& tag) {
  if (const auto found = grants_.find(tag); found != grants_.end()) found->second.asked.push_back(clock_.mono());
}

// One that is ahead of the clock, which was set back, counts as of now.
void GrantBook::recall(const std::string& tag, WallTime asked) {
  const auto found = grants_.find(tag);
  const nanoseconds ago = std::max<nanoseconds>(clock_.wall() - asked, nanoseconds{0});
  if (found == grants_.end() || ago >= kHour) return;
  auto& all = found->second.asked;
  all.insert(std::ranges::upper_bound(all, clock_.mono() - ago), clock_.mono() - ago);
}

}  // namespace lineside::gateway
