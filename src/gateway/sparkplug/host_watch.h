#pragma once
// Whether the primary host application is online, as its STATE messages of one connection tell (Sparkplug 3.0, 5.5 and
// 5.6).
#include <cstdint>
#include <optional>

#include "wire/sparkplug.h"

namespace lineside::gateway {

// Not thread-safe. One for each connection: the broker keeps the newest STATE and gives it first, so that nothing older
// can come behind it, and a host whose clock was set back is not shut out for ever.
class HostWatch {
 public:
  enum class Change : std::uint8_t { none, online, offline };

  // `none`: an older message, or nothing new.
  Change take(const wire::sparkplug::HostState& state) {
    // The will of a host's earlier connection may come behind the birth of its next one.
    if (newest_ms_ && state.timestamp_ms < *newest_ms_) return Change::none;
    newest_ms_ = state.timestamp_ms;
    if (online_ == state.online) return Change::none;
    online_ = state.online;
    return state.online ? Change::online : Change::offline;
  }
  std::optional<bool> online() const { return online_; }  // nothing: not heard of

 private:
  std::optional<std::uint64_t> newest_ms_;
  std::optional<bool> online_;
};

}  // namespace lineside::gateway
