#include "base/host_names.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <array>
#include <condition_variable>
#include <format>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

namespace lineside {
namespace {

constexpr std::chrono::seconds kLookUpAgainAfter{1};

bool is_address(const std::string& host) {
  in6_addr any{};
  return ::inet_pton(AF_INET, host.c_str(), &any) == 1 || ::inet_pton(AF_INET6, host.c_str(), &any) == 1;
}

}  // namespace

Result<std::vector<std::string>> look_up_host(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); code != 0)
    return fail(ErrorCode::not_found, std::format("the host name {} has no address: {}", host, ::gai_strerror(code)));
  std::vector<std::string> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0)
      addresses.emplace_back(text.data());
  }
  ::freeaddrinfo(found);
  if (addresses.empty()) return fail(ErrorCode::not_found, std::format("the host name {} has no address", host));
  return addresses;
}

struct HostNames::State {
  State(std::string name, Lookup how) : host(std::move(name)), lookup(std::move(how)) {}

  const std::string host;
  const Lookup lookup;
  std::mutex mutex;
  std::condition_variable changed;
  bool under_way = false;
  std::optional<std::chrono::steady_clock::time_point> began;
  std::optional<Error> why;  // of the last lookup
  std::vector<std::string> known;

  // With the mutex held. The thread keeps the state alive, not its owner: nobody can call getaddrinfo off.
  static void begin(const std::shared_ptr<State>& state) {
    const auto now = std::chrono::steady_clock::now();
    if (state->under_way || (state->began && now - *state->began < kLookUpAgainAfter)) return;
    state->began = now;
    state->under_way = true;
    try {
      std::thread([state] { look_up(*state); }).detach();
    } catch (const std::system_error& error) {
      state->under_way = false;
      state->why = Error{ErrorCode::limit_reached, error.what()};
    }
  }

  static void look_up(State& state) {
    auto answer = state.lookup(state.host);
    const std::lock_guard lock(state.mutex);
    state.under_way = false;
    state.why.reset();
    if (answer) state.known = std::move(*answer);
    if (!answer) state.why = answer.error();
    state.changed.notify_all();
  }
};

HostNames::HostNames(std::string host, Lookup lookup)
    : state_(std::make_shared<State>(std::move(host), std::move(lookup))) {
  const std::lock_guard lock(state_->mutex);
  if (is_address(state_->host))
    state_->known = {state_->host};
  else
    State::begin(state_);
}

HostNames::~HostNames() = default;

Result<std::vector<std::string>> HostNames::addresses(std::chrono::nanoseconds wait_max) {
  std::unique_lock lock(state_->mutex);
  if (is_address(state_->host)) return state_->known;
  State::begin(state_);
  state_->changed.wait_for(lock, wait_max, [&] { return !state_->known.empty() || !state_->under_way; });
  if (!state_->known.empty()) return state_->known;
  if (state_->why) return std::unexpected(*state_->why);
  return fail(ErrorCode::timeout, std::format("the name server has not answered for {} yet", state_->host));
}

}  // namespace lineside
