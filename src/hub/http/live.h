#pragma once
// Pushes the board's changes to the open pages. At most five messages a second for a page; what happens in between is
// merged. A page acknowledges each message; one with two unanswered messages gets nothing more until it answers, then a
// whole snapshot, so that no more than two messages ever wait for a slow page. After 15 s without an answer it is
// dropped.
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/metrics.h"
#include "hub/auth/accounts.h"
#include "hub/http/board.h"

namespace lineside::hub {

// An open page. Called on the feed's thread; must not block.
class LivePage {
 public:
  virtual ~LivePage() = default;
  virtual void send(const std::string& message) = 0;
  virtual void close() = 0;  // slow, or its session has ended
};

// Thread-safe.
class LiveFeed {
 public:
  static constexpr std::size_t kPagesMax = 200;
  static constexpr int kInFlightMax = 2;

  LiveFeed(Board& board, const Accounts& accounts, Clock& clock, MetricsRegistry& metrics);
  ~LiveFeed();  // stops, closes every page

  void start();  // the thread that calls tick() every 200 ms
  void stop();

  // Its first message is a snapshot. When all places are taken, the tenant with the most pages gives its oldest one, so
  // that nobody keeps the others out. Errors: auth_failed (no session), limit_reached (the most are the caller's own).
  Result<std::uint64_t> join(const std::string& token, std::shared_ptr<LivePage> page);
  void leave(std::uint64_t id);
  void answered(std::uint64_t id);

  void tick();

 private:
  struct Page {
    std::string tenant, token;
    std::shared_ptr<LivePage> page;
    int in_flight = 0;
    bool needs_snapshot = true;
    MonoTime sent{}, checked{};
  };
  using Texts = std::map<std::pair<std::string, bool>, std::string>;  // by tenant; true: of a snapshot
  void serve(Page& page, const std::map<std::string, BoardChanges>& changes, Texts& texts);
  std::string snapshot(const std::string& tenant) const;
  std::shared_ptr<LivePage> take_one_of_the_most(const std::string& tenant);

  Board& board_;
  const Accounts& accounts_;
  Clock& clock_;
  Counter& dropped_;
  Gauge& open_;
  std::mutex mutex_;
  std::map<std::uint64_t, Page> pages_;
  std::uint64_t next_id_ = 1;
  std::jthread thread_;
};

}  // namespace lineside::hub
