#include "hub/http/live.h"

#include <condition_variable>

#include "hub/http/json_views.h"

namespace lineside::hub {
namespace {

constexpr auto kPeriod = std::chrono::milliseconds{200};
constexpr auto kAnswerMax = std::chrono::seconds{15};
constexpr auto kSessionCheck = std::chrono::seconds{10};

}  // namespace

LiveFeed::LiveFeed(Board& board, const Accounts& accounts, Clock& clock, MetricsRegistry& metrics)
    : board_(board),
      accounts_(accounts),
      clock_(clock),
      dropped_(metrics.counter("lineside_live_pages_dropped_total", "Open pages closed because they were too slow")),
      open_(metrics.gauge("lineside_live_pages", "Open pages that get live updates")) {}

LiveFeed::~LiveFeed() { stop(); }

void LiveFeed::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    while (!stop.stop_requested()) {
      tick();
      stopped.wait_for(lock, stop, kPeriod, [] { return false; });
    }
  });
}

void LiveFeed::stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  std::lock_guard lock(mutex_);
  for (auto& [id, page] : pages_) page.page->close();
  pages_.clear();
}

Result<std::uint64_t> LiveFeed::join(const std::string& token, std::shared_ptr<LivePage> page) {
  LINESIDE_ASSIGN(const auto who, accounts_.session(token));
  std::lock_guard lock(mutex_);
  if (pages_.size() >= kPagesMax)
    return fail(ErrorCode::limit_reached, std::format("{} pages are open already; close some.", kPagesMax));
  const auto id = next_id_++;
  pages_[id] = {who.tenant, token, std::move(page), 0, true, clock_.mono(), clock_.mono()};
  open_.set(static_cast<double>(pages_.size()));
  return id;
}

void LiveFeed::leave(std::uint64_t id) {
  std::lock_guard lock(mutex_);
  pages_.erase(id);
  open_.set(static_cast<double>(pages_.size()));
}

void LiveFeed::answered(std::uint64_t id) {
  std::lock_guard lock(mutex_);
  const auto found = pages_.find(id);
  if (found != pages_.end() && found->second.in_flight > 0) --found->second.in_flight;
}

std::string LiveFeed::snapshot(const std::string& tenant) const {
  return live_json("snapshot", {board_.stations(tenant), board_.gateways(tenant), board_.assets(tenant), {}, {}},
                   clock_.wall());
}

void LiveFeed::serve(Page& page, const std::map<std::string, BoardChanges>& changes,
                     std::map<std::string, std::string>& texts) {
  const auto changed = changes.find(page.tenant);
  if (page.in_flight >= kInFlightMax) {
    if (changed != changes.end()) page.needs_snapshot = true;
    return;
  }
  std::string text;
  if (page.needs_snapshot) {
    text = snapshot(page.tenant);
  } else if (changed != changes.end()) {
    auto& shared = texts[page.tenant];
    if (shared.empty()) shared = live_json("update", changed->second, clock_.wall());
    text = shared;
  } else {
    return;
  }
  page.page->send(text);
  page.needs_snapshot = false;
  ++page.in_flight;
  page.sent = clock_.mono();
}

void LiveFeed::tick() {
  const auto changes = board_.take_changes();
  std::map<std::string, std::string> texts;
  const auto now = clock_.mono();
  std::lock_guard lock(mutex_);
  for (auto entry = pages_.begin(); entry != pages_.end();) {
    auto& page = entry->second;
    const bool slow = page.in_flight > 0 && now - page.sent > kAnswerMax;
    bool ended = false;
    if (now - page.checked > kSessionCheck) {
      ended = !accounts_.session(page.token);
      page.checked = now;
    }
    if (slow) dropped_.add();
    if (slow || ended) {
      page.page->close();
      entry = pages_.erase(entry);
      open_.set(static_cast<double>(pages_.size()));
      continue;
    }
    serve(page, changes, texts);
    ++entry;
  }
}

}  // namespace lineside::hub
